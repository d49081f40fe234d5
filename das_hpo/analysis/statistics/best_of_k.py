"""Best of k: what a search that proposes k trials and keeps the best can expect (section 5.3's first school)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from statsmodels.stats.proportion import proportion_confint

from das_hpo.analysis.statistics.intervals import LEAST_VALUES, jackknife_interval, leave_one_out, quantile_interval
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, as_values, check_level, worst_last
from spaces.errors import InvalidValueError

#: An interval of the best of k needs so many trials for each of the k.
TRIALS_PER_DRAW = 10


@dataclass(frozen=True, slots=True)
class BestOfK:
    """The expected best of k trials, for several k.

    Attributes:
        k: Numbers of trials, [points].
        expected: Expected best value, [points].
        low: Lower ends of the intervals, [points]; NaN where there is none.
        high: Upper ends, [points].
        level: Their confidence level.
    """

    k: tuple[int, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    level: float


@dataclass(frozen=True, slots=True)
class DrawsToBeat:
    """How many trials it takes until one is better than a threshold.

    Attributes:
        threshold: The value to beat.
        trials: Trials the estimate rests on, the diverged among them.
        beating: Those above the threshold.
        expected: Expected number of draws up to and with the first that beats it, 1 / share; infinite
            where none did.
        interval: From the Clopper-Pearson interval of the share.
    """

    threshold: float
    trials: int
    beating: int
    expected: float
    interval: Interval

    def within(self, probability: float) -> float:
        """Draws after which one beats the threshold with that probability (0.5: the median number).

        Raises:
            InvalidValueError: For a probability outside (0, 1).
        """
        if not 0 < probability < 1:
            raise InvalidValueError(f"a probability lies between 0 and 1, got {probability}")
        if self.trials == 0:
            return math.nan
        share = self.beating / self.trials
        if share in (0.0, 1.0):
            return math.inf if share == 0 else 1.0
        return float(math.ceil(math.log1p(-probability) / math.log1p(-share) - 1e-12))


def order_weights(trials: int, k: Sequence[int]) -> FloatArray:
    """Weights of the ascending order statistics in the expected best of k, [points, trials].

    The i-th of n values (from 1) is the best of C(i-1, k-1) of the C(n, k) subsets of size k, so the
    weighted sum is the mean over all subsets: unbiased, and free of the resampling noise of drawing them.
    """
    points = np.asarray(k, dtype=np.float64)[:, None]
    ranks = np.arange(1, trials + 1, dtype=np.float64)[None, :]
    with np.errstate(invalid="ignore"):
        logs = _log_choose(ranks - 1, points - 1) - _log_choose(np.float64(trials), points)
        return np.where(ranks >= points, np.exp(logs), 0.0)


def expected_best(values: Values, k: int) -> float:
    """The unbiased estimate of the best of k trials, drawn without replacement.

    A diverged trial is never the best; the expectation is over draws in which not all k diverged, and NaN
    where every trial did.

    Raises:
        InvalidValueError: If k is not between 1 and the number of trials.
    """
    sample = np.sort(worst_last(values))
    _check_k([k], len(sample))
    return float(_weighted(sample, order_weights(len(sample), [k]))[0])


def best_of_k(values: Values, k: Sequence[int] | None = None, *, level: float = 0.95) -> BestOfK:
    """The expected best of k trials as a curve with pointwise intervals by the jackknife.

    An interval is given up to k = trials / :data:`TRIALS_PER_DRAW`: beyond, the best hangs on a few values.

    Args:
        values: One value a trial, NaN for diverged.
        k: Where; by default every k from 1 to the number of trials.
        level: Confidence level.

    Raises:
        InvalidValueError: If a k is not between 1 and the number of trials.
    """
    check_level(level)
    sample = np.sort(worst_last(values))
    trials = len(sample)
    points = list(range(1, trials + 1)) if k is None else [int(point) for point in k]
    _check_k(points, trials)
    if not points:
        return BestOfK((), (), (), (), level)
    expected = _weighted(sample, order_weights(trials, points))
    bounds = [Interval.undefined(level)] * len(points)
    judged = [place for place, point in enumerate(points) if point * TRIALS_PER_DRAW <= trials]
    if judged and np.isfinite(sample).sum() >= LEAST_VALUES:
        weights = order_weights(trials - 1, [points[place] for place in judged])
        without = _weighted(sample[leave_one_out(trials)], weights)
        for place, row in zip(judged, without, strict=True):
            bounds[place] = jackknife_interval(float(expected[place]), row, level=level)[0]
    return BestOfK(
        k=tuple(points),
        expected=tuple(map(float, expected)),
        low=tuple(bound.low for bound in bounds),
        high=tuple(bound.high for bound in bounds),
        level=level,
    )


def median_best(values: Values, k: int, *, level: float = 0.95) -> tuple[float, Interval]:
    """The median of the best of k trials drawn without replacement, with its interval.

    The best is at most the i-th of n values with probability C(i, k) / C(n, k). A diverged trial is worse than
    every other; NaN where the median best is diverged. The interval is that of the quantile at which the best of
    k lies in the median, exact for every distribution; none where so few trials cannot tell (below 27 for k = 5).

    Raises:
        InvalidValueError: If k is not between 1 and the number of trials.
    """
    check_level(level)
    sample = np.sort(worst_last(values))
    _check_k([k], len(sample))
    lower, upper = _median_places(len(sample), k)
    if not (math.isfinite(sample[lower]) and math.isfinite(sample[upper])):
        return math.nan, Interval.undefined(level)
    median = float((sample[lower] + sample[upper]) / 2)
    return median, quantile_interval(sample, 0.5 ** (1 / k), level=level)


def _median_places(trials: int, k: int) -> tuple[int, int]:
    """Places of the two ascending order statistics whose mean is the median best (equal ones, mostly)."""
    below = np.cumsum(order_weights(trials, [k])[0])
    return int(np.argmax(below >= 0.5 - 1e-9)), int(np.argmax(below > 0.5 + 1e-9))


def draws_to_beat(values: Values, threshold: float, *, level: float = 0.95) -> DrawsToBeat:
    """The number of random architectures needed to beat a PSNR (section 5.2: 49 for the DAS median).

    Trials are independent, so the number is geometric with the share of trials above the threshold; a
    diverged trial is not above it, nor is an equal one.

    Raises:
        InvalidValueError: If the threshold is not finite.
    """
    check_level(level)
    if not math.isfinite(threshold):
        raise InvalidValueError(f"the PSNR to beat is a finite number of dB, got {threshold}")
    sample = as_values(values)
    beating = int((sample > threshold).sum())
    if len(sample) == 0:
        return DrawsToBeat(threshold, 0, 0, math.nan, Interval.undefined(level))
    low, high = proportion_confint(beating, len(sample), alpha=1 - level, method="beta")
    interval = Interval(1 / float(high), 1 / float(low) if low > 0 else math.inf, level, "clopper-pearson")
    return DrawsToBeat(threshold, len(sample), beating, len(sample) / beating if beating else math.inf, interval)


def _weighted(ordered: FloatArray, weights: FloatArray) -> FloatArray:
    """Expected bests of ascending samples [..., trials]: [points, ...], diverged (-inf) never counted."""
    there = np.isfinite(ordered)
    total = np.tensordot(weights, np.where(there, ordered, 0.0), axes=(1, -1))
    share = np.tensordot(weights, there.astype(np.float64), axes=(1, -1))
    expected: FloatArray = np.divide(total, share, out=np.full_like(total, np.nan), where=share > 0)
    return expected


def _log_choose(n: FloatArray | np.float64, k: FloatArray) -> FloatArray:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)


def _check_k(points: Sequence[int], trials: int) -> None:
    for point in points:
        if not 1 <= point <= trials:
            raise InvalidValueError(f"k must be between 1 and the {trials} trials, got {point}")
