"""The difference of two samples and its interval: Hodges and Lehmann's, the test turned round."""

import math

import numpy as np
import pytest

from das_hpo.analysis.statistics import Trials, compare
from das_hpo.analysis.statistics.differences import median_difference, rounded

RNG = np.random.default_rng(5)


def test_by_hand() -> None:
    """1, 4 against 0, 2: differences 1, -1, 4, 2; their median is 1.5; a diverged one is minus infinity."""
    assert median_difference(np.array([1.0, 4.0]), np.array([0.0, 2.0])) == 1.5
    assert median_difference(np.array([1.0, -math.inf, -math.inf]), np.array([0.0])) == -math.inf
    assert median_difference(np.array([-math.inf, 3.0, 5.0]), np.array([-math.inf])) == math.inf
    assert math.isnan(median_difference(np.array([-math.inf]), np.array([-math.inf])))


@pytest.mark.parametrize(("m", "n"), [(6, 9), (40, 30)])
def test_the_interval_holds_the_shifts_that_are_not_rejected(m: int, n: int) -> None:
    """The samples shifted by what lies just inside its ends are not rejected, by what lies outside they are."""
    a, b = RNG.normal(3, 1, m), RNG.normal(0, 2, n)
    bounds = compare(Trials("A", a), Trials("B", b)).difference_interval
    step = 0.02 * (bounds.high - bounds.low) * (10 if m < 15 else 1)  # permutations of small samples vary a little
    for inside, outside in ((bounds.low + step, bounds.low - step), (bounds.high - step, bounds.high + step)):
        assert compare(Trials("A", a - inside), Trials("B", b)).p_value >= 0.05
        assert compare(Trials("A", a - outside), Trials("B", b)).p_value < 0.05


def test_ties_and_constants() -> None:
    """Equal constants differ by 0, others by as much as they do; a shift by a difference makes a tie."""
    same = compare(Trials("A", [20.0] * 20), Trials("B", [20.0] * 20))
    assert (same.difference, same.difference_interval.low, same.difference_interval.high) == (0, 0, 0)
    more = compare(Trials("A", [20.1] * 20), Trials("B", [20.0] * 20))
    assert more.difference == pytest.approx(0.1)
    assert (more.difference_interval.low, more.difference_interval.high) == pytest.approx((0.1, 0.1))
    first, second = rounded(RNG.normal(20, 3, 100), RNG.normal(0, 3, 100))
    assert (first - (first - second) == second).all()


def test_too_few_trials_have_no_interval() -> None:
    """Two against two reject nothing; ends are infinite where one sample diverges more."""
    assert not compare(Trials("A", [1.0, 2.0]), Trials("B", [3.0, 4.0])).difference_interval.defined
    never = compare(Trials("A", [None] * 9), Trials("B", [1.0] * 9)).difference_interval
    assert (never.low, never.high) == (-math.inf, -math.inf)
    assert not compare(Trials("A", [None] * 3), Trials("B", [1.0] * 2)).difference_interval.defined
    half = compare(Trials("A", [None] * 30 + [1.0] * 10), Trials("B", RNG.normal(2, 1, 40))).difference_interval
    assert half.low == -math.inf
    assert half.high < 0


def test_of_more_trials_than_are_gone_through() -> None:
    """3,000 a sample: the true difference of 1, in an interval of a tenth."""
    found = compare(Trials("A", RNG.normal(1, 1, 3000)), Trials("B", RNG.normal(0, 1, 3000)))
    assert 1 in found.difference_interval
    assert found.difference_interval.high - found.difference_interval.low < 0.15


@pytest.mark.parametrize("diverging", [0.0, 0.15])
def test_it_covers_the_true_difference(diverging: float) -> None:
    """Two kinds of trials, 10 dB apart, at equal shares: 95 % of 300 intervals hold the shift, diverged or not."""
    rng = np.random.default_rng(12)

    def sample() -> np.ndarray:
        values = rng.normal(20, 1, 25) - 10 * (rng.random(25) < 0.5)
        return np.where(rng.random(25) < diverging, np.nan, values)

    hits = 0
    for _ in range(300):
        bounds = compare(Trials("A", sample() + 0.7), Trials("B", sample())).difference_interval
        hits += 0.7 in bounds
    if diverging:  # the median difference is no longer the shift: a bound from below is enough
        assert hits >= 264
    else:
        assert hits >= 273
