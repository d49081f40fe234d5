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

from das_hpo.analysis.statistics.samples import Interval, Values, check_level, finite, is_constant
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
        share_interval: From the F distribution; exact where every architecture has as many retrainings.
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
    sizes = np.array([len(sample) for sample in samples], dtype=np.float64)
    count, total = len(samples), int(sizes.sum())
    nothing = Interval.undefined(level)
    if count < 2 or total == count:
        return VarianceSplit(count, total, math.nan, math.nan, math.nan, nothing, math.nan)
    if is_constant(np.concatenate(samples)):
        # Every value is the same, but for rounding: there is no variance to split.
        return VarianceSplit(count, total, 0.0, 0.0, math.nan, nothing, math.nan)
    means = np.array([sample.mean() for sample in samples])
    grand = float((sizes * means).sum() / total)
    mean_square_between = float((sizes * (means - grand) ** 2).sum()) / (count - 1)
    residuals = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples)
    mean_square_within = residuals / (total - count)
    size = (total - float((sizes**2).sum()) / total) / (count - 1)  # the common size, if there is one
    between = max(0.0, (mean_square_between - mean_square_within) / size)
    share = between / (between + mean_square_within)
    if all(is_constant(sample) for sample in samples):
        certain = Interval(1.0, 1.0, level, "f")
        return VarianceSplit(count, total, between, 0.0, 1.0, certain, 0.0)
    ratio = mean_square_between / mean_square_within
    degrees = (count - 1, total - count)
    tail = (1 - level) / 2
    ends = [ratio / float(stats.f.ppf(quantile, *degrees)) for quantile in (1 - tail, tail)]
    low, high = (min(1.0, max(0.0, (end - 1) / (end - 1 + size))) for end in ends)
    p_value = float(stats.f.sf(ratio, *degrees))
    return VarianceSplit(count, total, between, mean_square_within, share, Interval(low, high, level, "f"), p_value)


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
