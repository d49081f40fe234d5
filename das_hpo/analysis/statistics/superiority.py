"""How often is a trial of A better than one of B: the estimate, its standard error, a test and an interval.

The test is that of Brunner and Munzel (2000) for P(A > B) + P(A = B) / 2 = 1/2, which is valid where the two
samples spread differently, as the Mann-Whitney test is not. Pairs of equal seed enter by the covariance
(Munzel 1999; Konietschke and Pauly 2012), so that the question is the same with and without pairs. Small samples
are judged by their studentized permutations (Neubert and Brunner 2007), large ones by Student's t.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from das_hpo.analysis.statistics.exact_tests import mann_whitney, paired_wilcoxon
from das_hpo.analysis.statistics.samples import FloatArray, Interval

Masks: TypeAlias = NDArray[np.bool_]

#: Permutations that are drawn where there are too many to go through all of them.
PERMUTATIONS = 1_999

#: Up to so many permutations, all are gone through.
ALL_PERMUTATIONS = 5_000

#: An outcome that at most so many of the drawn permutations reach is too rare to be counted.
FEW_PERMUTATIONS = 5

#: With fewer trials than this in a sample, permutations are the reference; with more, Student's t is as good.
SMALL = 15


@dataclass(frozen=True, slots=True)
class Design:
    """Which trials of two samples belong together.

    Attributes:
        first: Number of trials of A.
        second: Number of trials of B.
        pairs: The first so many trials of A are the partners of the first so many of B.
    """

    first: int
    second: int
    pairs: int = 0

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Pairs, trials of A alone and trials of B alone."""
        return self.pairs, self.first - self.pairs, self.second - self.pairs


@dataclass(frozen=True, slots=True)
class Effect:
    """The probability of superiority with its standard error; arrays of [...] for several samples at once.

    Attributes:
        estimate: Share of all pairs of trials in which A is better, ties counted half.
        variance: Of the estimate.
        degrees: Of freedom of the variance (Satterthwaite).
    """

    estimate: Any
    variance: Any
    degrees: Any

    def statistic(self, null: float = 0.5) -> Any:
        """The distance from the null hypothesis in standard errors; infinite where the error is 0."""
        excess = np.asarray(self.estimate - null)
        certain = np.asarray(self.variance < 1e-18)
        found = excess / np.sqrt(np.where(certain, 1.0, self.variance))
        return np.where(np.abs(excess) < 1e-12, 0.0, np.where(certain, np.copysign(np.inf, excess), found))


