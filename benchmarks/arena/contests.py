"""A contest: one optimiser on one problem with one seed, until the cost is spent; in this process, one at a time.

The optimiser is asked and told as the evaluation queue asks and tells it: a proposal's trials have the seeds of the
service, a diverged trial is told as the worst loss, and the incumbent is the best at the largest budget so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ConfigSpace import ConfigurationSpace

from das_hpo.optimisers.protocol import Observation, Problem
from das_hpo.optimizer_registry import find_optimizer
from spaces.seeds import evaluation_seed
from spaces.trial import WORST_LOSS

#: The optimisers that compete, the default first.
OPTIMIZERS = ("bohb", "hyperband", "random", "screening", "tpe", "cma-es")

#: No contest has so many iterations: the cost ends it.
ITERATIONS = 100_000


@dataclass(frozen=True)
class Budgets:
    """What evaluations of a problem cost.

    Attributes:
        least: The smallest budget.
        most: The largest, the one that counts.
        limit: What one run may spend in all, everything on small budgets included.
        checkpoints: Costs, ascending and the limit last, at which the incumbent is scored.
    """

    least: float
    most: float
    limit: float
    checkpoints: tuple[float, ...]


class ArenaProblem(Protocol):
    """What an optimiser is let loose on.

    Attributes:
        suite: ``das``, ``mixint``, ``noisy`` or ``tables``.
        name: Of the problem within its suite.
        budgets: What evaluations cost.
    """

    suite: str
    name: str
    budgets: Budgets

    def space(self) -> ConfigurationSpace:
        """What is searched; a new object at each call."""
        ...

    def instance(self, seed: int) -> Instance:
        """What the run of that seed is about."""
        ...


class Instance(Protocol):
    """A problem as one run meets it."""

    def loss(self, configuration: Mapping[str, Any], budget: float, seed: int) -> float:
        """What the optimiser is told, :data:`WORST_LOSS` for a diverged trial; it follows from the arguments."""
        ...

    def score(self, configuration: Mapping[str, Any]) -> float:
        """How good a configuration is, without the noise that chose it; smaller is better."""
        ...


@dataclass(frozen=True)
class Incumbent:
    """The best configuration from some cost on.

    Attributes:
        spent: The cost at which it became the incumbent.
        budget: At which it was evaluated.
        loss: What the optimiser was told.
        configuration: The point of the space.
    """

    spent: float
    budget: float
    loss: float
    configuration: Mapping[str, Any]


@dataclass(frozen=True)
class Course:
    """What one run did.

    Attributes:
        incumbents: In the order in which they came.
        spent: The cost of all evaluations.
        evaluations: Their number.
        models: How many configurations a model proposed, and not chance.
        deciding_s: Processor time of the optimiser alone.
    """

    incumbents: Sequence[Incumbent]
    spent: float
    evaluations: int
    models: int
    deciding_s: float

    def incumbent(self, spent: float) -> Incumbent | None:
        """The incumbent at that cost; None before the first evaluation ended."""
        found = [each for each in self.incumbents if each.spent <= spent]
        return found[-1] if found else None


def run_contest(
    problem: ArenaProblem, instance: Instance, optimizer: str, seed: int, tick: Callable[[], object] = lambda: None
) -> Course:
    """Lets an optimiser spend the problem's limit; a proposal that does not fit into what is left ends the run.

    Args:
        problem: The problem.
        instance: The same as the seed's run meets it.
        optimizer: Its registered name.
        seed: Of the run.
        tick: Called after each evaluation.
    """
    budgets = problem.budgets
    began, elsewhere = time.process_time(), 0.0
    contestant = find_optimizer(optimizer)(Problem(problem.space(), seed, ITERATIONS, budgets.least, budgets.most))
    incumbents: list[Incumbent] = []
    spent, evaluations, models = 0.0, 0, set()
    while (proposal := contestant.ask()) is not None and spent + proposal.budget <= budgets.limit * (1 + 1e-9):
        identifier, budget = proposal.configuration_id, proposal.budget
        away = time.process_time()
        loss = instance.loss(proposal.configuration, budget, evaluation_seed(seed, identifier, budget, 0))
        elsewhere += time.process_time() - away
        spent += budget
        evaluations += 1
        if proposal.origin == "model":
            models.add(identifier)
        contestant.tell(Observation(proposal, loss))
        if loss < WORST_LOSS and (not incumbents or (-budget, loss) < (-incumbents[-1].budget, incumbents[-1].loss)):
            incumbents.append(Incumbent(spent, budget, loss, dict(proposal.configuration)))
        tick()
    return Course(incumbents, spent, evaluations, len(models), time.process_time() - began - elsewhere)
