"""Is A better than B: one test, the probability that it is, the difference, and their intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.differences import difference_interval, effect, median_difference, rounded
from das_hpo.analysis.statistics.run_variance import RunVariance
from das_hpo.analysis.statistics.samples import (
    FloatArray,
    Interval,
    Values,
    as_values,
    check_level,
    rejects,
    worst_last,
)
from das_hpo.analysis.statistics.sequential import any_time_p, nominal_level
from das_hpo.analysis.statistics.small_samples import FEW, agreeing_interval, welch
from das_hpo.analysis.statistics.superiority import Design, equality_test, interval_of_superiority, saved_by_pairs
from spaces.errors import InvalidValueError

BRUNNER_MUNZEL = "brunner-munzel"

#: The same test where trials were added until something was decided: p and intervals hold whenever one stops.
ANY_TIME = "brunner-munzel, any time"

#: Trials of equal seeds are taken as pairs from so many on: of fewer, no covariance can be estimated.
LEAST_PAIRS = 10

#: In the place of a corrected interval where none was made.
NOT_CORRECTED = Interval.undefined(math.nan)


@dataclass(frozen=True, slots=True)
class Trials:
    """A named sample, with the seeds of its trials where they are known.

    Attributes:
        name: What the sample is called.
        values: One value a trial, NaN for diverged.
        seeds: One seed a trial, all different; None if unknown.
        sequential: Whether trials were added until something was decided, so that their number says something, too.
    """

    name: str
    values: Values
    seeds: Sequence[int] | None = None
    sequential: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two samples compared; a diverged trial is worse than every other and equal to another diverged one.

    Test, probability, difference and intervals are about the same thing, a trial of A against one of B, over all
    trials, the diverged among them.

    Attributes:
        first: Name of A.
        second: Name of B.
        test: :data:`BRUNNER_MUNZEL`, with and without pairs; :data:`ANY_TIME` if one of the samples is sequential.
        pairs: Pairs of equal seed whose covariance the test uses; 0 if there are fewer than :data:`LEAST_PAIRS`.
        statistic: Of the test: the probability's distance from 1/2 in standard errors.
        p_value: Two-sided; NaN where a sample is empty.
        p_holm: Corrected for all comparisons that were made together.
        improvement: Probability that a trial of A is better than one of B, ties counted half.
        improvement_interval: Its interval, which holds 1/2 exactly if the test does not reject it.
        difference: Median of the differences between a trial of A and one of B, over all pairs of trials, in the
            values' unit (Hodges and Lehmann); infinite where it lies at diverged trials.
        difference_interval: The differences that the test does not reject; 0 is in it exactly if it does not reject 0.
        direction: What the test found the better: 1 is A, -1 is B, 0 neither.
        medians: Medians of A and B over all trials; minus infinity where half of them diverged.
        trials: Numbers of trials of A and B, the diverged among them; or of runs, if groups of runs are compared.
        runs: The parts of the difference's variance, if groups of runs are compared by their means.
        diverged: How many trials of A and B diverged.
        family_interval: As ``difference_interval``, so much wider that those of all comparisons that were made
            together hold the truth with the level's probability (Bonferroni).
    """

    first: str
    second: str
    test: str
    pairs: int
    statistic: float
    p_value: float
    p_holm: float
    improvement: float
    improvement_interval: Interval
    difference: float
    difference_interval: Interval
    direction: int = 0
    medians: tuple[float, float] = (math.nan, math.nan)
    trials: tuple[int, int] = (0, 0)
    runs: RunVariance | None = None
    diverged: tuple[int, int] = (0, 0)
    family_interval: Interval = NOT_CORRECTED

    @property
    def sequential(self) -> bool:
        """Whether p and intervals hold whenever one stops, and not for a number of trials that was fixed before."""
        return self.test == ANY_TIME


def compare_all(samples: Sequence[Trials], *, level: float = 0.95) -> list[Comparison]:
    """Every pair of samples, in order, corrected for all of them."""
    return compare_pairs(list(itertools.combinations(samples, 2)), level=level)


def compare_pairs(pairs: Sequence[tuple[Trials, Trials]], *, level: float = 0.95) -> list[Comparison]:
    """These pairs of samples, corrected for all of them: p by Holm, ``family_interval`` by Bonferroni.

    All intervals of sequential samples hold together at the level: on them it was decided when to stop.
    """
    asked = sum(bool(len(as_values(a.values)) and len(as_values(b.values))) for a, b in pairs)
    compared = [compare(a, b, level=level, questions=max(1, asked)) for a, b in pairs]
    if asked > 1:
        wide = 1 - (1 - level) / asked
        compared = [
            found if found.sequential else replace(found, family_interval=compare(a, b, level=wide).difference_interval)
            for found, (a, b) in zip(compared, pairs, strict=True)
        ]
    corrected = holm([comparison.p_value for comparison in compared])
    return [replace(comparison, p_holm=p) for comparison, p in zip(compared, corrected, strict=True)]


