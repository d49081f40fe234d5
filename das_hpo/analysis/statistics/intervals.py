"""Confidence intervals of one sample: Student's, of order statistics, and by the jackknife; nothing is drawn.

None is given for fewer values than cover it: ``python -m benchmarks.coverage`` counts how often each holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from das_hpo.analysis.statistics.samples import FloatArray, Interval, check_level, power_of_two
from spaces.errors import InvalidValueError

#: Means, Pearson's correlations and shares of variance hang on rare values: fewer than this often lack them all.
LEAST_VALUES = 40


def student_interval(sample: FloatArray, *, level: float = 0.95) -> Interval:
    """Student's interval of the mean, from :data:`LEAST_VALUES` finite values on."""
    check_level(level)
    if len(sample) < LEAST_VALUES:
        return Interval.undefined(level)
    scale = power_of_two(sample)
    half = float(stats.t.ppf((1 + level) / 2, len(sample) - 1)) * float(stats.sem(sample / scale)) * scale
    mean = float(sample.mean())
    return Interval(mean - half, mean + half, level, "student-t")


def quantile_interval(sample: FloatArray, probability: float, *, level: float = 0.95) -> Interval:
    """The interval of a quantile between two order statistics, exact for every distribution (Thompson 1936).

    It covers with at least the level, more where values are tied. None where so few values cannot, for example
    fewer than six for the median at 0.95, or where an end is infinite (diverged).

    Raises:
        InvalidValueError: For a level or a probability outside (0, 1).
    """
    check_level(level)
    if not 0 < probability < 1:
        raise InvalidValueError(f"a quantile's probability lies between 0 and 1, got {probability}")
    count, tail = len(sample), (1 - level) / 2
    below = stats.binom.cdf(np.arange(-1, count + 1), count, probability)  # P(fewer than i values are below it)
    lowers, uppers = np.flatnonzero(below[:-1] <= tail), np.flatnonzero(1 - below[1:] <= tail)
    # Places from 1: the i-th value is at most the quantile unless fewer than i values are below it.
    lower, upper = int(lowers[-1]), int(uppers[0]) + 1
    if lower < 1 or upper > count:
        return Interval.undefined(level)
    low, high = (float(end) for end in np.sort(sample)[[lower - 1, upper - 1]])
    there = math.isfinite(low) and math.isfinite(high)
    return Interval(low, high, level, "order-statistics") if there else Interval.undefined(level)


def jackknife_interval(
    estimate: float,
    without_one: FloatArray,
    *,
    level: float = 0.95,
    scale: tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]] | None = None,
) -> tuple[Interval, float]:
    """The interval of a statistic from its values without one observation each (Tukey 1958), and the error of scale.

    Args:
        estimate: The statistic of the whole sample.
        without_one: The statistic without each observation in turn.
        level: Confidence level.
        scale: A function to a scale on which the statistic is nearer to normal, and its inverse.
    """
    check_level(level)
    forth, back = scale or (_same, _same)
    with np.errstate(divide="ignore", invalid="ignore"):
        values, centre = forth(np.asarray(without_one, dtype=np.float64)), float(forth(np.array(estimate)))
    count = len(values)
    if count < 2 or not np.isfinite(values).all() or not math.isfinite(centre):
        return Interval.undefined(level), math.nan
    error = math.sqrt((count - 1) / count * float(((values - values.mean()) ** 2).sum()))
    half = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
    low, high = (float(back(np.array(end))) for end in (centre - half, centre + half))
    return Interval(low, high, level, "jackknife"), error


def leave_one_out(count: int) -> NDArray[np.int_]:
    """Places of all observations but one, [count, count - 1]; row i leaves out the i-th."""
    places = np.arange(count - 1)[None, :]
    others: NDArray[np.int_] = places + (places >= np.arange(count)[:, None])
    return others


def _same(values: FloatArray) -> FloatArray:
    return values
