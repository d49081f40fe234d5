"""The parts of the variance of a difference between groups of runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from das_hpo.analysis.statistics.run_variance import RunVariance

FOUND = RunVariance(runs=(5, 8), between=(0.5, 0.2), within=(0.1, 0.05), seeds=0.01, trials=20)


def test_the_parts_add_up() -> None:
    """Runs of each group, and what seeds have in common."""
    assert FOUND.total == pytest.approx(0.5 / 5 + 0.2 / 8 + 0.01)
    assert FOUND.between_sd == pytest.approx((math.sqrt(0.4), math.sqrt(0.15)))
    assert replace(FOUND, between=(0.05, 0.2)).between_sd[0] == 0


def test_the_quantile_lies_between_those_of_the_parts() -> None:
    """Cochran's: one part alone has its own Student quantile."""
    alone = RunVariance((4, 9), (0.3, 0.0), (0.0, 0.0), 0.0, 20)
    assert alone.quantile(0.95) == pytest.approx(stats.t.ppf(0.975, 3))
    assert stats.t.ppf(0.975, 18) < FOUND.quantile(0.95) < stats.t.ppf(0.975, 4)
    single = RunVariance((4, 1), (0.0, 0.0), (0.0, 0.0), 0.3, 20)
    assert single.quantile(0.9) == pytest.approx(stats.t.ppf(0.95, 18))


@pytest.mark.parametrize("statistic", [0.1, -1.0, 2.6, 9.0])
def test_p_is_the_level_whose_interval_just_reaches_0(statistic: float) -> None:
    """Of either sign."""
    p = FOUND.p_value(statistic)
    assert FOUND.quantile(1 - p) == pytest.approx(abs(statistic), rel=1e-6)
    assert FOUND.p_value(0.0) == 1
    assert 0 < FOUND.p_value(1e9) < 1e-11


def test_more_runs_or_trials_are_the_fewest_that_decide() -> None:
    """By going through the numbers; where the runs differ too much, no number of trials helps."""

    def decides(variance: RunVariance) -> bool:
        return math.sqrt(variance.total) * (variance.quantile(0.95) + stats.norm.ppf(0.8)) <= 0.6

    more = FOUND.more_runs(0.6, 0.25, 0.95)
    assert more == next(k for k in range(1, 999) if decides(replace(FOUND, runs=(5 + k, 8 + k))))
    assert FOUND.more_trials(0.6, 0.25, 0.95) is None
    lucky = RunVariance((30, 30), (0.6, 0.6), (0.58, 0.58), 0.05, 5)
    trials = lucky.more_trials(0.25, 0.25, 0.95)
    assert trials is not None
    left = 5 / (5 + trials)
    after = RunVariance((30, 30), (0.02 + 0.58 * left,) * 2, (0.58 * left,) * 2, 0.05 * left, 5 + trials)
    assert math.sqrt(after.total) * (after.quantile(0.95) + stats.norm.ppf(0.8)) == pytest.approx(0.25, rel=0.03)


def test_a_single_configuration_gets_no_more_runs() -> None:
    """Its part of the variance stays; then no number of runs may decide."""
    single = RunVariance((5, 1), (0.5, 0.0), (0.1, 0.0), 0.05, 20)
    assert single.more_runs(0.1, 0.0, 0.95) is None
    assert single.swapped() == RunVariance((1, 5), (0.0, 0.5), (0.0, 0.1), 0.05, 20)
    assert np.isfinite(single.quantile(0.95))
