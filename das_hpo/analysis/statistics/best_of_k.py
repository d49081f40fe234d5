"""Best of k: what a search that proposes k trials and keeps the best can expect (section 5.3's first school)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln
from statsmodels.stats.proportion import proportion_confint

from das_hpo.analysis.statistics.intervals import bootstrap_interval, bootstrap_intervals
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, as_values, check_level, worst_last
from spaces.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class BestOfK:
    """The expected best of k trials, for several k.

    Attributes:
        k: Numbers of trials, [points].
        expected: Expected best value, [points].
        low: Lower ends of the bootstrap intervals, [points].
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


def best_of_k(values: Values, k: Sequence[int] | None = None, *, level: float = 0.95, seed: int = 0) -> BestOfK:
    """The expected best of k trials as a curve with pointwise BCa intervals.

    Args:
        values: One value a trial, NaN for diverged.
        k: Where; by default every k from 1 to the number of trials.
        level: Confidence level.
        seed: Of the bootstrap.

    Raises:
        InvalidValueError: If a k is not between 1 and the number of trials.
    """
    check_level(level)
    sample = worst_last(values)
    points = list(range(1, len(sample) + 1)) if k is None else [int(point) for point in k]
    _check_k(points, len(sample))
    if not points:
        return BestOfK((), (), (), (), level)
    weights = order_weights(len(sample), points)
    expected = _weighted(np.sort(sample), weights)
    # The jackknife of BCa leaves one out, so the weights follow the length of what comes.
    by_length = {len(sample): weights, len(sample) - 1: order_weights(len(sample) - 1, points)}

    def statistic(data: FloatArray, axis: int) -> FloatArray:
        return _weighted(np.sort(data, axis=axis), by_length[data.shape[axis]])

    low, high, _ = bootstrap_intervals(sample, statistic=statistic, level=level, seed=seed)
    if len(low) != len(points) or np.isfinite(sample).sum() < 2:
        low = high = np.full(len(points), np.nan)
    return BestOfK(
        k=tuple(points),
        expected=tuple(map(float, expected)),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
        level=level,
    )


def median_best(values: Values, k: int, *, level: float = 0.95, seed: int = 0) -> tuple[float, Interval]:
    """The median of the best of k trials drawn without replacement, with its BCa interval.

    The best is at most the i-th of n values with probability C(i, k) / C(n, k). A diverged trial is worse than
    every other; NaN where the median best is diverged.

    Raises:
        InvalidValueError: If k is not between 1 and the number of trials.
    """
    check_level(level)
    sample = worst_last(values)
    _check_k([k], len(sample))
    places = {size: _median_places(size, k) for size in (len(sample), len(sample) - 1) if size >= k}

    def statistic(data: FloatArray, axis: int = -1) -> FloatArray:
        lower, upper = places.get(data.shape[axis], (0, 0))
        ordered = np.sort(data, axis=axis)
        return np.asarray((np.take(ordered, lower, axis=axis) + np.take(ordered, upper, axis=axis)) / 2)

    median = float(statistic(sample))
    if not math.isfinite(median):
        return math.nan, Interval.undefined(level)
    interval = bootstrap_interval(sample, statistic=statistic, level=level, seed=seed)
    return median, interval if math.isfinite(interval.low) else Interval.undefined(level)


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
