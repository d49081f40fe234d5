"""From an interval and a margin to a verdict: better, as good, worse or undecided; and how many trials would decide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from das_hpo.analysis.statistics.samples import Interval, rejects
from das_hpo.analysis.statistics.significance import Comparison
from spaces.errors import InvalidValueError

BETTER = "better"
AS_GOOD = "as good"
WORSE = "worse"
UNDECIDED = "undecided"

#: Differences up to this are of no consequence, in the unit of the metric (dB of PSNR).
MARGIN = 0.25

#: The further trials decide with this probability, if the difference is as estimated.
POWER = 0.8

#: More trials than this are called none: nobody runs them.
MOST_TRIALS = 100_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What an interval says of A and B at a margin.

    Attributes:
        verdict: :data:`BETTER`, :data:`AS_GOOD`, :data:`WORSE` or :data:`UNDECIDED`, of A.
        equivalent: Whether the difference is smaller than the margin either way.
        not_inferior: Whether A is not worse by the margin or more.
        more_trials: Trials to add to each sample so that it is decided with the probability :data:`POWER`, if the
            difference is as estimated; 0 if it is decided, None where the data do not say or nobody runs so many.
    """

    verdict: str
    equivalent: bool
    not_inferior: bool
    more_trials: int | None


def decide(comparison: Comparison, margin: float = MARGIN, *, one_sided: bool = False) -> Decision:
    """The verdict on A at a margin, from the interval of the difference that is printed.

    As good: the whole interval, corrected for all comparisons, lies within the margin, which is a test of equivalence
    by two one-sided tests (Schuirmann 1987), each at half of 1 - level, and neither diverges more often than chance
    explains (Fisher's exact test), which no margin of scores excuses. Better and worse: the interval excludes 0, the
    test corrected for all comparisons does so too, and they are not as good.

    Args:
        comparison: Of A and B, positive differences meaning that A is better.
        margin: Differences smaller than this are of no consequence; at 0 nothing is as good.
        one_sided: Whether A is as good, too, where it is merely not worse by the margin (non-inferiority).

    Raises:
        InvalidValueError: For a margin that is negative or no number.
    """
    check_margin(margin)
    interval = comparison.difference_interval
    if not interval.defined:
        return Decision(UNDECIDED, equivalent=False, not_inferior=False, more_trials=None)
    wide = interval if math.isnan(comparison.family_interval.level) else comparison.family_interval
    more_often = diverges_oftener(comparison)
    equivalent = -margin < wide.low and wide.high < margin and more_often == 0
    not_inferior = wide.low > -margin and more_often <= 0
    corrected = rejects(comparison.p_holm, interval.level)
    if equivalent:
        verdict = AS_GOOD
    elif corrected and interval.low > 0:
        verdict = BETTER
    elif corrected and interval.high < 0:
        verdict = WORSE
    else:
        verdict = AS_GOOD if one_sided and not_inferior else UNDECIDED
    more: int | None = 0
    if verdict == UNDECIDED:  # how often trials diverge is another question than the margin's
        more = None if more_often else more_trials(wide, comparison.difference, comparison.trials, margin)
    return Decision(verdict, equivalent, not_inferior, more)


def diverges_oftener(comparison: Comparison) -> int:
    """1 if A diverges more often than B, -1 if B does, 0 if chance explains it (Fisher's exact test at the level)."""
    return oftener(comparison.trials, comparison.diverged, comparison.difference_interval.level)


def oftener(trials: tuple[int, int], diverged: tuple[int, int], level: float) -> int:
    """As :func:`diverges_oftener`, of so many trials of which so many diverged."""
    (first, second), (a, b) = trials, diverged
    if a * second == b * first:
        return 0
    p_value = float(stats.fisher_exact(np.array([[a, first - a], [b, second - b]])).pvalue)
    if not rejects(p_value, level):
        return 0
    return 1 if a * second > b * first else -1


def more_trials(interval: Interval, difference: float, trials: tuple[int, int], margin: float = MARGIN) -> int | None:
    """How many trials each of two samples needs besides, so that 0 is excluded or the margin holds.

    The interval's half width shrinks with the root of the number of trials; it has to become so small that an
    estimate that falls elsewhere by chance decides, too, with the probability :data:`POWER`. None where an end is
    infinite or the number is beyond :data:`MOST_TRIALS`.

    Raises:
        InvalidValueError: For a margin that is negative or no number.
    """
    check_margin(margin)
    half = (interval.high - interval.low) / 2
    if not math.isfinite(half) or not math.isfinite(difference) or min(trials) < 1:
        return None
    room = max(abs(difference), margin - abs(difference))
    quantile = float(stats.norm.ppf((1 + interval.level) / 2))
    needed = room * quantile / (quantile + float(stats.norm.ppf(POWER)))
    if half <= needed:
        return 1
    first, second = trials
    wanted = (1 / first + 1 / second) * (needed / half) ** 2

    def excess(more: float) -> float:
        return 1 / (first + more) + 1 / (second + more) - wanted

    if excess(MOST_TRIALS) > 0:
        return None
    return math.ceil(float(optimize.brentq(excess, 0, MOST_TRIALS)))


def check_margin(margin: float) -> float:
    """The margin itself.

    Raises:
        InvalidValueError: If it is negative or no number.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise InvalidValueError(f"a margin is a number from 0 on, in the metric's unit, got {margin}")
    return margin
