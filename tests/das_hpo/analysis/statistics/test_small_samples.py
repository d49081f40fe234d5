"""A handful of trials: spreading far is not being better, and lying far off is."""

import math

import numpy as np
import pytest
from scipy import stats

from das_hpo.analysis.statistics import Interval, Trials, compare
from das_hpo.analysis.statistics.small_samples import agreeing_interval, welch

NAN = math.nan


def test_welch_is_scipys() -> None:
    """p and interval are those of scipy's test of unequal variances, at any scale."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(20, 3, 5), rng.normal(19, 1, 12)
    theirs = stats.ttest_ind(a, b, equal_var=False)
    for scale in (1.0, 1e200):
        p_value, bounds = welch(a * scale, b * scale, 0.9)
        interval = theirs.confidence_interval(0.9)
        assert p_value == pytest.approx(theirs.pvalue)
        assert (bounds.low / scale, bounds.high / scale) == pytest.approx((interval.low, interval.high))


def test_few_trials_that_spread_far_are_not_better() -> None:
    """3 and 5 trials that spread five times as much as 75 others around the same value: ranks rejected 21 and 10 %."""
    for few in (3, 5):
        rng = np.random.default_rng(7)
        rejected = sum(
            compare(Trials("wide", rng.normal(20, 5, few)), Trials("narrow", rng.normal(20, 1, 75))).p_value < 0.05
            for _ in range(60)
        )
        assert rejected <= 8


def test_few_trials_that_lie_far_off_are_worse() -> None:
    """5 trials at 18 dB against 75 at 22 dB, of which they share the seeds: decided, and 0 is in no interval."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        found = compare(Trials("A", rng.normal(18, 1, 5), range(5)), Trials("B", rng.normal(22, 1, 75), range(75)))
        assert found.p_value < 0.05
        assert found.direction == -1
        assert found.difference_interval.high < 0
        assert found.improvement_interval.high < 0.5


def test_one_trial_of_each_says_nothing() -> None:
    """No interval of the difference, for one against one and where all are equal."""
    assert not compare(Trials("A", [22.0]), Trials("B", [20.0])).difference_interval.defined
    assert welch(np.array([1.0]), np.array([2.0]), 0.95)[0] == 1.0
    assert welch(np.full(3, -math.inf), np.full(3, -math.inf), 0.95)[0] == 1.0
    assert welch(np.full(3, 2.0), np.full(3, 2.0), 0.95) == (1.0, Interval(0.0, 0.0, 0.95, "welch"))


def test_diverged_trials_are_below_all_others() -> None:
    """Nine diverged trials against nine equal ones: worse, without a number; one diverged of five leaves it open."""
    never = compare(Trials("A", [None] * 9), Trials("B", [1.0] * 9))
    assert (never.difference_interval.high, never.direction) == (-math.inf, -1)
    open_still = compare(Trials("A", [21.0, 21.1, 21.2, 21.3, None]), Trials("B", np.linspace(19, 20, 75)))
    assert open_still.p_value > 0.05
    assert 0 in open_still.difference_interval


@pytest.mark.parametrize(
    ("ranks", "means", "decided", "expected"),
    [
        ((1, 2), (0.5, 1.5), True, (0.5, 2)),
        ((1, 2), (-0.5, 1.5), False, (-0.5, 2)),
        ((0, 2), (1e-3, 1.5), True, (0, 2)),
        ((1, 2), (-1e-17, 1.5), True, (0, 2)),
        ((-math.inf, -1), (-3, -0.5), True, (-math.inf, -0.5)),
        ((-math.inf, 1), (-3, math.inf), False, (NAN, NAN)),
        ((NAN, NAN), (-3, -0.5), False, (NAN, NAN)),
    ],
)
def test_the_interval_holds_what_either_test_does_not_reject(
    ranks: tuple[float, float], means: tuple[float, float], decided: bool, expected: tuple[float, float]
) -> None:
    """As one interval, which is none where both ends are open."""
    first, second = Interval(*ranks, 0.95, "brunner-munzel"), Interval(*means, 0.95, "welch")
    found = agreeing_interval(first, second, decided)
    assert (found.low, found.high) == pytest.approx(expected, nan_ok=True)
