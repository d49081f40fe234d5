"""Summaries: hand-worked numbers, diverged trials, groups of a frame."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from das_hpo.analysis.statistics import summarise, summary_frame


def test_a_hand_worked_sample() -> None:
    """1, 2, 4, 5, 8 and a diverged trial: each number worked by hand."""
    summary = summarise([4.0, 8.0, None, 1.0, 5.0, 2.0])
    assert (summary.trials, summary.diverged, summary.completed) == (6, 1, 5)
    assert (summary.minimum, summary.maximum) == (1.0, 8.0)
    assert summary.mean == 4.0
    assert summary.median == 3.0  # of -inf, 1, 2, 4, 5, 8
    assert (summary.lower_quartile, summary.upper_quartile, summary.iqr) == (1.25, 4.75, 3.5)
    assert summary.standard_deviation == pytest.approx(math.sqrt(30 / 4))
    assert not summary.mean_interval.defined
    assert not summary.median_interval.defined
    six = summarise([4.0, 8.0, 1.0, 5.0, 2.0, 3.0]).median_interval
    assert (six.low, six.high) == (1, 8)
    assert not summarise([4.0, 8.0, None, 1.0, 5.0, 2.0]).median_interval.defined


@pytest.mark.parametrize("larger_is_better", [True, False])
def test_diverged_trials_are_the_worst_in_median_and_quartiles(larger_is_better: bool) -> None:
    """Half of them diverged: the median is infinite on the bad side, mean and deviation are the others'."""
    sign = 1 if larger_is_better else -1
    scores = sign * np.arange(20.0, 24.0)
    half = summarise([*scores, None, None, None, None], larger_is_better=larger_is_better)
    good, bad = (half.upper_quartile, half.lower_quartile)[::sign]
    assert (half.median, bad) == (-sign * math.inf, -sign * math.inf)
    assert good == pytest.approx(sign * 21.25)
    assert half.iqr == math.inf
    assert half.mean == scores.mean()
    assert math.isnan(summarise([1.0, *[None] * 9], larger_is_better=larger_is_better).iqr)
    assert summarise([None, None], larger_is_better=larger_is_better).median == -sign * math.inf


def test_huge_scores_have_a_spread() -> None:
    """Whose square would be no number."""
    scores = np.random.default_rng(3).normal(20, 1, 50)
    one, huge = summarise(scores), summarise(scores * 1e300)
    assert huge.standard_deviation == pytest.approx(one.standard_deviation * 1e300)
    assert huge.mean_interval.high == pytest.approx(one.mean_interval.high * 1e300)


@settings(max_examples=30)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30))
def test_numbers_agree_with_the_libraries(values: list[float]) -> None:
    """Mean, median, standard deviation and IQR are numpy's and scipy's."""
    summary = summarise(values)
    assert summary.mean == pytest.approx(np.mean(values), abs=1e-12)
    assert summary.median == pytest.approx(np.median(values), abs=1e-12)
    assert summary.standard_deviation == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    assert summary.iqr == pytest.approx(stats.iqr(values), abs=1e-9)


def test_no_value_and_one_value() -> None:
    """All diverged: no maximum, no mean; one trial: no spread, no interval."""
    none = summarise([None, math.nan])
    assert (none.trials, none.diverged) == (2, 2)
    assert math.isnan(none.maximum)
    assert math.isnan(none.mean)
    assert not none.mean_interval.defined
    assert summarise([]).trials == 0
    one = summarise([21.0])
    assert (one.maximum, one.mean, one.median, one.iqr) == (21.0, 21.0, 21.0, 0.0)
    assert math.isnan(one.standard_deviation)
    assert not one.median_interval.defined


def test_intervals_cover_mean_and_median_as_often_as_they_say() -> None:
    """Over 400 normal samples of 50, the 90 % intervals hold the true mean about 360 times, the median as often."""
    rng = np.random.default_rng(7)
    found = [summarise(rng.normal(20, 2, 50), level=0.9) for _ in range(400)]
    assert 340 <= sum(20.0 in summary.mean_interval for summary in found) <= 380
    assert 345 <= sum(20.0 in summary.median_interval for summary in found) <= 390


def test_one_row_per_group_in_the_order_of_the_frame() -> None:
    """Groups keep their order and their own numbers."""
    frame = pd.DataFrame(
        {
            "run": ["b", "b", "a", "a", "a"],
            "data": ["blur"] * 5,
            "architecture_psnr": [20.0, 22.0, 15.0, np.nan, 16.0],
        }
    )
    table = summary_frame(frame, ["run", "data"])
    assert table["run"].tolist() == ["b", "a"]
    assert table["median"].tolist() == [21.0, 15.0]  # of 16, 15 and one that diverged
    assert table["diverged"].tolist() == [0, 1]
    assert table["max"].tolist() == [22.0, 16.0]
    assert summary_frame(frame.iloc[:0], ["run"]).empty
