"""Wilcoxon's signed ranks and Mann-Whitney's U, exact with ties: the values themselves are divided in all ways."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from das_hpo.analysis.statistics.samples import FloatArray, Values, worst_last
from spaces.errors import InvalidValueError

#: The exact distribution of ranks is computed up to so many additions; beyond, the normal one with ties is near.
EXACT_STEPS = 20_000_000


def paired_wilcoxon(a: Values, b: Values) -> tuple[float, float]:
    """Wilcoxon's signed-rank test, two-sided: the smaller sum of signed ranks, and p.

    Zero differences are dropped (Wilcoxon's way); if all are zero, p is 1. A pair of which one trial
    diverged has the largest difference of all. p is exact, ties included, up to some 300 pairs: each
    rank (ties have the mean rank) takes either sign with the same probability.

    Raises:
        InvalidValueError: If the lengths differ.
    """
    first, second = worst_last(a), worst_last(b)
    if len(first) != len(second):
        raise InvalidValueError(f"pairs need equal lengths, got {len(first)} and {len(second)}")
    if len(first) == 0:
        return math.nan, math.nan
    difference = _differences(first, second)
    difference = difference[difference != 0]
    if len(difference) == 0:
        return 0.0, 1.0
    ranks = stats.rankdata(np.abs(difference))
    smaller = float(min(ranks[difference > 0].sum(), ranks[difference < 0].sum()))
    doubled = np.rint(2 * ranks).astype(int)  # mean ranks are halves
    if len(doubled) * int(doubled.sum()) > EXACT_STEPS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return smaller, float(stats.wilcoxon(difference, method="approx").pvalue)
    share = np.zeros(int(doubled.sum()) + 1)
    share[0] = 1.0
    for rank in doubled:
        share[rank:] = (share[rank:] + share[:-rank]) / 2
        share[:rank] /= 2
    return smaller, float(min(1.0, 2 * share[: round(2 * smaller) + 1].sum()))


def _differences(first: FloatArray, second: FloatArray) -> FloatArray:
    """Of pairs; where one of a pair diverged, larger than all others."""
    with np.errstate(invalid="ignore"):
        difference = np.where(first == second, 0.0, first - second)
    ends = np.isfinite(difference)
    largest = float(np.abs(difference[ends]).max(initial=0.0))
    return np.where(ends, difference, np.sign(difference) * (largest + 1))


def mann_whitney(a: Values, b: Values) -> tuple[float, float]:
    """The Mann-Whitney test, two-sided: U of ``a`` and p, exact with ties where the samples are small or one is.

    Diverged trials are equal and rank last. It tests that A and B are alike in every way: where one spreads more
    than the other, the test of :func:`das_hpo.analysis.statistics.compare` answers which is the better.
    """
    first, second = worst_last(a), worst_last(b)
    if len(first) == 0 or len(second) == 0:
        return math.nan, math.nan
    together = np.concatenate([first, second])
    ranks = stats.rankdata(together)
    m, n = len(first), len(second)
    statistic = float(ranks[:m].sum() - m * (m + 1) / 2)
    if (together == together[0]).all():
        return statistic, 1.0
    doubled = np.rint(2 * ranks).astype(int)
    smaller, taken = (m, doubled[:m]) if m <= n else (n, doubled[m:])
    if smaller * len(doubled) * int(np.sort(doubled)[-smaller:].sum()) > 2 * EXACT_STEPS:
        return statistic, float(stats.mannwhitneyu(ranks[:m], ranks[m:], method="asymptotic").pvalue)
    return statistic, _exact_p(doubled, smaller, int(taken.sum()))


def _exact_p(ranks: NDArray[np.int_], size: int, found: int) -> float:
    """Twice the smaller tail of a sum of so many of the (whole) ranks, over all ways to choose them."""
    most = int(np.sort(ranks)[-size:].sum())
    ways = np.zeros((size + 1, most + 1))  # by how many were chosen, and their sum
    ways[0, 0] = 1.0
    for done, rank in enumerate(ranks):
        upto = min(done + 1, size)
        ways[1 : upto + 1, rank:] += ways[:upto, : most + 1 - rank].copy()
    share = ways[size] / ways[size].sum()
    return float(min(1.0, 2 * min(share[: found + 1].sum(), share[found:].sum())))
