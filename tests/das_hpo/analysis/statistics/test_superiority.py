"""The test of Brunner and Munzel and its permutations: against scipy, enumeration and simulated errors."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.nonparametric import rank_compare_2indep

from das_hpo.analysis.statistics import Trials, compare, probability_of_improvement
from das_hpo.analysis.statistics.superiority import (
    ALL_PERMUTATIONS,
    Design,
    effect_of,
    equality_test,
    newcombe_error,
    observed,
    permutations,
)

RNG = np.random.default_rng(21)
A = RNG.normal(21, 1.5, 40)
B = RNG.normal(20.5, 4, 30)


@pytest.mark.parametrize("digits", [9, 0], ids=["without ties", "with ties"])
def test_of_large_samples_it_is_scipys(digits: int) -> None:
    """Statistic and p of scipy's Brunner-Munzel test."""
    a, b = np.round(A, digits), np.round(B, digits)
    expected = stats.brunnermunzel(b, a)
    found = compare(Trials("A", a), Trials("B", b))
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    library = rank_compare_2indep(a, b)
    assert found.improvement == pytest.approx(library.prob1)
    assert (found.improvement_interval.low, found.improvement_interval.high) == pytest.approx(
        library.conf_int(), abs=0.02
    )


def test_of_pairs_it_is_munzels() -> None:
    """The standard error is that of the mean of each pair's placements, its A among B and its B among A (1999)."""
    a, b = A[:30], B
    placements = np.array([(b < x).mean() + (a > y).mean() for x, y in zip(a, b, strict=True)])
    estimate = float(np.mean([x > y for x in a for y in b]))
    statistic = (estimate - 0.5) / stats.sem(placements)
    found = compare(Trials("A", a, range(30)), Trials("B", b, range(30)))
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(statistic), 29))


@pytest.mark.parametrize(("m", "n"), [(2, 3), (3, 3), (4, 6), (1, 9)])
def test_of_small_samples_it_is_the_enumeration(m: int, n: int) -> None:
    """p over all divisions of the trials, each with scipy's statistic."""
    values = np.random.default_rng(m * n).integers(0, 6, m + n).astype(float)
    design = Design(m, n)
    drawn = []
    for places in itertools.combinations(range(m + n), m):
        mask = np.isin(np.arange(m + n), places)
        drawn.append(float(effect_of(values, mask, design).statistic()))
        if m > 1:
            with np.errstate(all="ignore"):
                library = stats.brunnermunzel(values[~mask], values[mask], distribution="normal").statistic
            if np.isfinite(library):
                assert drawn[-1] == pytest.approx(library)
    found = float(effect_of(values, observed(design), design).statistic())
    tails = np.mean([d >= found - 1e-9 for d in drawn]), np.mean([d <= found + 1e-9 for d in drawn])
    assert equality_test(values, design)[1] == pytest.approx(1.0 if found == 0 else min(1.0, 2 * min(tails)))


def test_permutations_keep_sizes_and_partners_apart() -> None:
    """All of them where they are few: 2^3 swaps times 4 choose 1; otherwise draws, after the observed one."""
    design = Design(4, 6, 3)
    masks, every = permutations(design)
    assert every
    assert len({tuple(mask) for mask in masks}) == len(masks) == 8 * math.comb(4, 1)
    assert (masks.sum(axis=1) == 4).all()
    assert (masks[:, :3] != masks[:, 4:7]).all()
    masks, every = permutations(Design(20, 14, 10))
    assert not every
    assert (masks[0] == observed(Design(20, 14, 10))).all()
    assert (masks.sum(axis=1) == 20).all()
    assert (masks[:, :10] != masks[:, 20:30]).all()
    assert len(masks) <= ALL_PERMUTATIONS


def test_separated_samples_are_not_certain() -> None:
    """All of A above all of B: p of the ranks, the estimate is 1, and the interval reaches below it, less with more."""
    small = compare(Trials("A", [4, 5, 6]), Trials("B", [1, 2, 3]))
    assert small.p_value == pytest.approx(0.1)
    large = compare(Trials("A", range(100, 150)), Trials("B", range(50)))
    assert large.p_value == pytest.approx(stats.mannwhitneyu(range(100, 150), range(50)).pvalue, rel=0.3)
    ends = small.improvement_interval, large.improvement_interval
    assert [end.high for end in ends] == [1, 1]
    assert ends[0].low < ends[1].low < 1
    assert 0 < newcombe_error(0.99, 50, 50) < newcombe_error(0.99, 10, 10)


@pytest.mark.parametrize(("one", "diverged"), [(1, 12), (2, 6), (3, 4), (1, 31)])
def test_ties_of_few_trials_have_an_exact_p(one: int, diverged: int) -> None:
    """Some trials against diverged ones, which are all equal: p is the share of the splits that are as extreme."""
    values = np.concatenate([np.arange(1.0, one + 1), np.full(diverged, -math.inf)])
    assert equality_test(values, Design(one, diverged))[1] == pytest.approx(
        min(1.0, 2 / math.comb(one + diverged, one))
    )


def test_unequal_spread_is_no_difference() -> None:
    """10 trials that spread five times as much as 75 others: 5 % rejections, where Mann-Whitney has 19 %."""
    rng = np.random.default_rng(6)
    rejected = covered = 0
    for _ in range(300):
        found = compare(Trials("wide", rng.normal(20, 5, 10)), Trials("narrow", rng.normal(20, 1, 75)))
        rejected += found.p_value < 0.05
        covered += 0.5 in found.improvement_interval
    assert rejected <= 27  # 5 % of 300 and three standard errors
    assert covered >= 273


def test_nearly_all_diverged_is_no_difference() -> None:
    """97 % of 3 and of 75 trials diverge: hardly ever a rejection."""
    rng = np.random.default_rng(7)

    def sample(count: int) -> np.ndarray:
        return np.where(rng.random(count) < 0.97, np.nan, rng.normal(20, 1, count))

    assert sum(compare(Trials("A", sample(3)), Trials("B", sample(75))).p_value < 0.05 for _ in range(300)) <= 24


def test_the_probability_near_one_is_covered() -> None:
    """Wide against narrow samples far apart, where the estimated variance is nearly 0: 90 % at least."""
    rng = np.random.default_rng(9)
    truth = float(stats.norm.cdf(10 / math.hypot(5, 1)))
    hits = sum(truth in probability_of_improvement(rng.normal(10, 5, 30), rng.normal(0, 1, 75))[1] for _ in range(300))
    assert hits >= 270


def test_pairs_make_the_probability_of_improvement_as_sure_as_the_test() -> None:
    """75 pairs that differ by a sure 0.01: the interval is as narrow as the test is certain, and excludes 1/2."""
    b = np.random.default_rng(3).normal(20, 1, 75)
    found = compare(Trials("A", b + 0.01, range(75)), Trials("B", b, range(75)))
    assert found.p_value < 1e-4
    assert found.improvement_interval.low > 0.5
    assert found.improvement_interval.high < found.improvement + 0.01
    loose = compare(Trials("A", b + 0.01), Trials("B", b))
    assert loose.improvement_interval.high > found.improvement + 0.05
