"""Bootstrap intervals: against scipy, and where the data are degenerate."""

import math

import numpy as np
import pytest
from scipy import stats

from das_hpo.analysis.statistics.intervals import bootstrap_interval, bootstrap_intervals
from spaces.errors import InvalidValueError

SAMPLE = np.array([20.1, 21.5, 22.2, 8.3, 21.9, 23.0, 22.7, 9.1, 21.1, 20.8])


@pytest.mark.parametrize("statistic", [np.mean, np.median], ids=["mean", "median"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_is_scipys_bca(statistic: object, level: float) -> None:
    """Equal seed, equal ends."""
    interval = bootstrap_interval(SAMPLE, statistic=statistic, level=level, seed=4)  # type: ignore[arg-type]
    expected = stats.bootstrap(
        (SAMPLE,), statistic, confidence_level=level, rng=np.random.default_rng(4)
    ).confidence_interval
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.method == "bca"


def test_the_percentiles_of_the_exact_bootstrap_of_two_values() -> None:
    """Hand-worked: the mean of two values is low, middle, high with 1/4, 1/2, 1/4, so 95 % reaches both ends."""
    interval = bootstrap_interval(np.array([1.0, 3.0]), statistic=np.mean)
    assert (interval.low, interval.high) == (1.0, 3.0)


def test_a_constant_sample_has_an_interval_of_no_width() -> None:
    """No resample changes the mean of a constant."""
    interval = bootstrap_interval(np.full(7, 21.5), statistic=np.mean)
    assert (interval.low, interval.high) == (21.5, 21.5)
    assert interval.defined


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_values_have_no_interval(size: int) -> None:
    """One trial says nothing of the spread."""
    interval = bootstrap_interval(np.full(size, 20.0), statistic=np.mean)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_many_statistics_share_their_resamples() -> None:
    """A row of statistics gives each one's own interval."""
    lows, highs, _ = bootstrap_intervals(
        SAMPLE, statistic=lambda x, axis: np.array([np.mean(x, axis=axis), np.median(x, axis=axis)]), seed=4
    )
    for index, statistic in enumerate((np.mean, np.median)):
        alone = bootstrap_interval(SAMPLE, statistic=statistic, seed=4)
        assert (lows[index], highs[index]) == pytest.approx((alone.low, alone.high))


def test_large_samples_take_percentiles() -> None:
    """A hundred thousand values end soon, near the normal interval of the mean."""
    sample = np.random.default_rng(0).normal(20, 2, 100_000)
    interval = bootstrap_interval(sample, statistic=np.mean)
    half = 1.96 * 2 / math.sqrt(len(sample))
    assert interval.method == "percentile"
    assert interval.low == pytest.approx(sample.mean() - half, abs=half / 4)
    assert interval.high == pytest.approx(sample.mean() + half, abs=half / 4)


def test_wrong_arguments_are_refused() -> None:
    """Levels outside (0, 1), unequal pairs and no sample at all are errors."""
    with pytest.raises(InvalidValueError, match="between 0 and 1, got 95"):
        bootstrap_interval(SAMPLE, statistic=np.mean, level=95)
    with pytest.raises(InvalidValueError, match="equal lengths"):
        bootstrap_interval(SAMPLE, SAMPLE[1:], statistic=np.mean, paired=True)
    with pytest.raises(InvalidValueError, match="at least one sample"):
        bootstrap_interval(statistic=np.mean)