def effect_of(values: FloatArray, masks: Masks, design: Design) -> Effect:
    """The effect in samples that are parted by masks, [..., trials]: True is A.

    Args:
        values: A's trials and then B's, in the order of the design; minus infinity for diverged.
        masks: Which of them are A's in each division.
        design: How they are paired.
    """
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    m, n = design.first, design.second
    of_a = np.add.reduceat(masks[..., order], starts, axis=-1, dtype=np.float64)  # [..., groups]
    a_below = np.cumsum(of_a, axis=-1) - of_a
    b_below = starts - a_below
    # Of a value: the share of B that it beats if it is A's, and the share of A that beats it if it is B's.
    beats = ((b_below + (sizes - of_a) / 2) / n)[..., group]
    beaten = ((m - a_below - of_a / 2) / m)[..., group]
    estimate = np.where(masks, beats, 0.0).sum(axis=-1) / m
    parts = np.where(masks, (beats - estimate[..., None]) / m, (beaten - estimate[..., None]) / n)
    variance, squares = np.zeros_like(estimate), np.zeros_like(estimate)
    k = design.pairs
    alone = np.concatenate([np.arange(k, m), np.arange(m + k, m + n)]).astype(int)
    blocks: list[tuple[FloatArray, Masks | None]] = []
    if k:
        blocks = [(parts[..., :k] + parts[..., m : m + k], None)]
    if len(alone):
        blocks += [(parts[..., alone], masks[..., alone]), (parts[..., alone], ~masks[..., alone])]
    for block, chosen in blocks:
        part, freedom = _block(block, chosen)
        variance = variance + part
        squares = squares + part**2 / np.maximum(freedom, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = np.where(squares > 0, variance**2 / squares, 1.0)
    return Effect(estimate, variance, degrees)


def _block(parts: FloatArray, chosen: Masks | None) -> tuple[FloatArray, FloatArray]:
    """The variance of a sum of independent parts, estimated from their spread, and its degrees of freedom."""
    chosen = np.ones(parts.shape, dtype=bool) if chosen is None else chosen
    count = chosen.sum(axis=-1)
    some = np.maximum(count, 1)
    mean = np.where(chosen, parts, 0.0).sum(axis=-1) / some
    squares = (np.where(chosen, parts - mean[..., None], 0.0) ** 2).sum(axis=-1)
    return squares * count / np.maximum(count - 1, 1), count - 1


def observed(design: Design) -> Masks:
    """The division that was observed: A's trials first."""
    return np.arange(design.first + design.second) < design.first


def needs_permutations(values: FloatArray, design: Design) -> bool:
    """Whether Student's t is no good reference: a small sample, or hardly two trials that differ."""
    most = int(np.unique(values, return_counts=True)[1].max())
    return min(design.first, design.second, len(values) - most) < SMALL


@lru_cache(maxsize=8)
def permutations(design: Design) -> tuple[Masks, bool]:
    """Divisions that are as likely as the observed one if A and B are alike, and whether they are all there are.

    Partners are swapped, and trials without a partner change places. The observed division is the first.
    """
    k, m, n = design.blocks
    together = design.first + design.second
    swappable, loose = np.arange(k), np.concatenate([np.arange(k, k + m), np.arange(design.first + k, together)])
    every = 2**k * math.comb(m + n, m) <= ALL_PERMUTATIONS
    rng = np.random.default_rng(0)
    if every:
        swaps = np.array(list(itertools.product([True, False], repeat=k)), dtype=bool).reshape(2**k, k)
        chosen = np.zeros((math.comb(m + n, m), m + n), dtype=bool)
        for row, places in enumerate(itertools.combinations(range(m + n), m)):
            chosen[row, list(places)] = True
        swaps, chosen = np.repeat(swaps, len(chosen), axis=0), np.tile(chosen, (len(swaps), 1))
    else:
        swaps = rng.random((PERMUTATIONS, k)) < 0.5
        chosen = rng.permuted(np.tile(np.arange(m + n) < m, (PERMUTATIONS, 1)), axis=1)
    masks = np.zeros((len(swaps), together), dtype=bool)
    masks[:, swappable], masks[:, design.first + swappable] = swaps, ~swaps
    masks[:, loose.astype(int)] = chosen
    return (masks if every else np.concatenate([observed(design)[None], masks])), every


def equality_test(values: FloatArray, design: Design) -> tuple[float, float]:
    """The studentized statistic and the two-sided p of P(A > B) + P(A = B) / 2 = 1/2."""
    effect = effect_of(values, observed(design), design)
    statistic = float(effect.statistic())
    if statistic == 0:
        return statistic, 1.0
    if not needs_permutations(values, design):
        return statistic, _student_p(effect, values, design)
    masks, every = permutations(design)
    drawn = effect_of(values, masks, design).statistic()
    slack = 1e-9 * max(1.0, abs(statistic)) if math.isfinite(statistic) else 0.0
    as_extreme = min(int((drawn >= statistic - slack).sum()), int((drawn <= statistic + slack).sum()))
    p_value = min(1.0, 2 * as_extreme / len(drawn))
    if every or as_extreme > FEW_PERMUTATIONS:
        return statistic, p_value
    # Rarer than what was drawn can tell: the larger p of two other tests, but not above what was found.
    return statistic, min(p_value, max(_student_p(effect, values, design), _exact_p(values, design)))


def _student_p(effect: Effect, values: FloatArray, design: Design) -> float:
    statistic = float(effect.statistic())
    if math.isinf(statistic):  # the samples do not overlap, which says nothing of a standard error
        return _exact_p(values, design)
    return float(2 * stats.t.sf(abs(statistic), max(1.0, float(effect.degrees))))


def _exact_p(values: FloatArray, design: Design) -> float:
    finite = np.where(np.isinf(values), np.nan, values)
    first, second = finite[: design.first], finite[design.first :]
    if design.pairs == design.first == design.second:
        return paired_wilcoxon(first, second)[1]
    return mann_whitney(first, second)[1]


def interval_of_superiority(
    effect: Effect, design: Design, level: float, quantile: float, decided: bool, saved: float = 1.0
) -> Interval:
    """An interval of P(A > B) + P(A = B) / 2 that lies within [0, 1] and agrees with the test.

    It is symmetric on the logit scale. A variance that is estimated near 0 or 1 is far too small if one sample
    spreads more than the other: it is at least that of samples of equal spread (Newcombe 2006), and the estimate is
    drawn half a trial to the middle, as Haldane and Anscombe do with shares.

    Args:
        effect: Of the samples.
        design: Their sizes.
        saved: The variance with pairs as a share of that without.
        level: Confidence level.
        quantile: Of the studentized statistic's distribution.
        decided: Whether the test rejects 1/2; the interval ends there, or is stretched to it.
    """
    estimate, smaller = float(effect.estimate), min(design.first, design.second)
    drawn = (estimate * smaller + 0.5) / (smaller + 1)
    ends = [estimate]
    for centre in (drawn, estimate):
        if 0 < centre < 1:
            deviation = math.sqrt(
                max(float(effect.variance), saved * newcombe_error(drawn, design.first, design.second) ** 2)
            )
            half = quantile * deviation / (centre * (1 - centre))
            middle = math.log(centre / (1 - centre))
            ends += [_logistic(middle - half), _logistic(middle + half)]
    low, high = min(ends), max(ends)
    if not decided:
        low, high = min(low, 0.5), max(high, 0.5)
    elif estimate > 0.5:
        low = max(low, math.nextafter(0.5, 1))
    else:
        high = min(high, math.nextafter(0.5, 0))
    return Interval(low, high, level, "brunner-munzel")


def saved_by_pairs(values: FloatArray, effect: Effect, design: Design) -> float:
    """The variance with pairs as a share of that of the same trials without, between 0 and 1; 1 if that is 0."""
    if not design.pairs:
        return 1.0
    alone = Design(design.first, design.second)
    without = float(effect_of(values, observed(alone), alone).variance)
    return min(1.0, float(effect.variance) / without) if without > 0 else 1.0


def newcombe_error(theta: float, m: int, n: int) -> float:
    """Standard error of the share of ordered pairs at a true probability theta, of equal spread (Newcombe 2006)."""
    half = (m + n) / 2 - 1
    factor = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    return math.sqrt(theta * (1 - theta) * factor / (m * n))


def _logistic(x: float) -> float:
    return 0.0 if x < -700 else 1 / (1 + math.exp(-x))
