"""Summaries of a sample of trials: maximum, mean, median, spread, and intervals of mean and median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from das_hpo.analysis.statistics.intervals import quantile_interval, student_interval
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, as_values, check_level, power_of_two

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of a sample; numbers are NaN where too few trials are there to say them.

    A diverged trial is worse than every other: median, quartiles and their intervals are over all trials, and infinite
    where they lie at diverged ones. It has no score, so that maximum, minimum, mean and standard deviation are over
    the completed trials alone. A maximum has no interval: no sample tells what lies beyond it (use the best-of-k
    curve).

    Attributes:
        trials: All trials, the diverged among them.
        diverged: Those without a value.
        maximum: Largest value.
        minimum: Smallest value.
        mean: Arithmetic mean.
        median: Of all trials; infinite where half of them diverged.
        lower_quartile: 25 % quantile of all trials, linearly interpolated.
        upper_quartile: 75 % quantile of all trials.
        standard_deviation: With n - 1; needs two values.
        mean_interval: Student's interval of the mean, from 40 values on.
        median_interval: Between two order statistics, exact for every distribution, from six values on; none where
            an end diverged.
    """

    trials: int
    diverged: int
    maximum: float
    minimum: float
    mean: float
    median: float
    lower_quartile: float
    upper_quartile: float
    standard_deviation: float
    mean_interval: Interval
    median_interval: Interval

    @property
    def completed(self) -> int:
        """Trials that have a value."""
        return self.trials - self.diverged

    @property
    def iqr(self) -> float:
        """Interquartile range; infinite where one quartile diverged, NaN where both did."""
        if math.isinf(self.lower_quartile) and math.isinf(self.upper_quartile):
            return math.nan
        return self.upper_quartile - self.lower_quartile


def summarise(values: Values, *, level: float = 0.95, larger_is_better: bool = True) -> Summary:
    """Summarises a sample, NaN meaning a diverged trial.

    Args:
        values: One value a trial.
        level: Confidence level of the intervals.
        larger_is_better: Whether a diverged trial is smaller than all others, or larger.

    Raises:
        InvalidValueError: For what is no sample, or a level outside (0, 1).
    """
    check_level(level)
    everything = as_values(values)
    sample = everything[~np.isnan(everything)]
    diverged = len(everything) - len(sample)
    if len(sample) == 0:
        none = Interval.undefined(level)
        nan = math.nan
        worst = nan if not diverged else -math.inf if larger_is_better else math.inf
        return Summary(diverged, diverged, nan, nan, nan, worst, worst, worst, nan, none, none)
    ranked = np.sort(np.where(np.isnan(everything), -math.inf if larger_is_better else math.inf, everything))
    lower, median, upper = (_quantile(ranked, share) for share in (0.25, 0.5, 0.75))
    scale = power_of_two(sample)
    deviation = float((sample / scale).std(ddof=1)) * scale if len(sample) > 1 else math.nan
    return Summary(
        trials=len(everything),
        diverged=diverged,
        maximum=float(sample.max()),
        minimum=float(sample.min()),
        mean=float(sample.mean()),
        median=median,
        lower_quartile=lower,
        upper_quartile=upper,
        standard_deviation=deviation,
        mean_interval=student_interval(sample, level=level),
        median_interval=quantile_interval(ranked, 0.5, level=level),
    )


def _quantile(ranked: FloatArray, share: float) -> float:
    """Linearly interpolated between ascending values; an infinite neighbour is the quantile."""
    place = share * (len(ranked) - 1)
    low, high = float(ranked[math.floor(place)]), float(ranked[math.ceil(place)])
    if low == high or math.isinf(low):
        return low
    return high if math.isinf(high) else low + (high - low) * (place - math.floor(place))


def summary_frame(
    frame: pandas.DataFrame, by: Sequence[str], value: str = "architecture_psnr", *, level: float = 0.95
) -> pandas.DataFrame:
    """One row of summary numbers per group of a ``results`` frame.

    Args:
        frame: Rows of the view ``results``.
        by: Columns that make the groups; groups come in the order of their first row.
        value: The column summarised.
        level: Confidence level of the intervals.
    """
    import pandas

    rows = []
    for key, group in frame.groupby(list(by), sort=False, dropna=False):
        summary = summarise(group[value], level=level)
        rows.append(
            {
                **dict(zip(by, key, strict=True)),
                "trials": summary.trials,
                "diverged": summary.diverged,
                "max": summary.maximum,
                "mean": summary.mean,
                "mean_low": summary.mean_interval.low,
                "mean_high": summary.mean_interval.high,
                "median": summary.median,
                "median_low": summary.median_interval.low,
                "median_high": summary.median_interval.high,
                "iqr": summary.iqr,
                "sd": summary.standard_deviation,
            }
        )
    names = ["trials", "diverged", "max", "mean", "mean_low", "mean_high"]
    names += ["median", "median_low", "median_high", "iqr", "sd"]
    return pandas.DataFrame(rows, columns=[*by, *names])
