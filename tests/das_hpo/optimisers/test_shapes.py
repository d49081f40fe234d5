"""How many configurations an iteration has at which budgets."""

from __future__ import annotations

import pytest

from das_hpo.optimisers.brackets import rung_budgets
from das_hpo.optimisers.protocol import Observation, Proposal
from das_hpo.optimisers.shapes import full_budget, halving, screened
from das_hpo.optimizer_registry import find_optimizer
from tests.das_hpo.optimisers import reference


def test_shapes_of_the_default_budgets() -> None:
    """Of 5 to 50 epochs: Hyperband's three brackets, and 27 configurations of which 3 go to 50 epochs at once."""
    problem = reference.problem(min_budget=5.0, max_budget=50.0)
    budgets = rung_budgets(5.0, 50.0, 3.0)
    assert [halving(problem, budgets, index)[0] for index in range(4)] == [[9, 3, 1], [3, 1], [3], [9, 3, 1]]
    assert full_budget(problem, budgets, 0) == ([3], [50.0])
    sizes, at = screened(problem, budgets, 5)
    assert sizes == [27, 3]
    assert at == [pytest.approx(50 / 9), 50.0]
    assert sizes[0] * at[0] == pytest.approx(sizes[1] * at[1])


def test_there_is_nothing_to_screen_with_one_budget() -> None:
    """All configurations are at the only budget then."""
    problem = reference.problem(min_budget=9.0)
    assert screened(problem, [9.0], 0) == full_budget(problem, [9.0], 0) == ([1], [9.0])


def test_screening_takes_the_best_of_many_to_the_full_budget() -> None:
    """Those with the least losses at the least budget, and no others; nothing is evaluated in between."""
    run = reference.Run(find_optimizer("screening")(reference.problem(min_budget=1.0, iterations=2)))
    run.finish()
    told = [each for each in run.events if isinstance(each, Observation)]
    for iteration in range(2):
        own = [each for each in told if each.proposal.configuration_id.iteration == iteration]
        low = [each for each in own if each.proposal.budget == 1.0]
        high = [each for each in own if each.proposal.budget == 9.0]
        assert (len(low), len(high)) == (27, 3)
        best = sorted(low, key=lambda each: each.loss or 0.0)[:3]
        assert {_of(each.proposal) for each in high} == {_of(each.proposal) for each in best}


def _of(proposal: Proposal) -> tuple[int, int, int]:
    return tuple(proposal.configuration_id)
