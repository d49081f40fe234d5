"""Correlations and the regression line: against scipy, statsmodels and hand-worked cases."""

import math

import numpy as np
import pytest
import statsmodels.api
from scipy import stats

from das_hpo.analysis.statistics import correlation, correlations, regression_line
from das_hpo.analysis.statistics.correlation import KINDS, _kendall_along, _spearman_along
from spaces.errors import InvalidValueError, UnknownNameError

RNG = np.random.default_rng(11)
X = RNG.normal(20, 2, 70)
Y = -0.4 * X + RNG.normal(0, 1.5, 70)


@pytest.mark.parametrize("kind", KINDS)
def test_the_coefficient_is_scipys_and_signed(kind: str) -> None:
    """A falling cloud has a negative coefficient."""
    library = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[kind]
    result = correlation(X, Y, kind)
    assert result.coefficient == pytest.approx(library(X, Y).statistic)
    assert result.coefficient < 0
    assert result.coefficient in result.interval
    few = correlation(X[:9], Y[:9], kind)
    assert few.p_value == pytest.approx(library(X[:9], Y[:9]).pvalue)
    assert not few.interval.defined


def test_normal_intervals_are_near_scipys() -> None:
    """Of 400 normal pairs the jackknife's and Fisher's own interval agree within 0.02."""
    x = RNG.normal(0, 1, 400)
    y = 0.5 * x + RNG.normal(0, 1, 400)
    expected = stats.pearsonr(x, y).confidence_interval(0.9)
    interval = correlation(x, y, level=0.9).interval
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_and_p_by_hand(kind: str) -> None:
    """The library's coefficient without each pair in turn, on Fisher's z scale; 0 is inside exactly if p says so."""
    library = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}[kind]
    x, y = X, Y
    z = np.arctanh([library(np.delete(x, i), np.delete(y, i)).statistic for i in range(70)])
    error = math.sqrt(69 / 70 * ((z - z.mean()) ** 2).sum())
    found = correlation(x, y, kind)
    centre = math.atanh(found.coefficient)
    half = stats.t.ppf(0.975, 69) * error
    assert found.interval.low == pytest.approx(math.tanh(centre - half))
    assert found.interval.high == pytest.approx(math.tanh(centre + half))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(centre) / error, 69))
    assert (0 in found.interval) == (found.p_value > 0.05)


def _scattered(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(0, 1, 75)
    return x, x * rng.normal(0, 1, 75)


def _failing(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(0, 1, 75)
    fails = rng.random(75) < 0.05
    return x - 3 * fails, 0.3 * x + rng.normal(0, 1, 75) - 8 * fails


def test_no_interval_is_shown_where_it_covers_less_than_nine_in_ten() -> None:
    """Of fewer than 70 pairs with failures among them Pearson's covers 88 to 90 %: none, where ranks have one."""
    found = correlations(X[:69], Y[:69])
    assert [kind for kind, each in found.items() if each.interval.defined] == ["spearman", "kendall"]


@pytest.mark.parametrize(("world", "truth"), [(_scattered, 0.0), (_failing, 0.605)], ids=["spread", "failures"])
@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_intervals_cover_what_fishers_do_not(world: object, truth: float, kind: str) -> None:
    """Spread that depends on x, and 5 % of failures: 88 % at least of 300 intervals (Fisher's: 74 and 83 %)."""
    rng = np.random.default_rng(1)
    if kind == "spearman" and truth:
        truth = 0.38
    found = [correlation(*world(rng), kind).interval for _ in range(300)]  # type: ignore[operator]
    assert sum(truth in interval for interval in found) >= 264


def test_vectorised_rank_correlations_with_ties() -> None:
    """What the bootstrap calls equals the library row by row, ties and all."""
    x = RNG.integers(0, 4, (20, 9)).astype(float)
    y = RNG.integers(0, 4, (20, 9)).astype(float)
    for ours, library in ((_spearman_along, stats.spearmanr), (_kendall_along, stats.kendalltau)):
        expected = [library(a, b).statistic for a, b in zip(x, y, strict=True)]
        np.testing.assert_allclose(ours(x, y), expected, atol=1e-12)


def test_ties_by_hand() -> None:
    """x 1 1 2 3, y 1 2 2 3: 4 concordant, 0 discordant, one tie each: tau-b = 4 / 5."""
    assert correlation([1, 1, 2, 3], [1, 2, 2, 3], "kendall").coefficient == pytest.approx(0.8)


@pytest.mark.parametrize("kind", KINDS)
def test_small_samples_and_constants_are_defined(kind: str) -> None:
    """Constants and fewer than two pairs have no coefficient; few pairs have no interval."""
    for x, y in (([], []), ([1.0], [2.0]), ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]), ([0.1 * 3] * 2 + [0.3], [1, 2, 3])):
        undefined = correlation(x, y, kind)
        assert math.isnan(undefined.coefficient)
        assert math.isnan(undefined.p_value)
        assert not undefined.interval.defined
    two = correlation([1, 2], [4, 3], kind)
    assert (two.coefficient, two.p_value) == (-1, 1)
    assert not correlation([1, 2, 3], [1, 3, 2], kind).interval.defined
    exact = correlation(range(70), range(0, -70, -1), kind)
    assert exact.coefficient == -1
    if kind == "pearson":
        assert (exact.interval.low, exact.interval.high) == (-1, -1)
    else:  # a few ranks in order are no proof that all would be
        assert not exact.interval.defined


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7])
def test_spearmans_p_of_few_pairs_is_over_all_orders(count: int) -> None:
    """Two of n! orders are perfect; and an order that is not, against scipy's own permutations."""
    assert correlation(range(count), range(count), "spearman").p_value == pytest.approx(2 / math.factorial(count))
    y = [1.0, 0.0, *range(2, count)]
    reference = stats.permutation_test(
        (np.array(y),),
        lambda z: stats.spearmanr(range(count), z).statistic,
        permutation_type="pairings",
        n_resamples=9999,
    )
    assert correlation(range(count), y, "spearman").p_value == pytest.approx(reference.pvalue)


