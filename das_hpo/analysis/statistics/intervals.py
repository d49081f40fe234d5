"""Bootstrap intervals: bias-corrected and accelerated (BCa), defined on degenerate data too."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.samples import FloatArray, Interval, check_level
from spaces.errors import InvalidValueError

#: A statistic of one or more samples along their last axis: ``statistic(*samples, axis=-1)``.
Statistic = Callable[..., Any]

RESAMPLES = 9999

#: From this many values on, percentiles of fewer resamples: BCa's correction is below rounding, its jackknife n^2.
LARGE = 5000
LARGE_RESAMPLES = 999

#: Values held at once while resampling (a bound on memory, not on the result's precision).
BATCH_VALUES = 4_000_000


def bootstrap_interval(
    *samples: FloatArray,
    statistic: Statistic,
    level: float = 0.95,
    paired: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The BCa bootstrap interval of a statistic (Efron 1987), by scipy.stats.bootstrap.

    Where BCa is undefined (ties can make its acceleration 0/0) the percentile interval is taken, and
    ``method`` says so. A statistic that no resample changes has an interval of width 0. Fewer than two
    values a sample have none.

    Args:
        *samples: One sample, or several for a statistic of several; finite values.
        statistic: Vectorised: ``statistic(*samples, axis=-1)``.
        level: Confidence level.
        paired: Whether the samples are drawn together (pairs) or each for itself.
        resamples: Bootstrap resamples.
        seed: Of the resampling; equal arguments give equal intervals.

    Raises:
        InvalidValueError: For a level outside (0, 1), no sample, or pairs of unequal lengths.
    """
    lows, highs, method = bootstrap_intervals(
        *samples,
        statistic=lambda *data, axis: np.asarray(statistic(*data, axis=axis))[None],
        level=level,
        paired=paired,
        resamples=resamples,
        seed=seed,
    )
    return Interval(float(lows[0]), float(highs[0]), level, method)


def bootstrap_intervals(
    *samples: FloatArray,
    statistic: Statistic,
    level: float = 0.95,
    paired: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[FloatArray, FloatArray, str]:
    """Intervals of several statistics from the same resamples: lows, highs and the method.

    As :func:`bootstrap_interval`, but the statistic returns [statistics, ...] on a new first axis.
    """
    check_level(level)
    if not samples:
        raise InvalidValueError("a bootstrap needs at least one sample")
    sizes = [len(sample) for sample in samples]
    if paired and len(set(sizes)) > 1:
        raise InvalidValueError(f"pairs need equal lengths, got {' and '.join(map(str, sizes))}")
    if min(sizes) < 2:
        count = 1 if min(sizes) == 0 else len(statistic(*samples, axis=-1))
        nothing = np.full(count, np.nan)
        return nothing, nothing, "none"
    large = max(sizes) > LARGE
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Degenerate data: what scipy warns of is decided on below.
        warnings.simplefilter("ignore")
        result = stats.bootstrap(
            samples,
            statistic,
            paired=paired,
            vectorized=True,
            axis=-1,
            n_resamples=min(resamples, LARGE_RESAMPLES) if large else resamples,
            batch=max(1, BATCH_VALUES // max(sizes)),
            confidence_level=level,
            method="percentile" if large else "BCa",
            rng=np.random.default_rng(seed),
        )
    lows = np.array(result.confidence_interval.low, dtype=np.float64)
    highs = np.array(result.confidence_interval.high, dtype=np.float64)
    failed = np.isnan(lows) | np.isnan(highs)
    if not failed.any():
        return lows, highs, "percentile" if large else "bca"
    tail = (1 - level) / 2
    for index in np.flatnonzero(failed):
        drawn = np.asarray(result.bootstrap_distribution)[index]
        drawn = drawn[~np.isnan(drawn)]  # e.g. the correlation of a resample that is constant
        if len(drawn):
            with np.errstate(invalid="ignore"):  # between minus infinities (diverged): no end, NaN
                lows[index], highs[index] = np.quantile(drawn, [tail, 1 - tail])
    return lows, highs, "percentile"
