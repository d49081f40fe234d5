"""An optimiser of your own: the best configuration so far, changed a little.

    das-hpo run --objective one-shot --optimizer examples.own_optimizer:climb

The folder from which the module can be imported must be in PYTHONPATH.
"""

from __future__ import annotations

from ConfigSpace import Configuration
from ConfigSpace.util import get_random_neighbor

from das_hpo.optimisers.points import native, random_configuration
from das_hpo.optimisers.protocol import History, Observation, Problem, Proposal, RunPlan
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId
from spaces.seeds import proposal_seed

#: Configurations of an iteration.
SIZE = 4


class Climber:
    """Four configurations an iteration, all at max_budget: a random one, then neighbours of the best so far."""

    def __init__(self, problem: Problem) -> None:
        if len(problem.given) > problem.iterations * SIZE:
            raise InvalidValueError(f"{len(problem.given)} given configurations are too many for this run")
        self.problem = problem
        self.asked = 0
        self.best: Proposal | None = None
        self.least = float("inf")

    @property
    def plan(self) -> RunPlan:
        """Every iteration is alike."""
        count = self.problem.iterations * SIZE
        return RunPlan(count, count * self.problem.max_budget)

    def ask(self) -> Proposal | None:
        """The next configuration; None after the last."""
        if self.asked == self.plan.proposals:
            return None
        number = self.asked
        self.asked += 1
        identifier = ConfigurationId(number // SIZE, 0, number % SIZE)
        budget, space = self.problem.max_budget, self.problem.space
        if number < len(self.problem.given):
            given = self.problem.given[number]
            return Proposal(identifier, budget, given.configuration, given.origin)
        # Seeded by the id alone, so that a resumed run draws what the interrupted one would have drawn.
        seed = proposal_seed(self.problem.seed, identifier) % 2**32
        if self.best is None or identifier.number == 0:
            return Proposal(identifier, budget, random_configuration(space, seed), "random")
        best = Configuration(space, values=dict(self.best.configuration))
        return Proposal(identifier, budget, native(dict(get_random_neighbor(best, seed=seed))), "model")

    def tell(self, observation: Observation) -> None:
        """Keeps the best, the first of equals; what failed says nothing."""
        if observation.loss is not None and observation.loss < self.least:
            self.best, self.least = observation.proposal, observation.loss

    def restore(self, history: History) -> None:
        """Counts what was asked for, and takes in what was told."""
        for event in history:
            if isinstance(event, Observation):
                self.tell(event)
            elif event.configuration_id.iteration >= self.problem.iterations:
                raise InvalidValueError(f"{event.configuration_id} is of no iteration of this run")
            else:
                self.asked += 1


def climb(problem: Problem) -> Climber:
    """What ``--optimizer`` names: the optimiser of a problem."""
    return Climber(problem)
