"""Optimisers of Hyperband's form: hpbandster's brackets decide which configurations advance, a sampler draws new ones.

Brackets and sampler are pieces that :mod:`das_hpo.optimisers.families` puts together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hpbandster.core.dispatcher import Job

from das_hpo.optimisers.brackets import SeededHalving, rung_budgets
from das_hpo.optimisers.protocol import History, Observation, Problem, Proposal, RunPlan
from das_hpo.optimisers.shapes import Shape, halving
from das_hpo.settings import Given
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId


class Sampler(Protocol):
    """Draws new configurations; its state follows from what it observed, in that order."""

    def propose(
        self, budget: float, configuration_id: ConfigurationId, pending: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new configuration.

        Args:
            budget: At which it will be evaluated first.
            configuration_id: Seeds it.
            pending: Configurations that are being evaluated.

        Returns:
            The configuration as builtin types, and what is stored of how it was drawn: ``model_based_pick`` and
            whatever :meth:`observe` needs of it after a restore.
        """
        ...

    def observe(self, proposal: Proposal, loss: float) -> None:
        """Takes in a result, also of a configuration that it did not draw; a loss of NaN counts as the worst."""
        ...


class BracketOptimizer:
    """Successive halving over brackets of configurations that a sampler draws.

    Args:
        problem: What is optimised.
        sampler: Draws new configurations.
        shape: Sizes and budgets of the brackets.
    """

    def __init__(self, problem: Problem, sampler: Sampler, shape: Shape = halving) -> None:
        self.problem = problem
        self.sampler = sampler
        self.budgets = rung_budgets(problem.min_budget, problem.max_budget, problem.eta)
        self.brackets: list[SeededHalving] = []
        self._shape_of = shape
        self._first_active = 0
        room = self._first_before(problem.iterations)
        if len(problem.given) > room:
            raise InvalidValueError(
                f"{len(problem.given)} given configurations are more than the {room} with which "
                f"{problem.iterations} iterations begin: give fewer, or ask for more --iterations"
            )

    @property
    def plan(self) -> RunPlan:
        """All rungs of all brackets."""
        proposals, epochs = 0, 0.0
        for index in range(min(len(self.budgets), self.problem.iterations)):
            sizes, budgets = self._shape(index)
            # Brackets repeat: this one comes again after as many as there are budgets.
            times = (self.problem.iterations - index - 1) // len(self.budgets) + 1
            proposals += times * sum(sizes)
            epochs += times * sum(size * budget for size, budget in zip(sizes, budgets, strict=True))
        return RunPlan(proposals, epochs)

    def ask(self) -> Proposal | None:
        """The next proposal as hpbandster's ``Master.run`` chooses it: of the first bracket that has one, or a new."""
        while True:
            self._skip_finished()
            for bracket in self.brackets[self._first_active :]:
                chosen = bracket.get_next_run()
                if chosen is not None:
                    identifier, configuration, budget = chosen
                    info = bracket.data[identifier].config_info
                    return Proposal(identifier, float(budget), configuration, self._origin(identifier, info), info)
            if len(self.brackets) >= self.problem.iterations:
                return None
            self._begin_brackets(len(self.brackets) + 1)

    def tell(self, observation: Observation) -> None:
        """Tells the bracket every result, and the sampler those of proposals that did not fail."""
        proposal, loss = observation.proposal, observation.loss
        bracket = self.brackets[proposal.configuration_id.iteration]
        configuration = bracket.data[proposal.configuration_id].config
        report = Job(proposal.configuration_id, config=configuration, budget=proposal.budget)
        report.timestamps = {}
        if loss is None:
            report.exception = "its evaluations failed"
        else:
            report.result = {"loss": loss, "info": {}}
        bracket.register_result(report)
        if loss is not None:
            self.sampler.observe(proposal, loss)
        if bracket.rung_is_over:
            # hpbandster does this when it is asked for the next proposal, which may never happen.
            bracket.process_results()

    def restore(self, history: History) -> None:
        """Brings the brackets to where they were: replays proposals and results in the order of the history."""
        for event in history:
            if isinstance(event, Proposal):
                self._take_up(event)
            else:
                self.tell(event)

    def _take_up(self, proposal: Proposal) -> None:
        """Brings a proposal's bracket to where it was after :meth:`ask` had given the proposal."""
        identifier = proposal.configuration_id
        if identifier.iteration >= self.problem.iterations:
            raise InvalidValueError(f"{identifier} is of no iteration below {self.problem.iterations}")
        self._begin_brackets(identifier.iteration + 1)
        bracket = self.brackets[identifier.iteration]
        if identifier not in bracket.data:
            following = None if bracket.is_finished else bracket.next_id
            if identifier != following:
                raise InvalidValueError(f"its configuration {identifier} would be {following}")
            bracket.add_configuration(dict(proposal.configuration), dict(proposal.info))
        datum = bracket.data[identifier]
        if datum.status != "QUEUED" or datum.budget != proposal.budget:
            raise InvalidValueError(f"{identifier} cannot be at budget {proposal.budget:g} yet")
        datum.status = "RUNNING"
        bracket.num_running += 1

    def _begin_brackets(self, count: int) -> None:
        """Makes brackets up to so many."""
        while len(self.brackets) < count:
            index = len(self.brackets)
            self.brackets.append(SeededHalving(index, *self._shape(index), self._propose))

    def _shape(self, index: int) -> tuple[list[int], list[float]]:
        """Sizes and budgets of a bracket's rungs, the lowest first."""
        return self._shape_of(self.problem, self.budgets, index)

    def _propose(self, budget: float, identifier: ConfigurationId) -> tuple[dict[str, Any], dict[str, Any]]:
        given = self._given(identifier)
        if given is not None:
            return dict(given.configuration), {"model_based_pick": False, "given": given.label}
        pending: list[dict[str, Any]] = []
        if self.problem.decisions.parallel == "liar":
            pending = [
                datum.config
                for bracket in self.brackets[self._first_active :]
                for datum in bracket.data.values()
                if datum.status == "RUNNING"
            ]
        return self.sampler.propose(budget, identifier, pending)

    def _given(self, identifier: ConfigurationId) -> Given | None:
        """The given configuration of that id: they are those with which the first brackets begin."""
        if not self.problem.given or identifier.stage > 0:
            return None
        index = self._first_before(identifier.iteration) + identifier.number
        return self.problem.given[index] if index < len(self.problem.given) else None

    def _first_before(self, index: int) -> int:
        """The number of configurations with which all brackets before this one begin; brackets repeat in cycles."""
        cycles, rest = divmod(index, len(self.budgets))
        sizes = [self._shape(each)[0][0] for each in range(len(self.budgets))]
        return cycles * sum(sizes) + sum(sizes[:rest])

    def _origin(self, identifier: ConfigurationId, info: Mapping[str, Any]) -> str:
        given = self._given(identifier)
        if given is not None:
            return given.origin
        return "model" if info.get("model_based_pick") else "random"

    def _skip_finished(self) -> None:
        while self._first_active < len(self.brackets) and self.brackets[self._first_active].is_finished:
            self._first_active += 1
