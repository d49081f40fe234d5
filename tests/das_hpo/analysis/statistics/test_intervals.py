"""Intervals of one sample: against scipy and statsmodels, and how often they hold the truth."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from das_hpo.analysis.statistics import jackknife_interval, quantile_interval, student_interval
from das_hpo.analysis.statistics.intervals import LEAST_VALUES, leave_one_out
from spaces.errors import InvalidValueError

SAMPLE = np.random.default_rng(4).normal(20, 2, 40)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_students_interval_is_statsmodels(level: float) -> None:
    """The mean's ends; a constant has an interval of no width."""
    interval = student_interval(SAMPLE, level=level)
    assert (interval.low, interval.high) == pytest.approx(DescrStatsW(SAMPLE).tconfint_mean(1 - level))
    constant = student_interval(np.full(40, 21.5))
    assert (constant.low, constant.high) == (21.5, 21.5)


@pytest.mark.parametrize("size", [0, 1, LEAST_VALUES - 1])
def test_a_mean_of_few_values_has_no_interval(size: int) -> None:
    """A value in ten that is far off is missing from one sample of 20 in eight."""
    assert not student_interval(np.full(size, 20.0)).defined


@pytest.mark.parametrize(("count", "probability"), [(6, 0.5), (20, 0.5), (75, 0.5), (75, 0.87)])
def test_a_quantiles_interval_is_that_of_scipy(count: int, probability: float) -> None:
    """The interval that goes with scipy's binomial test of a quantile."""
    sample = np.random.default_rng(count).normal(20, 2, count)
    interval = quantile_interval(sample, probability)
    expected = stats.quantile_test(sample, p=probability).confidence_interval(0.95)
    assert (interval.low, interval.high) == (expected.low, expected.high)


def test_the_median_of_six_lies_between_the_extremes() -> None:
    """All six on one side of the median: 2 in 64; of five, 2 in 32, which is too often for 95 %."""
    interval = quantile_interval(np.array([3.0, 1.0, 2.0, 6.0, 5.0, 4.0]), 0.5)
    assert (interval.low, interval.high) == (1, 6)
    for few in ([], [1.0], [1.0, 2.0, 3.0, 4.0, 5.0]):
        assert not quantile_interval(np.array(few), 0.5).defined
    assert not quantile_interval(np.array([-math.inf, 1.0, 2.0, 6.0, 5.0, 4.0]), 0.5).defined


def test_a_medians_interval_covers_whatever_the_distribution() -> None:
    """Two kinds of trials 10 dB apart, 30 % of one: at least 95 % of 400 hold the true median."""
    rng = np.random.default_rng(2)
    worlds = [(lambda n: rng.normal(20, 1, n) - 10 * (rng.random(n) < 0.3)), (lambda n: rng.exponential(1, n))]
    truths = [20 + stats.norm.ppf((0.5 - 0.3) / 0.7), math.log(2)]
    for world, truth in zip(worlds, truths, strict=True):
        assert sum(truth in quantile_interval(world(11), 0.5) for _ in range(400)) >= 370


def test_the_jackknife_of_a_mean_is_students() -> None:
    """The error of the mean without one value each is the standard error; on another scale the ends move along."""
    without = SAMPLE[leave_one_out(40)].mean(axis=1)
    interval, error = jackknife_interval(float(SAMPLE.mean()), without)
    expected = student_interval(SAMPLE)
    assert error == pytest.approx(stats.sem(SAMPLE))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    scaled, _ = jackknife_interval(float(SAMPLE.mean()), without, scale=(np.log, np.exp))
    assert scaled.low == pytest.approx(interval.low, abs=0.05)
    assert scaled.high > interval.high
    assert not jackknife_interval(1.0, np.array([1.0])[:0])[0].defined
    assert not jackknife_interval(0.0, np.array([1.0, 0.0]), scale=(np.log, np.exp))[0].defined


def test_one_is_left_out_of_each_row() -> None:
    """Of three: the second and third, the first and third, the first and second."""
    assert leave_one_out(3).tolist() == [[1, 2], [0, 2], [0, 1]]


def test_wrong_arguments_are_refused() -> None:
    """Levels and probabilities outside (0, 1) are errors."""
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        student_interval(SAMPLE, level=95)
    with pytest.raises(InvalidValueError, match="between 0 and 1, got 1"):
        quantile_interval(SAMPLE, 1)
