"""Optimisers of Hyperband's form: plan, given configurations, and what cannot be restored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from das_hpo.optimisers.bracketed import BracketOptimizer
from das_hpo.optimisers.protocol import Observation, Problem, Proposal, RunPlan
from das_hpo.optimisers.sampler import SeededRandom
from das_hpo.optimisers.shapes import Shape, full_budget, halving, screened
from das_hpo.settings import Given
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS, to_configuration
from spaces.identity import ConfigurationId
from tests.das_hpo.optimisers import reference


def make(problem: Problem, shape: Shape = halving) -> BracketOptimizer:
    """Brackets with random configurations."""
    return BracketOptimizer(problem, SeededRandom(problem.space, problem.seed), shape)


@pytest.mark.parametrize("shape", [halving, full_budget, screened], ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("iterations", [1, 2, 3, 7])
@pytest.mark.parametrize("min_budget", [1.0, 3.0, 9.0])
def test_the_plan_is_what_a_whole_run_proposes(shape: Shape, iterations: int, min_budget: float) -> None:
    """Counted by running it."""
    problem = reference.problem(iterations=iterations, min_budget=min_budget)
    proposals = reference.Run(make(problem, shape)).finish()
    assert make(problem, shape).plan == RunPlan(len(proposals), sum(each.budget for each in proposals))


def test_no_more_is_given_than_there_is_room_for() -> None:
    """Brackets begin with so many configurations; the message says how many."""
    point = to_configuration(PRESETS["H1"])
    given = tuple(Given(point, "fixed", str(number)) for number in range(4))
    problem = reference.problem(iterations=1, given=given)
    room = sum(proposal.budget == 3.0 for proposal in reference.Run(make(replace(problem, given=()))).finish())
    assert room == 3
    with pytest.raises(InvalidValueError, match="4 given configurations are more than the 3 with which 1 iterations"):
        make(problem)
    optimizer = make(replace(problem, given=given[:3]))
    asked = [optimizer.ask() for _ in range(3)]
    assert [each and each.info["given"] for each in asked] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("proposal", "message"),
    [
        (Proposal(ConfigurationId(99, 0, 0), 3.0, {}), "of no iteration below 14"),
        (Proposal(ConfigurationId(0, 0, 5), 3.0, {}), "its configuration 0-0-5 would be 0-0-0"),
        (Proposal(ConfigurationId(0, 0, 0), 9.0, to_configuration(PRESETS["H1"])), "cannot be at budget 9 yet"),
    ],
    ids=["iteration", "number", "budget"],
)
def test_a_history_that_cannot_have_been_is_refused(proposal: Proposal, message: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(InvalidValueError, match=message):
        make(reference.problem()).restore([proposal])


def test_a_failed_proposal_is_not_told_to_the_sampler() -> None:
    """The bracket fills its place; the sampler never hears of it."""
    told: list[Proposal] = []

    class Listening(SeededRandom):
        def observe(self, proposal: Proposal, loss: float) -> None:
            told.append(proposal)

    problem = reference.problem(iterations=1)
    optimizer = BracketOptimizer(problem, Listening(problem.space, problem.seed))
    first, second = optimizer.ask(), optimizer.ask()
    assert first is not None
    assert second is not None
    optimizer.tell(Observation(first, None))
    optimizer.tell(Observation(second, 1.0))
    assert told == [second]
