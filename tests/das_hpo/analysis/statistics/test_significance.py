"""Tests between samples: against scipy and statsmodels, with diverged trials, ties and tiny samples."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.nonparametric import rank_compare_2indep

from das_hpo.analysis.statistics import (
    Trials,
    compare,
    compare_all,
    holm,
    mann_whitney,
    median_difference,
    paired_wilcoxon,
    probability_of_improvement,
)
from das_hpo.analysis.statistics.significance import newcombe_error
from spaces.errors import InvalidValueError

RNG = np.random.default_rng(21)
A = RNG.normal(21, 1.5, 20)
B = RNG.normal(20, 1.5, 20)


def test_wilcoxon_is_scipys() -> None:
    """Without ties: the exact test of the library."""
    expected = stats.wilcoxon(A, B)
    assert paired_wilcoxon(A, B) == pytest.approx((expected.statistic, expected.pvalue))


def test_wilcoxon_by_hand() -> None:
    """Five pairs, all better: W = 0 and p = 2 / 2^5."""
    assert paired_wilcoxon([2, 4, 6, 8, 10], [1, 2, 3, 4, 5]) == (0, pytest.approx(0.0625))


def test_wilcoxon_of_diverged_pairs() -> None:
    """One diverged is the largest loss of all; both diverged is no difference; no pair is no test."""
    with_nan = paired_wilcoxon([1, 2, 3, None, 9, None], [0, 0, 0, 5, 5, None])
    as_number = paired_wilcoxon([1, 2, 3, -100, 9], [0, 0, 0, 5, 5])
    assert with_nan == pytest.approx(as_number)
    assert paired_wilcoxon([3, None], [3, None]) == (0, 1)
    assert all(math.isnan(value) for value in paired_wilcoxon([], []))
    with pytest.raises(InvalidValueError, match="equal lengths"):
        paired_wilcoxon([1], [1, 2])


def test_mann_whitney_is_scipys_and_exact_when_small() -> None:
    """Three against three without overlap: U = 9 and p = 2 / C(6, 3)."""
    expected = stats.mannwhitneyu(A, B)
    assert mann_whitney(A, B) == pytest.approx((expected.statistic, expected.pvalue))
    assert mann_whitney([4, 5, 6], [1, 2, 3]) == (9, pytest.approx(0.1))
    assert mann_whitney([1, 2, 3], [4, 5, 6])[0] == 0


def test_mann_whitney_of_diverged_constants_and_nothing() -> None:
    """Diverged ranks last; all equal is p = 1; an empty sample is no test."""
    assert mann_whitney([4, 5, None], [1, 2, 3]) == pytest.approx(mann_whitney([4, 5, -9], [1, 2, 3]))
    assert mann_whitney([5, 5], [5, 5, 5]) == (3, 1)
    assert mann_whitney([None], [None, None]) == (1, 1)
    assert math.isnan(mann_whitney([], [1])[1])


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03 become 0.03, 0.06, 0.06; NaN stays and counts for nothing."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.02, math.nan, 0.04])
    assert [corrected[0], corrected[2]] == pytest.approx([0.04, 0.04])
    assert math.isnan(corrected[1])
    assert holm([]) == []


def test_probability_of_improvement_by_hand() -> None:
    """1, 3 against 2, 3: wins 3>2, tie 3=3: (1 + 1/2) / 4; a diverged trial loses, two tie."""
    assert probability_of_improvement([1, 3], [2, 3])[0] == pytest.approx(1.5 / 4)
    assert probability_of_improvement([None, 3], [2, 1])[0] == pytest.approx(0.5)
    assert probability_of_improvement([None], [None])[0] == 0.5
    value, interval = probability_of_improvement([], [1])
    assert math.isnan(value)
    assert not interval.defined


def test_probability_of_improvement_is_statsmodels() -> None:
    """The estimate exactly; the interval within a little of the Brunner-Munzel interval at 200 a sample."""
    first, second = RNG.normal(0.3, 1, 200), RNG.normal(0, 1, 200)
    library = rank_compare_2indep(first, second)
    value, interval = probability_of_improvement(first, second)
    assert value == pytest.approx(library.prob1)
    assert (interval.low, interval.high) == pytest.approx(library.conf_int(), abs=0.01)


def test_the_ends_of_the_interval_solve_newcombes_equation() -> None:
    """|theta - estimate| = z * error(theta) at both ends, and A against B mirrors B against A."""
    value, interval = probability_of_improvement(A, B)
    z = stats.norm.ppf(0.975)
    for end in (interval.low, interval.high):
        assert abs(end - value) == pytest.approx(z * newcombe_error(end, 20, 20))
    mirrored, other = probability_of_improvement(B, A)
    assert mirrored == pytest.approx(1 - value)
    assert (other.low, other.high) == pytest.approx((1 - interval.high, 1 - interval.low))


def test_separated_samples_are_not_certain() -> None:
    """All of A above all of B: the estimate is 1, the interval reaches below it, less so with more trials."""
    small = probability_of_improvement([4, 5, 6], [1, 2, 3])[1]
    large = probability_of_improvement(range(100, 150), range(50))[1]
    assert small.high == large.high == 1
    assert small.low < large.low < 1


def test_median_difference_is_scipys_bca() -> None:
    """Unpaired and paired, equal seed."""
    for paired in (False, True):
        value, interval = median_difference(A, B, paired=paired, seed=5)
        expected = stats.bootstrap(
            (A, B),
            lambda a, b, axis=-1: np.median(a, axis=axis) - np.median(b, axis=axis),
            paired=paired,
            vectorized=True,
            rng=np.random.default_rng(5),
        ).confidence_interval
        assert value == pytest.approx(np.median(A) - np.median(B))
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert median_difference([1, None, 3], [0, 5, 1], paired=True)[0] == 1.5
    assert math.isnan(median_difference([None], [1])[0])


def test_trials_of_equal_seeds_are_paired() -> None:
    """Pairs by seed whatever the order; a partner missing for one of the smaller sample unpairs all."""
    first = Trials("A", [1.0, 2.0, 3.0], [10, 11, 12])
    shuffled = Trials("B", [9.0, 3.5, 2.5, 1.5], [99, 12, 11, 10])
    paired = compare(first, shuffled)
    assert (paired.test, paired.pairs) == ("wilcoxon", 3)
    assert paired.p_value == pytest.approx(paired_wilcoxon([1, 2, 3], [1.5, 2.5, 3.5])[1])
    assert compare(first, Trials("C", [1.0, 2.0], [10, 77])).test == "mann-whitney"
    assert compare(first, Trials("D", [1.0, 2.0])).test == "mann-whitney"
    assert compare(first, Trials("E", [1.0, 2.0], [10, 10])).test == "mann-whitney"
    with pytest.raises(InvalidValueError, match="3 trials and 1 seeds"):
        compare(Trials("F", [1.0, 2.0, 3.0], [1]), first)


def test_all_pairs_are_corrected_together() -> None:
    """Three samples make three comparisons; Holm over the three; an empty sample does not count."""
    samples = [Trials("A", A), Trials("B", B), Trials("C", A + 5), Trials("none", [])]
    compared = compare_all(samples)
    assert [(c.first, c.second) for c in compared][:3] == [("A", "B"), ("A", "C"), ("A", "none")]
    real = [c for c in compared if not math.isnan(c.p_value)]
    assert len(real) == 3
    assert [c.p_holm for c in real] == pytest.approx(holm([c.p_value for c in real]))
    assert compare_all(samples[:1]) == []


@pytest.mark.parametrize(("one", "diverged"), [(1, 12), (2, 6), (3, 4), (1, 31)])
def test_ties_of_few_trials_have_an_exact_p(one: int, diverged: int) -> None:
    """Some trials against diverged ones, which are all equal: p is the share of the splits that are as extreme."""
    _, p_value = mann_whitney(np.arange(1.0, one + 1), np.full(diverged, math.nan))
    assert p_value == pytest.approx(min(1.0, 2 / math.comb(one + diverged, one)))


def test_a_paired_test_has_its_own_direction() -> None:
    """Many small losses and few large wins: the signed ranks say better, the share of all pairs says worse."""
    rng = np.random.default_rng(0)
    b = rng.normal(20, 3, 40)
    a = b + np.where(np.arange(40) < 16, -0.01, np.linspace(0.5, 2, 40))
    found = compare(Trials("a", a, range(40)), Trials("b", b, range(40)))
    assert found.p_value < 0.05
    assert found.direction == 1
    back = compare(Trials("b", b, range(40)), Trials("a", a, range(40)))
    assert (back.direction, back.p_value) == (-1, found.p_value)
    assert compare(Trials("a", a), Trials("b", a)).direction == 0
    assert compare(Trials("a", b + 9), Trials("b", b)).direction == 1
