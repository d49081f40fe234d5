"""An optimiser of a user's own, as docs/optimiser.md shows it: the best configuration so far, changed a little."""

from __future__ import annotations

from ConfigSpace.util import get_random_neighbor

from das_hpo.optimisers.points import native, random_configuration
from das_hpo.optimisers.protocol import History, Observation, Plan, Problem, Proposal
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId
from spaces.seeds import proposal_seed


class Climber:
    """Four configurations an iteration, all at max_budget: a random one, then neighbours of the best so far."""

    def __init__(self, problem: Problem) -> None:
        if len(problem.given) > problem.iterations * 4:
            raise InvalidValueError(f"{len(problem.given)} given configurations are too many for this run")
        self.problem = problem
        self.asked = 0
        self.told = 0
        self.best: Observation | None = None

    @property
    def plan(self) -> Plan:
        """Every iteration is alike."""
        count = self.problem.iterations * 4
        return Plan(count, count * self.problem.max_budget)

    def ask(self) -> Proposal | None:
        """The next configuration."""
        if self.asked == self.plan.proposals:
            return None
        number, self.asked = self.asked, self.asked + 1
        identifier = ConfigurationId(number // 4, 0, number % 4)
        if number < len(self.problem.given):
            given = self.problem.given[number]
            return Proposal(identifier, self.problem.max_budget, given.configuration, given.origin)
        seed = proposal_seed(self.problem.seed, identifier) % 2**32
        if self.best is None or self.best.loss is None or number % 4 == 0:
            return Proposal(identifier, self.problem.max_budget, random_configuration(self.problem.space, seed))
        configuration = get_random_neighbor(self._configuration(self.best), seed=seed)
        return Proposal(identifier, self.problem.max_budget, native(dict(configuration)), "model")

    def tell(self, observation: Observation) -> None:
        """Keeps the best; the first of equals."""
        if observation.loss is not None and (
            self.best is None or self.best.loss is None or observation.loss < self.best.loss
        ):
            self.best = observation

    def restore(self, history: History) -> None:
        """Counts what was asked for, and takes in what was told."""
        for event in history:
            if isinstance(event, Observation):
                self.tell(event)
            elif event.configuration_id.iteration >= self.problem.iterations:
                raise InvalidValueError(f"{event.configuration_id} is of no iteration of this run")
            else:
                self.asked += 1

    def _configuration(self, observation: Observation) -> object:
        from ConfigSpace import Configuration

        return Configuration(self.problem.space, values=dict(observation.proposal.configuration))


def climb(problem: Problem) -> Climber:
    """``--optimizer tests.das_hpo.optimisers.own:climb``."""
    return Climber(problem)
