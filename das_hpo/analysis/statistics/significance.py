"""Is A better than B: paired Wilcoxon or Mann-Whitney, Holm's correction, the probability of improvement."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from das_hpo.analysis.statistics.intervals import bootstrap_interval
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, as_values, check_level, worst_last
from spaces.errors import InvalidValueError

WILCOXON = "wilcoxon"
MANN_WHITNEY = "mann-whitney"

#: Up to so many ways to part two tied samples, all are gone through.
EXACT_SPLITS = 20_000


@dataclass(frozen=True, slots=True)
class Trials:
    """A named sample, with the seeds of its trials where they are known.

    Attributes:
        name: What the sample is called.
        values: One value a trial, NaN for diverged.
        seeds: One seed a trial, all different; None if unknown.
    """

    name: str
    values: Values
    seeds: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two samples compared; a diverged trial is worse than every other and equal to another diverged one.

    Attributes:
        first: Name of A.
        second: Name of B.
        test: ``wilcoxon`` (paired) or ``mann-whitney``.
        pairs: Pairs of equal seed; 0 if unpaired.
        statistic: Of the test: the smaller signed-rank sum, or U of A.
        p_value: Two-sided; NaN where a sample is empty.
        p_holm: Corrected for all comparisons that were made together.
        improvement: Probability that a trial of A is better than one of B, ties counted half.
        improvement_interval: Its interval (Newcombe 2006, method 5).
        difference: Median of A minus median of B, in the values' unit, over what did not diverge.
        difference_interval: BCa interval, drawn in pairs if paired.
        direction: What the test found the better: 1 is A, -1 is B, 0 neither. In pairs it is the larger sum of signed
            ranks, which may disagree with ``improvement``, whose pairs are all.
    """

    first: str
    second: str
    test: str
    pairs: int
    statistic: float
    p_value: float
    p_holm: float
    improvement: float
    improvement_interval: Interval
    difference: float
    difference_interval: Interval
    direction: int = 0


def compare_all(samples: Sequence[Trials], *, level: float = 0.95) -> list[Comparison]:
    """Every pair of samples, in order, with Holm's correction over all of them."""
    compared = [compare(a, b, level=level) for a, b in itertools.combinations(samples, 2)]
    corrected = holm([comparison.p_value for comparison in compared])
    return [replace(comparison, p_holm=p) for comparison, p in zip(compared, corrected, strict=True)]


def compare(first: Trials, second: Trials, *, level: float = 0.95) -> Comparison:
    """Compares two samples: in pairs where every trial of the smaller one has a partner of its seed.

    Raises:
        InvalidValueError: For seeds that are not one a trial, or a level outside (0, 1).
    """
    check_level(level)
    a, b = as_values(first.values), as_values(second.values)
    partners = pair_by_seed(first, second)
    if partners is not None:
        a, b = a[partners[0]], b[partners[1]]
    test = MANN_WHITNEY if partners is None else WILCOXON
    statistic, p_value = mann_whitney(a, b) if partners is None else paired_wilcoxon(a, b)
    improvement, bounds = probability_of_improvement(a, b, level=level)
    ahead = improvement - 0.5 if partners is None else signed_rank_sum(a, b)
    difference, difference_bounds = median_difference(a, b, paired=partners is not None, level=level)
    return Comparison(
        first=first.name,
        second=second.name,
        test=test,
        pairs=0 if partners is None else len(a),
        statistic=statistic,
        p_value=p_value,
        p_holm=p_value,
        improvement=improvement,
        improvement_interval=bounds,
        difference=difference,
        difference_interval=difference_bounds,
        direction=0 if math.isnan(ahead) else int(np.sign(ahead)),
    )


def pair_by_seed(first: Trials, second: Trials) -> tuple[list[int], list[int]] | None:
    """Indices of the trials with equal seeds, or None where the smaller sample is not wholly paired.

    Raises:
        InvalidValueError: If a sample has not one seed a trial.
    """
    positions: list[Mapping[int, int]] = []
    for trials in (first, second):
        if trials.seeds is None:
            return None
        count = len(as_values(trials.values))
        if len(trials.seeds) != count:
            raise InvalidValueError(f"{trials.name} has {count} trials and {len(trials.seeds)} seeds")
        positions.append({int(seed): index for index, seed in enumerate(trials.seeds)})
        if len(positions[-1]) != count:
            return None  # a seed that occurs twice names no pair
    shared = [seed for seed in positions[0] if seed in positions[1]]
    if not shared or len(shared) < min(len(positions[0]), len(positions[1])):
        return None
    return [positions[0][seed] for seed in shared], [positions[1][seed] for seed in shared]


def paired_wilcoxon(a: Values, b: Values) -> tuple[float, float]:
    """Wilcoxon's signed-rank test, two-sided: the statistic and p.

    Zero differences are dropped (Wilcoxon's way); if all are zero, p is 1. A pair of which one trial
    diverged has the largest difference of all.

    Raises:
        InvalidValueError: If the lengths differ.
    """
    first, second = worst_last(a), worst_last(b)
    if len(first) != len(second):
        raise InvalidValueError(f"pairs need equal lengths, got {len(first)} and {len(second)}")
    if len(first) == 0:
        return math.nan, math.nan
    difference = _differences(first, second)
    if not difference.any():
        return 0.0, 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of small samples: p says it
        result = stats.wilcoxon(difference)
    return float(result.statistic), float(result.pvalue)


