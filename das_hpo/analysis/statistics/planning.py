"""How many trials of each are needed, before any is made: power by simulation of the tests that compare uses.

Trials are drawn anew, with replacement, from those of a pilot, the diverged ones among them, and A's are shifted by
the difference that is to be found; or they are drawn from a normal population of a given deviation. What is counted is
how often the verdict is the right one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, UNDECIDED, WORSE, oftener
from das_hpo.analysis.statistics.differences import median_difference, rounded
from das_hpo.analysis.statistics.samples import FloatArray, Values, rejects, worst_last
from das_hpo.analysis.statistics.sequential import nominal_level
from das_hpo.analysis.statistics.significance import LEAST_PAIRS
from das_hpo.analysis.statistics.small_samples import FEW, welch
from das_hpo.analysis.statistics.superiority import Design, equality_test
from spaces.errors import InvalidValueError

#: Samples that are simulated for each size, and decisions until decided.
REPLICATIONS = 400
DECISIONS = 200

#: Sizes at which power is simulated, each larger by the root of 2; the small ones, which take long, where they matter.
SIZES = (20, 28, 40, 57, 80, 113, 160, 226, 320, 453, 640, 905, 1280, 1810)
SMALL_SIZES = (14, 10, 7, 5)

#: Trials of a population that stands for a normal one.
POPULATION = 20_000


@dataclass(frozen=True, slots=True)
class Pilot:
    """What trials are drawn from; on the whole, A and B are equally good.

    Attributes:
        first: Of A, minus infinity for diverged.
        second: Of B.
        paired: Whether trials at the same place have the same seed, so that they may be drawn in pairs.
    """

    first: FloatArray
    second: FloatArray
    paired: bool

    @classmethod
    def of(cls, first: Values, second: Values | None = None, *, paired: bool = False) -> Pilot:
        """Of the trials of one configuration, which stand for both, or of two, whose difference is taken out.

        Raises:
            InvalidValueError: If there is no trial that did not diverge, or a difference cannot be taken out.
        """
        a = worst_last(first)
        b = a if second is None else worst_last(second)
        if not (np.isfinite(a).any() and np.isfinite(b).any()):
            raise InvalidValueError("a pilot needs trials that did not diverge, of each that is named")
        difference = median_difference(a, b)
        if not math.isfinite(difference):
            raise InvalidValueError("so many trials of one diverge that no difference can be planned for")
        return cls(a - difference, b, paired)

    @classmethod
    def normal(cls, deviation: float, diverging: float = 0.0, correlation: float | None = None) -> Pilot:
        """A normal population.

        Args:
            deviation: Standard deviation of the trials.
            diverging: Share of them that diverge.
            correlation: Between trials of equal seed; None if they are not paired.
        """
        rng = np.random.default_rng(0)
        a, b = rng.normal(0, deviation, (2, POPULATION))
        if correlation is not None:
            b = correlation * a + math.sqrt(1 - correlation**2) * b
        a, b = (np.where(rng.random(POPULATION) < diverging, np.nan, values) for values in (a, b))
        return cls.of(a, b, paired=correlation is not None)

    def draw(
        self, rng: np.random.Generator, trials: int, shift: float, *, paired: bool
    ) -> tuple[FloatArray, FloatArray]:
        """So many trials of A, which is better by the shift, and of B."""
        if paired:
            places = rng.integers(len(self.first), size=trials)
            return self.first[places] + shift, self.second[places]
        return rng.choice(self.first, trials) + shift, rng.choice(self.second, trials)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be found out, of A that is better by the difference.

    Attributes:
        difference: The true one.
        margin: Differences smaller than this are of no consequence.
        verdict: The right one, ``better`` or ``as good``.
    """

    difference: float
    margin: float
    verdict: str


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """The power at several sizes.

    Attributes:
        trials: Of each sample.
        power: How often the verdict is right.
    """

    trials: tuple[int, ...]
    power: tuple[float, ...]

    def needed(self, power: float) -> int | None:
        """The least number of trials with at least that power, between two sizes by interpolation; None if none has.

        The normal quantile of the power is nearly linear in the root of the number of trials.
        """
        reached = next((place for place, found in enumerate(self.power) if found >= power), None)
        if reached is None:
            return None
        if reached == 0:
            return self.trials[0]
        roots = [math.sqrt(count) for count in self.trials[reached - 1 : reached + 1]]
        ends = stats.norm.ppf(np.clip(self.power[reached - 1 : reached + 1], 1e-3, 1 - 1e-3))
        share = (float(stats.norm.ppf(power)) - ends[0]) / (ends[1] - ends[0])
        return math.ceil((roots[0] + float(share) * (roots[1] - roots[0])) ** 2 - 1e-9)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What comes of adding trials until it is decided.

    Attributes:
        trials: Of each, in the mean.
        right: Share of the right verdict.
        undecided: Share that had the most trials, and was not decided.
    """

    trials: float
    right: float
    undecided: float


def verdict_of(
    first: FloatArray, second: FloatArray, margin: float, *, paired: bool, level: float = 0.95, sequential: bool = False
) -> str:
    """The verdict of :func:`das_hpo.analysis.statistics.decide` by the tests alone, which is faster.

    The interval of compare holds the shifts that the test does not reject: it lies within the margin if the test
    rejects both ends of the margin.

    Args:
        first: Trials of A, minus infinity for diverged.
        second: Trials of B.
        margin: Differences smaller than this are of no consequence.
        paired: Whether trials at the same place are pairs.
        level: Confidence level.
        sequential: Whether trials were added until something was decided.
    """
    m, n = len(first), len(second)
    design = Design(m, n, min(m, n) if paired and min(m, n) >= LEAST_PAIRS else 0)
    fixed = nominal_level(level, m, n) if sequential else level

    def side(shift: float) -> int:
        """Whether the difference is above the shift, or below; 0 if neither can be told."""
        statistic, p_value = equality_test(np.concatenate([first - shift, second]), design)
        if min(m, n) < FEW:
            other, bounds = welch(first - shift, second, fixed)
            p_value = max(p_value, other if math.copysign(1, bounds.low + bounds.high) == np.sign(statistic) else 1.0)
        return int(np.sign(statistic)) if rejects(p_value, fixed) else 0

    found = side(0.0)
    near = margin > 0 and (found == 0 or abs(median_difference(first, second)) < margin)
    if near and side(margin) < 0 and side(-margin) > 0:
        diverged = int(np.isinf(first).sum()), int(np.isinf(second).sum())
        if oftener((m, n), diverged, level) == 0:
            return AS_GOOD
    return {1: BETTER, -1: WORSE, 0: UNDECIDED}[found]


def power_curve(
    pilot: Pilot, question: Question, powers: Sequence[float], *, paired: bool, level: float = 0.95
) -> PowerCurve:
    """The power at sizes from the last that has less than the least of some powers to the first that has the most."""
    found: dict[int, float] = {}
    for trials in SIZES:
        found[trials] = _power(pilot, question, trials, paired, level)
        if found[trials] >= max(powers):
            break
    for trials in SMALL_SIZES:
        if found[min(found)] < min(powers):
            break
        found[trials] = _power(pilot, question, trials, paired, level)
    sizes = sorted(found)
    return PowerCurve(tuple(sizes), tuple(found[trials] for trials in sizes))


def _power(pilot: Pilot, question: Question, trials: int, paired: bool, level: float) -> float:
    rng, right = np.random.default_rng(trials), 0
    for _ in range(REPLICATIONS):
        a, b = rounded(*pilot.draw(rng, trials, question.difference, paired=paired))
        right += verdict_of(a, b, question.margin, paired=paired, level=level) == question.verdict
    return right / REPLICATIONS


def until_decided(
    pilot: Pilot, question: Question, looks: Sequence[int], *, paired: bool, level: float = 0.95
) -> Stopped:
    """What comes of adding trials until it is decided, looked at after so many of each."""
    rng = np.random.default_rng(1)
    used, right, undecided = 0, 0, 0
    for _ in range(DECISIONS):
        a, b = rounded(*pilot.draw(rng, looks[-1], question.difference, paired=paired))
        verdict, trials = UNDECIDED, looks[-1]
        for trials in looks:
            verdict = verdict_of(a[:trials], b[:trials], question.margin, paired=paired, level=level, sequential=True)
            if verdict != UNDECIDED:
                break
        used += trials
        right += verdict == question.verdict
        undecided += verdict == UNDECIDED
    return Stopped(used / DECISIONS, right / DECISIONS, undecided / DECISIONS)
