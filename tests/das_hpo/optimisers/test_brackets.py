"""Brackets: hpbandster's rungs and budgets, and where they depart from hpbandster's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hpbandster.core.master import Master
from hpbandster.optimizers.bohb import BOHB
from hypothesis import given
from hypothesis import strategies as st

from das_hpo.optimisers.brackets import bracket_sizes, rung_budgets
from das_hpo.optimisers.queue import make_optimizer
from spaces.hyperparameters import configuration_space
from tests.das_hpo.queues import settings


class QuietMaster(Master):  # type: ignore[misc]
    """hpbandster's Master without its thread and its server."""

    def __init__(self, run_id: str, config_generator: Any) -> None:
        self.config_generator = config_generator
        self.config: dict[str, Any] = {}


class Hpbandsters(BOHB, QuietMaster):  # type: ignore[misc]
    """hpbandster's own brackets."""


def hpbandsters_brackets(min_budget: float, max_budget: float, eta: float, count: int) -> list[Any]:
    """Sizes and budgets of the first brackets as hpbandster's code gives them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stock = Hpbandsters(configuration_space(), eta=eta, min_budget=min_budget, max_budget=max_budget, run_id="")
        iterations = [stock.get_next_iteration(index) for index in range(count)]
    return [(iteration.num_configs, list(iteration.budgets)) for iteration in iterations]


def brackets(count: int, **changes: Any) -> list[Any]:
    """Sizes and budgets of the first brackets."""
    optimizer = make_optimizer(settings(**changes))
    optimizer._begin_brackets(count)
    return [(bracket.num_configs, bracket.budgets) for bracket in optimizer.brackets]


@pytest.mark.parametrize(("min_budget", "max_budget"), [(1, 9), (5, 50), (1, 27), (1, 81), (2, 7), (4, 4), (0.3, 100)])
@pytest.mark.parametrize("optimizer", ["bohb", "hyperband"])
def test_rungs_and_budgets_are_hpbandsters(optimizer: str, min_budget: float, max_budget: float) -> None:
    """For eta 3 every bracket has the sizes and, to the last bit, the budgets of hpbandster's."""
    found = brackets(7, optimizer=optimizer, iterations=7, min_budget=min_budget, max_budget=max_budget)
    assert found == hpbandsters_brackets(min_budget, max_budget, 3, 7)
    assert all(type(budget) is float for _, budgets in found for budget in budgets)
    assert all(type(size) is int for sizes, _ in found for size in sizes)


@given(rungs=st.integers(1, 9), eta=st.sampled_from([2, 3, 4, 5]))
def test_no_rung_is_lost_where_the_ratio_is_a_power_of_eta(rungs: int, eta: int) -> None:
    """1 to 243 has six rungs, where hpbandster has five."""
    budgets = rung_budgets(1.0, float(eta ** (rungs - 1)), float(eta))
    assert budgets == pytest.approx([eta**rung for rung in range(rungs)])


@given(rungs=st.integers(1, 6), eta=st.floats(2, 5), ratio=st.floats(1.01, 1.9))
def test_rungs_between_powers_are_hpbandsters(rungs: int, eta: float, ratio: float) -> None:
    """Elsewhere number and budgets of the rungs are hpbandster's for any eta."""
    low, high = 1.0, eta ** (rungs - 1) * ratio
    assert rung_budgets(low, high, eta) == hpbandsters_brackets(low, high, eta, 1)[0][1]


def test_brackets_may_be_those_of_the_hyperband_paper() -> None:
    """Table 1 of Li et al.: 81, 34, 15, 8 and 5 configurations for budgets 1 to 81."""
    table = [bracket_sizes(rungs, 5, 3.0, "ceiling") for rungs in (5, 4, 3, 2, 1)]
    assert table == [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]
    assert [bracket_sizes(rungs, 5, 3.0, "floor")[0] for rungs in (5, 4, 3, 2, 1)] == [81, 27, 9, 6, 5]
