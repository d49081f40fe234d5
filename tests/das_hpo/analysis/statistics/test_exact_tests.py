"""The exact tests of ranks: against scipy without ties, against enumeration with them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from das_hpo.analysis.statistics import mann_whitney, paired_wilcoxon
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
    expected = stats.mannwhitneyu(A, B, method="exact")
    assert mann_whitney(A, B) == pytest.approx((expected.statistic, expected.pvalue))
    assert mann_whitney([4, 5, 6], [1, 2, 3]) == (9, pytest.approx(0.1))
    assert mann_whitney([1, 2, 3], [4, 5, 6])[0] == 0


def test_mann_whitney_of_diverged_constants_and_nothing() -> None:
    """Diverged ranks last; all equal is p = 1; an empty sample is no test."""
    assert mann_whitney([4, 5, None], [1, 2, 3]) == pytest.approx(mann_whitney([4, 5, -9], [1, 2, 3]))
    assert mann_whitney([5, 5], [5, 5, 5]) == (3, 1)
    assert mann_whitney([None], [None, None]) == (1, 1)
    assert math.isnan(mann_whitney([], [1])[1])


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_wilcoxon_with_ties_is_the_enumeration_of_all_signs(differences: list[int]) -> None:
    """Every sign of every difference that is not zero is as likely as the other."""
    there = np.array([value for value in differences if value])
    ranks = stats.rankdata(np.abs(there)) if len(there) else np.empty(0)
    sums = np.array([ranks @ np.array(signs) for signs in itertools.product([0, 1], repeat=len(there))])
    found = ranks[there > 0].sum()
    expected = min(1.0, 2 * min((sums >= found - 1e-9).mean(), (sums <= found + 1e-9).mean()))
    assert paired_wilcoxon(differences, [0] * len(differences))[1] == pytest.approx(expected)


def test_wilcoxon_of_four_tied_wins_among_many_ties() -> None:
    """Four pairs differ, all by as much and all one way: 2 of 16 divisions are as extreme."""
    assert paired_wilcoxon([21] * 4 + [20] * 71, [20] * 75) == (0, pytest.approx(2 / 16))


def test_wilcoxon_of_very_many_pairs_is_the_normal_one() -> None:
    """Beyond what is gone through exactly: scipy's approximation with its correction of ties."""
    a = np.random.default_rng(2).integers(0, 9, 600)
    b = np.random.default_rng(3).integers(0, 9, 600)
    assert paired_wilcoxon(a, b)[1] == pytest.approx(stats.wilcoxon(a - b, method="asymptotic").pvalue)


@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.data())
def test_mann_whitney_with_ties_is_the_enumeration_of_all_divisions(values: list[int], data: st.DataObject) -> None:
    """Every choice of as many trials for A is as likely as the observed one."""
    size = data.draw(st.integers(1, len(values) - 1))
    ranks = stats.rankdata(values)
    sums = np.array([sum(part) for part in itertools.combinations(ranks, size)])
    found = ranks[:size].sum()
    expected = min(1.0, 2 * min((sums >= found - 1e-9).mean(), (sums <= found + 1e-9).mean()))
    assert mann_whitney(values[:size], values[size:])[1] == pytest.approx(expected)


def test_three_against_many_diverged_trials() -> None:
    """3 against 75 with 76 of 78 diverged: both that did not are among the three in C(76, 1) of C(78, 3) divisions."""
    p_value = mann_whitney([20.0, 21.0, None], [None] * 75)[1]
    assert p_value == pytest.approx(2 * 76 / math.comb(78, 3))
    assert mann_whitney([None] * 75, [20.0, 21.0, None])[1] == pytest.approx(p_value)


def test_many_against_many_is_the_normal_one() -> None:
    """Beyond what is gone through exactly: scipy's approximation with its correction of ties."""
    a, b = np.random.default_rng(2).integers(0, 9, 300), np.random.default_rng(3).integers(0, 9, 200)
    assert mann_whitney(a, b)[1] == pytest.approx(stats.mannwhitneyu(a, b, method="asymptotic").pvalue)


@pytest.mark.parametrize(("one", "diverged"), [(1, 12), (2, 6), (3, 4), (1, 31)])
def test_ties_of_few_trials_have_an_exact_p(one: int, diverged: int) -> None:
    """Some trials against diverged ones, which are all equal: p is the share of the splits that are as extreme."""
    _, p_value = mann_whitney(np.arange(1.0, one + 1), np.full(diverged, math.nan))
    assert p_value == pytest.approx(min(1.0, 2 / math.comb(one + diverged, one)))
