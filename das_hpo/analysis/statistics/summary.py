"""Summaries of a sample of trials: maximum, mean, median, spread, and intervals of mean and median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from das_hpo.analysis.statistics.intervals import quantile_interval, student_interval
from das_hpo.analysis.statistics.samples import Interval, Values, as_values, check_level

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of a sample; numbers are NaN where too few trials are there to say them.

    A diverged trial has no PSNR: it is counted in ``trials`` and ``diverged`` and is in no other number.
    A maximum has no interval: no sample tells what lies beyond it (use the best-of-k curve).

    Attributes:
        trials: All trials, the diverged among them.
        diverged: Those without a value.
        maximum: Largest value.
        minimum: Smallest value.
        mean: Arithmetic mean.
        median: Median.
        lower_quartile: 25 % quantile, linearly interpolated.
        upper_quartile: 75 % quantile.
        standard_deviation: With n - 1; needs two values.
        mean_interval: Student's interval of the mean, from 40 values on.
        median_interval: Between two order statistics, exact for every distribution, from six values on.
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
        """Interquartile range."""
        return self.upper_quartile - self.lower_quartile


def summarise(values: Values, *, level: float = 0.95) -> Summary:
    """Summarises a sample, NaN meaning a diverged trial.

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
        return Summary(len(everything), diverged, nan, nan, nan, nan, nan, nan, nan, none, none)
    lower, median, upper = (float(quantile) for quantile in np.quantile(sample, [0.25, 0.5, 0.75]))
    return Summary(
        trials=len(everything),
        diverged=diverged,
        maximum=float(sample.max()),
        minimum=float(sample.min()),
        mean=float(sample.mean()),
        median=median,
        lower_quartile=lower,
        upper_quartile=upper,
        standard_deviation=float(sample.std(ddof=1)) if len(sample) > 1 else math.nan,
        mean_interval=student_interval(sample, level=level),
        median_interval=quantile_interval(sample, 0.5, level=level),
    )


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