def compare(first: Trials, second: Trials, *, level: float = 0.95, questions: int = 1) -> Comparison:
    """Compares all trials of two samples; those of equal seeds as pairs, where there are enough.

    Args:
        first: A.
        second: B.
        level: Confidence level of the intervals.
        questions: How many comparisons the intervals of sequential samples hold together with.

    Raises:
        InvalidValueError: For seeds that are not one a trial, or a level outside (0, 1).
    """
    check_level(level)
    a, b = rounded(worst_last(first.values), worst_last(second.values))
    a_paired, b_paired = pair_by_seed(first, second)
    a, b = (np.concatenate([x[paired], np.delete(x, paired)]) for x, paired in ((a, a_paired), (b, b_paired)))
    design = Design(len(a), len(b), len(a_paired))
    none = Interval.undefined(level)
    sequential = first.sequential or second.sequential
    fixed = nominal_level(1 - (1 - level) / questions, len(a), len(b)) if sequential else level
    found = Comparison(
        first=first.name,
        second=second.name,
        test=ANY_TIME if sequential else BRUNNER_MUNZEL,
        pairs=design.pairs,
        statistic=math.nan,
        p_value=math.nan,
        p_holm=math.nan,
        improvement=math.nan,
        improvement_interval=none,
        difference=math.nan,
        difference_interval=none,
        medians=(_median(a), _median(b)),
        trials=(len(a), len(b)),
        diverged=(int(np.isinf(a).sum()), int(np.isinf(b).sum())),
        family_interval=none,
    )
    if not (len(a) and len(b)):
        return found
    return _tested(found, a, b, design, fixed)


def _tested(found: Comparison, a: FloatArray, b: FloatArray, design: Design, fixed: float) -> Comparison:
    """The comparison with its test, numbers and intervals.

    Args:
        found: What is known before.
        a: A's trials, partners first, minus infinity for diverged.
        b: B's.
        design: How they are paired.
        fixed: The level at which a test of a number of trials that was fixed before gives the intervals.
    """
    level = found.difference_interval.level
    statistic, p_value = equality_test(np.concatenate([a, b]), design)
    shifts = difference_interval(a, b, design, fixed, p_value)
    if min(len(a), len(b)) < FEW:
        other, bounds = welch(a, b, fixed)
        p_value = max(p_value, other if math.copysign(1, bounds.low + bounds.high) == np.sign(statistic) else 1.0)
        shifts = agreeing_interval(shifts, bounds, rejects(p_value, fixed))
    superiority = effect(a, b, design)
    # One trial of a sample says nothing of its spread.
    freedom = max(1.0, float(superiority.degrees), min(len(a), len(b)) - 1)
    quantile = float(stats.t.ppf((1 + fixed) / 2, freedom))
    saved = saved_by_pairs(np.concatenate([a, b]), superiority, design)
    bounds = interval_of_superiority(superiority, design, fixed, quantile, rejects(p_value, fixed), saved)
    shifts = replace(shifts, level=level)
    p_value = any_time_p(p_value, len(a), len(b)) if found.sequential else p_value
    return replace(
        found,
        statistic=statistic,
        p_value=p_value,
        p_holm=p_value,
        improvement=float(superiority.estimate),
        improvement_interval=replace(bounds, level=level),
        difference=median_difference(a, b),
        difference_interval=shifts,
        family_interval=shifts,
        direction=int(np.sign(statistic)),
    )


def pair_by_seed(first: Trials, second: Trials) -> tuple[list[int], list[int]]:
    """Indices of the trials with equal seeds, none where they are fewer than :data:`LEAST_PAIRS`.

    Raises:
        InvalidValueError: If a sample has not one seed a trial.
    """
    positions: list[Mapping[int, int]] = []
    for trials in (first, second):
        if trials.seeds is None:
            return [], []
        count = len(as_values(trials.values))
        if len(trials.seeds) != count:
            raise InvalidValueError(f"{trials.name} has {count} trials and {len(trials.seeds)} seeds")
        positions.append({int(seed): index for index, seed in enumerate(trials.seeds)})
        if len(positions[-1]) != count:
            return [], []  # a seed that occurs twice names no pair
    shared = [seed for seed in positions[0] if seed in positions[1]]
    if len(shared) < LEAST_PAIRS:
        return [], []
    return [positions[0][seed] for seed in shared], [positions[1][seed] for seed in shared]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction; NaN (no test) stays NaN and counts for nothing.

    statsmodels' multipletests gives the same, and collects garbage at each call: a tenth of a second and more in a
    process that holds much.
    """
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]  # NaN comes last
    steps = np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1))
    corrected[order] = np.minimum(steps, 1.0)
    return [float(value) for value in corrected]


def probability_of_improvement(a: Values, b: Values, *, level: float = 0.95) -> tuple[float, Interval]:
    """P(A > B) + P(A = B) / 2 over all pairs of trials, with its interval; see :class:`Comparison`."""
    found = compare(Trials("A", a), Trials("B", b), level=level)
    return found.improvement, found.improvement_interval


def _median(sample: FloatArray) -> float:
    if len(sample) == 0:
        return math.nan
    lower, upper = np.sort(sample)[[(len(sample) - 1) // 2, len(sample) // 2]]
    return float(lower) if lower == upper else float((lower + upper) / 2)
