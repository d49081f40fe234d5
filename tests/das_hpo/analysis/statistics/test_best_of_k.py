"""Best of k: against the mean over all subsets, and draws to beat against the geometric distribution."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from das_hpo.analysis.statistics import best_of_k, draws_to_beat, expected_best, median_best, student_interval
from spaces.errors import InvalidValueError


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8), st.data())
def test_the_estimate_is_the_mean_over_all_subsets(values: list[float], data: st.DataObject) -> None:
    """By enumeration of every subset of size k."""
    k = data.draw(st.integers(1, len(values)))
    expected = np.mean([max(subset) for subset in itertools.combinations(values, k)])
    assert expected_best(values, k) == pytest.approx(expected, abs=1e-9)


def test_hand_worked() -> None:
    """Best of 2 of 1, 2, 3: (2 + 3 + 3) / 3; best of 1 is the mean, best of 3 the maximum."""
    assert [expected_best([3, 1, 2], k) for k in (1, 2, 3)] == pytest.approx([2, 8 / 3, 3])


def test_it_is_unbiased() -> None:
    """Its mean over 4,000 samples is the expected maximum of k uniforms, k / (k + 1)."""
    rng = np.random.default_rng(3)
    for k in (1, 2, 5):
        estimates = [expected_best(sample, k) for sample in rng.random((4000, 6))]
        assert np.mean(estimates) == pytest.approx(k / (k + 1), abs=0.01)


def test_a_diverged_trial_is_never_the_best() -> None:
    """Of 1, 2 and a diverged one, the pairs' bests are 2, 1, 2; alone, the mean of what there is."""
    assert expected_best([1.0, math.nan, 2.0], 2) == pytest.approx(5 / 3)
    assert expected_best([1.0, math.nan, 2.0], 1) == pytest.approx(1.5)
    assert math.isnan(expected_best([None, None], 2))


@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_is_at_most_the_trials(k: int) -> None:
    """The best of four cannot be told from three trials."""
    with pytest.raises(InvalidValueError, match="between 1 and the 3 trials"):
        expected_best([1, 2, 3], k)


def test_the_curve_rises_to_the_maximum_inside_its_intervals() -> None:
    """The whole curve: monotone, from the mean to the maximum; intervals up to a tenth of the trials, then none."""
    sample = np.random.default_rng(5).normal(20, 2, 40)
    curve = best_of_k(sample)
    assert curve.k == tuple(range(1, 41))
    assert curve.expected[0] == pytest.approx(sample.mean())
    assert curve.expected[-1] == pytest.approx(sample.max())
    assert all(np.diff(curve.expected) >= 0)
    for low, value, high in zip(curve.low[:4], curve.expected[:4], curve.high[:4], strict=True):
        assert low < value < high
    assert np.isnan([curve.low[4:], curve.high[4:]]).all()


def test_the_first_points_interval_is_that_of_the_mean() -> None:
    """Best of 1 is the mean, and so is its interval."""
    sample = np.random.default_rng(5).normal(20, 2, 45)
    curve = best_of_k(sample, [1, 5])
    expected = student_interval(sample)
    assert (curve.low[0], curve.high[0]) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("failing", [0.0, 0.3])
def test_intervals_cover_the_expected_best(failing: float) -> None:
    """Best of 5 of 75, some 10 dB worse: 90 % at least of 300 hold its mean over a million draws."""
    rng = np.random.default_rng(8)

    def sample(count: int) -> np.ndarray:
        return rng.normal(20, 1, count) - 10 * (rng.random(count) < failing)

    truth = sample(1_000_000).reshape(-1, 5).max(axis=1).mean()
    found = [best_of_k(sample(75), [5]) for _ in range(300)]
    assert sum(curve.low[0] <= truth <= curve.high[0] for curve in found) >= 270


def test_curves_of_few_trials_are_defined() -> None:
    """No trial: an empty curve; one trial or all diverged: values, no intervals."""
    assert best_of_k([]).k == ()
    one = best_of_k([20.0])
    assert one.expected == (20.0,)
    assert math.isnan(one.low[0])
    assert math.isnan(best_of_k([None, None, None]).expected[0])
    constant = best_of_k([5.0, 5.0, 5.0])
    assert constant.expected == pytest.approx((5.0, 5.0, 5.0))
    assert math.isnan(constant.low[0])


def test_a_large_sample_does_not_overflow() -> None:
    """Binomials of 2,000 trials."""
    sample = np.random.default_rng(5).normal(20, 2, 2000)
    assert expected_best(sample, 1000) == pytest.approx(sample.max(), abs=0.5)
    assert expected_best(sample, 1) == pytest.approx(sample.mean())


def test_draws_to_beat_is_geometric() -> None:
    """2 of 100 trials beat it: 50 draws expected, 35 for an even chance; Clopper-Pearson from the beta."""
    values = [18.0] * 97 + [None, 19.0, 20.0]
    draws = draws_to_beat(values, 18.57)
    assert (draws.trials, draws.beating, draws.expected) == (100, 2, 50)
    assert draws.within(0.5) == 35  # 0.98**34 = 0.503, 0.98**35 = 0.493
    assert draws.interval.low == pytest.approx(1 / stats.beta.ppf(0.975, 3, 98))
    assert draws.interval.high == pytest.approx(1 / stats.beta.ppf(0.025, 2, 99))


def test_draws_where_none_or_all_beat_it() -> None:
    """None: infinite, with the least number that the trials exclude (rule of three); all: one."""
    none = draws_to_beat([10.0] * 30, 18.0)
    assert none.expected == math.inf
    assert none.interval.high == math.inf
    assert none.interval.low == pytest.approx(1 / (1 - 0.025 ** (1 / 30)))
    assert none.within(0.5) == math.inf
    everyone = draws_to_beat([20.0] * 30, 18.0)
    assert everyone.expected == 1
    assert everyone.within(0.9) == 1
    assert everyone.interval.low == 1
    assert math.isnan(draws_to_beat([], 18.0).expected)
    assert draws_to_beat([18.0, 20.0], 18.0).beating == 1  # an equal one does not beat it
    with pytest.raises(InvalidValueError, match="finite number of dB"):
        draws_to_beat([1.0], math.nan)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=7), st.data())
def test_the_median_best_is_that_of_all_subsets(values: list[float], data: st.DataObject) -> None:
    """By enumeration; the best of one is the sample's own median."""
    k = data.draw(st.integers(1, len(values)))
    expected = np.median([max(subset) for subset in itertools.combinations(values, k)])
    from das_hpo.analysis.statistics.best_of_k import _median_places

    lower, upper = _median_places(len(values), k)
    ordered = sorted(values)
    assert (ordered[lower] + ordered[upper]) / 2 == pytest.approx(expected, abs=1e-9)


def test_the_median_best_has_an_interval_and_may_be_diverged() -> None:
    """Thirty trials: inside its interval; with most trials diverged the median best of one is none."""
    median, interval = median_best(np.random.default_rng(1).normal(20, 2, 30), 5)
    assert interval.low < median < interval.high
    assert not median_best(np.random.default_rng(1).normal(20, 2, 20), 5)[1].defined
    assert math.isnan(median_best([None, None, 3.0], 1)[0])
    assert median_best([None, 2.0, 3.0], 3)[0] == 3.0


def test_one_value_has_no_interval() -> None:
    """Nine diverged trials and one: nothing is known of how a tenth would do."""
    found = best_of_k([math.nan] * 9 + [5.0], [1, 5])
    assert found.expected == (5.0, 5.0)
    assert all(math.isnan(end) for end in (*found.low, *found.high))
