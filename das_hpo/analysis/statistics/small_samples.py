"""What ranks cannot tell of a handful of trials: whether they lie far off, or only spread far.

Five trials fall on one side of all others in one of 16 cases if they spread enough, and their ranks look then as if
they were surely better. How far they lie from each other says more: with few trials, a difference has to be found by
Welch's test (1947), too, and the interval of the difference holds what either of the two does not reject.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.samples import FloatArray, Interval, power_of_two

#: With fewer trials than this in a sample, ranks alone decide nothing.
FEW = 10


def welch(first: FloatArray, second: FloatArray, level: float) -> tuple[float, Interval]:
    """Two-sided p of equal means, and the interval of their difference, whatever the spreads.

    Diverged trials (minus infinity) lie below the worst that did not, by as much as all of those differ. Where one
    sample has one trial, the spread of the other stands for both; p is 1 where there is no spread to judge by.
    """
    completed = np.concatenate([sample[np.isfinite(sample)] for sample in (first, second)])
    none = Interval(-math.inf, math.inf, level, "welch")
    if len(completed) == 0:
        return 1.0, none
    floor = completed.min() - (float(np.ptp(completed)) or 1.0)
    samples = [np.where(np.isfinite(sample), sample, floor) for sample in (first, second)]
    counts = np.array([len(sample) for sample in samples], dtype=np.float64)
    if counts.max() < 2:
        return 1.0, none
    scale = power_of_two(completed)
    spreads = [float(np.var(sample / scale, ddof=1)) if len(sample) > 1 else math.nan for sample in samples]
    variances = np.nan_to_num(spreads, nan=np.nanmax(spreads)) / counts
    difference = float(samples[0].mean() - samples[1].mean())
    error = math.sqrt(float(variances.sum())) * scale
    if error == 0:
        return float(difference == 0), Interval(difference, difference, level, "welch")
    degrees = float(variances.sum()) ** 2 / float((variances**2 / np.maximum(counts - 1, 1)).sum())
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    p_value = float(2 * stats.t.sf(abs(difference) / error, degrees))
    return p_value, Interval(difference - half, difference + half, level, "welch")


def agreeing_interval(ranks: Interval, means: Interval, decided: bool) -> Interval:
    """What either test does not reject, as one interval; 0 is inside exactly if it is not decided."""
    if not ranks.defined:
        return ranks
    low = ranks.low if math.isinf(ranks.low) else min(ranks.low, means.low)
    high = ranks.high if math.isinf(ranks.high) else max(ranks.high, means.high)
    if (low, high) == (-math.inf, math.inf):
        return Interval.undefined(ranks.level)
    if not decided:
        low, high = min(low, 0.0), max(high, 0.0)
    elif low <= 0 <= high:  # by rounding, or 0 is the end itself, where trials are tied
        low, high = (low, 0.0) if low + high < 0 else (0.0, high)
    return Interval(low, high, ranks.level, ranks.method)
