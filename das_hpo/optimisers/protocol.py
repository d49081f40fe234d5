"""What an optimiser is: an object that is asked, told and restored. The contract, for ours and for yours.

    optimizer = make(problem)          a function of yours, named by ``--optimizer package.module:make``
    proposal = optimizer.ask()         a configuration and a budget; None if there is nothing to evaluate at present
    optimizer.tell(observation)        the proposal with its loss
    optimizer.restore(history)         brings a new optimiser to where an interrupted one was

An optimiser knows no queue, no lock, no database and no replicates. It is called by one thread at a time.
Its state must follow from the problem and the history, and from nothing else: seed the random numbers of a
proposal by the problem's seed and the proposal's id (:func:`spaces.seeds.proposal_seed`), never by how many numbers
were drawn before. Then a resumed run continues as the interrupted one would have gone on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ConfigSpace import ConfigurationSpace

from das_hpo.optimizer_settings import OptimizerSettings
from das_hpo.settings import Given
from spaces.identity import ConfigurationId


@dataclass(frozen=True, slots=True)
class Problem:
    """What an optimiser is told when it is made.

    Attributes:
        space: The hyperparameters that are searched, with their ranges.
        seed: The run's seed.
        iterations: Brackets, or whatever the optimiser repeats: numbers of iterations are below it.
        min_budget: The smallest budget that may be proposed.
        max_budget: The largest, and the one that counts in the end.
        eta: One of eta configurations advances to the next budget.
        decisions: The settings of the optimiser, as ``--decide`` gives them.
        given: Configurations to propose before all others, in this order.
    """

    space: ConfigurationSpace
    seed: int
    iterations: int
    min_budget: float
    max_budget: float
    eta: float = 3.0
    decisions: OptimizerSettings = field(default_factory=OptimizerSettings)
    given: tuple[Given, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One configuration that is to be evaluated at one budget.

    Attributes:
        configuration_id: A new configuration has a new id; the same configuration at another budget keeps it.
        budget: Within the problem's budgets; no configuration is proposed at one budget twice.
        configuration: A point of the problem's space, of builtin types.
        origin: ``model``, ``random``, ``preset`` or ``fixed``: where the configuration is from.
        info: What is stored with a new configuration, as JSON.
    """

    configuration_id: ConfigurationId
    budget: float
    configuration: Mapping[str, Any]
    origin: str = "random"
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of a proposal.

    Attributes:
        proposal: What was evaluated.
        loss: To be minimised; finite, :data:`spaces.trial.WORST_LOSS` if it diverged. None if it failed for
            reasons that are not the configuration's, such as lost workers: that says nothing about it.
    """

    proposal: Proposal
    loss: float | None


#: Everything that an optimiser was asked and told. A proposal stands for "this was asked for", an observation for "this
#: was told". Observations are in the order in which they were told, proposals in the order in which they were asked
#: for, and each observation comes after its proposal; how both were interleaved is not kept beyond that, so the
#: state must not depend on it.
History = Sequence[Proposal | Observation]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """How much work a whole run is expected to be; the progress is shown against it.

    Attributes:
        proposals: How many proposals.
        epochs: The sum of their budgets.
    """

    proposals: int
    epochs: float


class Optimizer(Protocol):
    """Decides what is evaluated next."""

    @property
    def plan(self) -> RunPlan:
        """How much work the whole run is expected to be."""
        ...

    def ask(self) -> Proposal | None:
        """The next proposal, which is pending from then on until its result is told.

        None if there is none at present. If nothing is pending then, the run is complete.
        """
        ...

    def tell(self, observation: Observation) -> None:
        """Takes in the result of a pending proposal. Results arrive in any order."""
        ...

    def restore(self, history: History) -> None:
        """Brings this optimiser, of which nothing has been asked yet, to where the one with that history is.

        Raises:
            InvalidValueError: If the history cannot have come from an optimiser of this problem.
        """
        ...


#: Makes the optimiser of a problem.
OptimizerFactory = Callable[[Problem], Optimizer]