def signed_rank_sum(a: Values, b: Values) -> float:
    """The ranks of :func:`paired_wilcoxon` with their signs, added up: above 0 where A is the better."""
    difference = _differences(worst_last(a), worst_last(b))
    difference = difference[difference != 0]
    return float((np.sign(difference) * stats.rankdata(np.abs(difference))).sum())


def _differences(first: FloatArray, second: FloatArray) -> FloatArray:
    """Of pairs; where one of a pair diverged, larger than all others."""
    with np.errstate(invalid="ignore"):
        difference = np.where(first == second, 0.0, first - second)
    ends = np.isfinite(difference)
    largest = float(np.abs(difference[ends]).max(initial=0.0))
    return np.where(ends, difference, np.sign(difference) * (largest + 1))


def mann_whitney(a: Values, b: Values) -> tuple[float, float]:
    """The Mann-Whitney test, two-sided: U of ``a`` and p; exact for small samples.

    With ties (diverged trials are equal) the exact p is over all ways to part the values, where they are at most
    :data:`EXACT_SPLITS`: the normal approximation is far too sure of a few values against many.
    """
    first, second = worst_last(a), worst_last(b)
    if len(first) == 0 or len(second) == 0:
        return math.nan, math.nan
    together = np.concatenate([first, second])
    if (together == together[0]).all():
        return len(first) * len(second) / 2, 1.0
    # Ranks, so that minus infinity never meets arithmetic.
    ranks = stats.rankdata(together)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = stats.mannwhitneyu(ranks[: len(first)], ranks[len(first) :], alternative="two-sided")
    if len(np.unique(ranks)) < len(ranks) and math.comb(len(ranks), len(first)) <= EXACT_SPLITS:
        return float(result.statistic), _exact_p(ranks, len(first))
    return float(result.statistic), float(result.pvalue)


def _exact_p(ranks: FloatArray, size: int) -> float:
    """Twice the smaller tail of the rank sum of the first ``size`` values, over all samples of that size."""
    sums = np.array([sum(part) for part in itertools.combinations(ranks, size)])
    found = ranks[:size].sum()
    tails = (sums >= found - 1e-9).mean(), (sums <= found + 1e-9).mean()
    return float(min(1.0, 2 * min(tails)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction; NaN (no test) stays NaN and counts for nothing."""
    values = np.asarray(p_values, dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    there = ~np.isnan(values)
    if there.any():
        corrected[there] = multipletests(values[there], method="holm")[1]
    return [float(value) for value in corrected]


def probability_of_improvement(a: Values, b: Values, *, level: float = 0.95) -> tuple[float, Interval]:
    """P(A > B) + P(A = B) / 2 over all pairs of trials, with Newcombe's interval (2006, method 5).

    The interval is defined, and wider than nothing, where the samples do not overlap, which a bootstrap's is not.
    """
    check_level(level)
    first, second = worst_last(a), worst_last(b)
    m, n = len(first), len(second)
    if m == 0 or n == 0:
        return math.nan, Interval.undefined(level)
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left")
    up_to = np.searchsorted(ordered, first, side="right")
    estimate = float((below + up_to).sum() / (2 * m * n))
    z = float(stats.norm.ppf((1 + level) / 2))

    def excess(theta: float) -> float:
        return abs(theta - estimate) - z * newcombe_error(theta, m, n)

    # The error is 0 at 0 and 1, which solves the equation there without being an end.
    inside = min(1 - 1e-12, max(1e-12, estimate))
    low = 0.0 if estimate == 0 else float(optimize.brentq(excess, 0.0, inside))
    high = 1.0 if estimate == 1 else float(optimize.brentq(excess, inside, 1.0))
    return estimate, Interval(low, high, level, "newcombe-5")


def newcombe_error(theta: float, m: int, n: int) -> float:
    """Standard error of the share of ordered pairs at a true probability theta (Newcombe 2006)."""
    half = (m + n) / 2 - 1
    factor = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    return math.sqrt(theta * (1 - theta) * factor / (m * n))


def median_difference(
    a: Values, b: Values, *, paired: bool = False, level: float = 0.95, seed: int = 0
) -> tuple[float, Interval]:
    """Median of A minus median of B with a BCa interval; diverged trials (of a pair: both) are left out.

    Raises:
        InvalidValueError: If paired and the lengths differ.
    """
    first, second = as_values(a), as_values(b)
    if paired:
        if len(first) != len(second):
            raise InvalidValueError(f"pairs need equal lengths, got {len(first)} and {len(second)}")
        both = ~(np.isnan(first) | np.isnan(second))
        first, second = first[both], second[both]
    else:
        first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    if len(first) == 0 or len(second) == 0:
        return math.nan, Interval.undefined(level)
    interval = bootstrap_interval(
        first, second, statistic=_median_difference_along, level=level, paired=paired, seed=seed
    )
    return float(np.median(first) - np.median(second)), interval


def _median_difference_along(first: FloatArray, second: FloatArray, axis: int = -1) -> FloatArray:
    return np.asarray(np.median(first, axis=axis) - np.median(second, axis=axis))
