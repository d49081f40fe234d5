"""Search noise against retraining noise: how well could any predictor of the architecture PSNR do?

Each architecture is retrained r times. A one-way random-effects ANOVA splits the variance of the
architecture PSNR into what differs between architectures (what a search can change) and what differs
between retrainings of one architecture (what no search can know). A one-shot PSNR that ranked architectures
perfectly would still correlate with one retraining only up to the square root of the first share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.intervals import LEAST_VALUES, jackknife_interval
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, check_level, finite, is_constant
from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """Components of variance in the unit squared; NaN where the data do not determine them.

    Attributes:
        architectures: Groups with a value.
        retrainings: Values in all.
        between: Variance between architectures, 0 where its estimate is negative.
        within: Variance between retrainings of one architecture.
        share: between / (between + within): the intraclass correlation, or the reliability of one retraining.
        share_interval: By the jackknife over architectures (Arvesen and Schmitz 1970), from 40 of them on: where some
            architectures fail, the interval from F, made for normal samples, covers 38 to 83 %.
        p_value: Of no difference between architectures (F test).
    """

    architectures: int
    retrainings: int
    between: float
    within: float
    share: float
    share_interval: Interval
    p_value: float

    def ceiling(self, retrainings: int = 1) -> float:
        """The largest correlation any predictor can have with the mean of so many retrainings.

        The square root of that mean's reliability (Spearman-Brown).

        Raises:
            InvalidValueError: For fewer than one retraining.
        """
        return _ceiling(self.share, retrainings)

    def ceiling_interval(self, retrainings: int = 1) -> Interval:
        """The interval of :meth:`ceiling`; the root is monotone, so the share's ends carry over."""
        share = self.share_interval
        return Interval(_ceiling(share.low, retrainings), _ceiling(share.high, retrainings), share.level, share.method)


def variance_split(groups: Sequence[Values] | Mapping[str, Values], *, level: float = 0.95) -> VarianceSplit:
    """One-way random-effects ANOVA over the retrainings of each architecture, balanced or not.

    Args:
        groups: Per architecture, the PSNRs of its retrainings; NaN (diverged) is left out, and so is an
            architecture of which all diverged.
        level: Confidence level.

    Raises:
        InvalidValueError: For what is no sample, or a level outside (0, 1).
    """
    check_level(level)
    samples = [finite(values) for values in (groups.values() if isinstance(groups, Mapping) else groups)]
    samples = [sample for sample in samples if len(sample)]
    count, total = len(samples), sum(len(sample) for sample in samples)
    nothing = Interval.undefined(level)
    if count < 2 or total == count:
        return VarianceSplit(count, total, math.nan, math.nan, math.nan, nothing, math.nan)
    if is_constant(np.concatenate(samples)):
        # Every value is the same, but for rounding: there is no variance to split.
        return VarianceSplit(count, total, 0.0, 0.0, math.nan, nothing, math.nan)
    sums = _sums(samples)
    whole = _squares(sums.sum(axis=1))
    mean_square_between, mean_square_within, size = (float(number) for number in whole)
    between = max(0.0, (mean_square_between - mean_square_within) / size)
    share = between / (between + mean_square_within)
    if all(is_constant(sample) for sample in samples):
        certain = Interval(1.0, 1.0, level, "jackknife")
        return VarianceSplit(count, total, between, 0.0, 1.0, certain, 0.0)
    ratio = mean_square_between / mean_square_within
    p_value = float(stats.f.sf(ratio, count - 1, total - count))
    bounds = _share_interval(sums, ratio, size, level)
    return VarianceSplit(count, total, between, mean_square_within, share, bounds, p_value)


def _sums(samples: Sequence[FloatArray]) -> FloatArray:
    """What the mean squares are made of, [6, architectures]: added up over architectures, they say all of them."""
    sizes = np.array([len(sample) for sample in samples], dtype=np.float64)
    means = np.array([sample.mean() for sample in samples])
    means -= (sizes * means).sum() / sizes.sum()  # so that sums of squares are not large
    residuals = np.array([float(((sample - sample.mean()) ** 2).sum()) for sample in samples])
    return np.array([np.ones_like(sizes), sizes, sizes**2, sizes * means, sizes * means**2, residuals])


def _squares(sums: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean squares between and within architectures, and the common number of retrainings (if there is one)."""
    count, total, squares, first, second, residuals = sums
    between = (second - first**2 / total) / (count - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        within = residuals / (total - count)
    return between, within, (total - squares / total) / (count - 1)


def _share_interval(sums: FloatArray, ratio: float, size: float, level: float) -> Interval:
    """By leaving out one architecture at a time, on the scale of the logarithm of the ratio of mean squares."""
    if sums.shape[1] < LEAST_VALUES:
        return Interval.undefined(level)
    between, within, _ = _squares(sums.sum(axis=1, keepdims=True) - sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = between / within
    bounds, _ = jackknife_interval(ratio, ratios, level=level, scale=(np.log, np.exp))
    low, high = (min(1.0, max(0.0, (end - 1) / (end - 1 + size))) for end in (bounds.low, bounds.high))
    return Interval(low, high, level, "jackknife") if bounds.defined else bounds


def variance_split_frame(
    frame: pandas.DataFrame, value: str = "architecture_psnr", group: str = "architecture", *, level: float = 0.95
) -> VarianceSplit:
    """The split over a ``results`` frame: rows of equal ``architecture`` are its retrainings."""
    groups = [rows[value] for _, rows in frame.dropna(subset=[group]).groupby(group, sort=False)]
    return variance_split(groups, level=level)


def _ceiling(share: float, retrainings: int) -> float:
    if retrainings < 1:
        raise InvalidValueError(f"retrainings must be 1 or more, got {retrainings}")
    return math.sqrt(retrainings * share / (1 + (retrainings - 1) * share))