def test_diverged_trials_are_left_out_in_pairs() -> None:
    """A pair with one NaN does not count; three of six are left."""
    some = correlation([1, 2, None, 4, 5, 6], [1, None, 3, 5, None, 2])
    assert some.pairs == 3
    assert some.coefficient == pytest.approx(stats.pearsonr([1, 4, 6], [1, 5, 2]).statistic)
    assert set(correlations(X, Y)) == set(KINDS)


def test_wrong_arguments_are_refused() -> None:
    """Unknown kinds list the valid ones."""
    with pytest.raises(UnknownNameError, match="valid are pearson, spearman, kendall"):
        correlation(X, Y, "distance")
    with pytest.raises(InvalidValueError, match="equal lengths"):
        correlation(X, Y[1:])


def test_the_line_is_statsmodels_least_squares() -> None:
    """Slope, intercept, slope interval (HC3), residual deviation and R^2 of OLS."""
    x = RNG.normal(20, 2, 80)
    y = -0.4 * x + np.abs(x - 20) * RNG.normal(0, 1.5, 80)
    fit = statsmodels.api.OLS(y, statsmodels.api.add_constant(x)).fit()
    line = regression_line(x, y, level=0.9)
    assert (line.intercept, line.slope) == pytest.approx(tuple(fit.params))
    robust = fit.get_robustcov_results("HC3").conf_int(0.1)[1]
    assert (line.slope_interval.low, line.slope_interval.high) == pytest.approx(tuple(robust))
    assert not regression_line(X, Y).slope_interval.defined
    assert line.residual_sd == pytest.approx(math.sqrt(fit.mse_resid))
    assert line.r_squared == pytest.approx(fit.rsquared)
    assert line.at(20) == pytest.approx(fit.predict([[1, 20]])[0])


def test_lines_of_degenerate_data() -> None:
    """A constant x has no line; two points have one without an interval; a constant y a flat one."""
    assert math.isnan(regression_line([2, 2, 2], [1, 2, 3]).slope)
    assert math.isnan(regression_line([2], [1]).slope)
    two = regression_line([0, 1, None], [1, 3, 7])
    assert (two.slope, two.intercept, two.pairs) == (2, 1, 2)
    assert not two.slope_interval.defined
    flat = regression_line([1, 2, 3, 4], [5, 5, 5, 5])
    assert flat.slope == 0
    assert math.isnan(flat.r_squared)
