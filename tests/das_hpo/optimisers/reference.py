"""What every optimiser must keep: functions that are called with the function that makes one.

A run is driven by hand: proposals are asked for, a loss is computed from configuration and budget alone, and told. All
that may be told from one optimiser to the next are proposals and observations.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from das_hpo.optimisers.protocol import History, Observation, Optimizer, OptimizerFactory, Problem, Proposal
from das_hpo.settings import Given
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS, configuration_space, to_configuration
from spaces.trial import WORST_LOSS

PROBLEM = Problem(space=configuration_space(), seed=3, iterations=14, min_budget=3.0, max_budget=9.0)

#: What becomes of a proposal: its loss, or None for a failed one.
Becomes = Callable[[Proposal], float | None]


def problem(**changes: Any) -> Problem:
    """A small problem with a space of its own: an optimiser may keep random state in the space that it was given."""
    return replace(PROBLEM, **{"space": configuration_space(), **changes})


def loss(proposal: Proposal) -> float:
    """A smooth objective, better with budget, with noise that follows from the proposal."""
    point = proposal.configuration
    distance = (math.log10(point["parameter_learning_rate"]) + 3) ** 2
    noise = zlib.crc32(repr((tuple(proposal.configuration_id), proposal.budget)).encode()) / 2**32
    return distance - math.log(proposal.budget) + (point["alpha_optimizer"] == "adam") + 0.1 * noise


def diverging(proposal: Proposal) -> float:
    """The same, where half of the space diverges."""
    return WORST_LOSS if proposal.configuration["alpha_warm_up"] == "true" else loss(proposal)


def failing(proposal: Proposal) -> float | None:
    """The same, where every sixth proposal or so fails for reasons that are not its own."""
    name = repr((tuple(proposal.configuration_id), proposal.budget, "fails"))
    return None if zlib.crc32(name.encode()) % 6 == 0 else loss(proposal)


class Run:
    """A run by hand; which pending proposal ends next follows from how many have ended.

    Args:
        optimizer: What is driven.
        workers: Proposals that may be pending at a time.
        becomes: What is told.
    """

    def __init__(self, optimizer: Optimizer, workers: int = 1, becomes: Becomes = loss) -> None:
        self.optimizer = optimizer
        self.workers = workers
        self.becomes = becomes
        self.pending: list[Proposal] = []
        self.events: list[Proposal | Observation] = []

    @property
    def proposals(self) -> list[Proposal]:
        """In the order in which they were asked for."""
        return [event for event in self.events if isinstance(event, Proposal)]

    def ask(self) -> None:
        """Asks until all workers are busy or there is nothing at present."""
        while len(self.pending) < self.workers and (proposal := self.optimizer.ask()) is not None:
            self.pending.append(proposal)
            self.events.append(proposal)

    def tell(self) -> None:
        """Ends one proposal."""
        ended = self.pending.pop(zlib.crc32(str(len(self.events)).encode()) % len(self.pending))
        observation = Observation(ended, self.becomes(ended))
        self.events.append(observation)
        self.optimizer.tell(observation)

    def go_on(self, tells: int = 10_000) -> bool:
        """Asks and tells so many times, with all workers busy afterwards; False if the end came before."""
        self.ask()
        while self.pending and tells:
            self.tell()
            self.ask()
            tells -= 1
        assert tells or self.pending or self.optimizer.ask() is None
        return bool(self.pending)

    def finish(self) -> list[Proposal]:
        """Goes on to the end."""
        assert not self.go_on(), "the optimiser does not come to an end"
        return self.proposals


def stored(events: list[Proposal | Observation]) -> History:
    """A history as a database gives it back: builtin types, and each proposal as late as its observation allows."""
    copies = {
        (event.configuration_id, event.budget): replace(
            event, configuration=json.loads(json.dumps(event.configuration)), info=json.loads(json.dumps(event.info))
        )
        for event in events
        if isinstance(event, Proposal)
    }
    waiting = list(copies.values())
    history: list[Proposal | Observation] = []
    for event in events:
        if isinstance(event, Observation):
            own = copies[event.proposal.configuration_id, event.proposal.budget]
            while own in waiting:
                history.append(waiting.pop(0))
            history.append(Observation(own, event.loss))
    return [*history, *waiting]


def resumed(make: OptimizerFactory, run: Run, **changes: Any) -> Run:
    """A new optimiser, brought to where that run is, with the same pending proposals."""
    optimizer = make(problem(**changes))
    optimizer.restore(stored(run.events))
    again = Run(optimizer, run.workers, run.becomes)
    again.events, again.pending = list(run.events), list(run.pending)
    return again


def check_proposals(make: OptimizerFactory) -> None:
    """Budgets within range, legal points of builtin types, no proposal twice, as many as planned, then no more."""
    optimizer = make(problem())
    plan = optimizer.plan
    proposals = Run(optimizer).finish()
    assert optimizer.ask() is None
    assert len(proposals) == plan.proposals
    assert sum(proposal.budget for proposal in proposals) == pytest.approx(plan.epochs)
    assert len({(proposal.configuration_id, proposal.budget) for proposal in proposals}) == len(proposals)
    configurations: dict[Any, Any] = {}
    for proposal in proposals:
        assert type(proposal.budget) is float
        assert PROBLEM.min_budget - 1e-9 <= proposal.budget <= PROBLEM.max_budget + 1e-9
        assert proposal.configuration_id.iteration < PROBLEM.iterations
        assert proposal.origin in ("model", "random")
        assert json.loads(json.dumps(proposal.configuration)) == proposal.configuration
        assert json.loads(json.dumps(proposal.info)) == proposal.info
        for name, hyperparameter in PROBLEM.space.items():
            assert hyperparameter.legal_value(proposal.configuration[name])
        known = configurations.setdefault(proposal.configuration_id, proposal.configuration)
        assert known == proposal.configuration
    assert any(proposal.budget == pytest.approx(PROBLEM.max_budget) for proposal in proposals)


def check_seeds(make: OptimizerFactory) -> None:
    """The same seed proposes the same whatever global random state there is; another seed proposes something else."""
    found = []
    for state in (1, 2):
        random.seed(state)
        np.random.seed(state)
        found.append(Run(make(problem())).finish())
    assert found[0] == found[1]
    other = Run(make(problem(seed=4))).finish()
    assert not {repr(each.configuration) for each in found[0]} & {repr(each.configuration) for each in other}


def check_restore_after_every_report(make: OptimizerFactory) -> None:
    """A run that is cut after any report goes on as the uninterrupted one."""
    whole = Run(make(problem())).finish()
    for tells in range(len(whole)):
        run = Run(make(problem()))
        run.go_on(tells)
        assert resumed(make, run).finish() == whole


def check_restore_with_pending(make: OptimizerFactory) -> None:
    """So does one with several workers whose reports come in another order, some failed, some diverged."""
    for becomes in (failing, diverging):
        whole = Run(make(problem()), workers=4, becomes=becomes)
        whole.finish()
        for tells in range(0, len(whole.proposals), 4):
            run = Run(make(problem()), workers=4, becomes=becomes)
            run.go_on(tells)
            again = resumed(make, run)
            assert again.finish() == whole.proposals
            assert again.events == whole.events


def check_restore_twice(make: OptimizerFactory) -> None:
    """A run that was restored can be cut and restored again."""
    whole = Run(make(problem()), workers=3).finish()
    run = Run(make(problem()), workers=3)
    while run.go_on(9):
        run = resumed(make, run)
    assert run.proposals == whole


def check_ends(make: OptimizerFactory) -> None:
    """A run of failures alone, or of diverged proposals alone, comes to its end."""
    becomes: Becomes
    for becomes in (lambda proposal: None, lambda proposal: WORST_LOSS):
        for workers in (1, 5):
            proposals = Run(make(problem()), workers=workers, becomes=becomes).finish()
            assert proposals


def check_extension(make: OptimizerFactory) -> None:
    """A finished run with more iterations goes on as if it had been begun with them."""
    whole = Run(make(problem())).finish()
    short = Run(make(problem(iterations=5)))
    short.finish()
    assert resumed(make, short).finish() == whole


def check_given(make: OptimizerFactory) -> None:
    """Given configurations are proposed first, in their order, also across a resume; what is too much is refused."""
    given = tuple(Given(to_configuration(point), "preset", name) for name, point in PRESETS.items())
    whole = Run(make(problem(given=given))).finish()
    firsts = list({each.configuration_id: each for each in whole}.values())[: len(given)]
    assert [each.configuration for each in firsts] == [each.configuration for each in given]
    assert {each.origin for each in firsts} == {"preset"}
    for tells in range(0, 2 * len(given), 3):
        run = Run(make(problem(given=given)))
        run.go_on(tells)
        assert resumed(make, run, given=given).finish() == whole
    with pytest.raises(InvalidValueError, match="given"):
        make(problem(iterations=1, given=20 * given))


def check_foreign_history(make: OptimizerFactory) -> None:
    """A history that cannot have come from the problem is refused."""
    run = Run(make(problem()))
    run.finish()
    with pytest.raises(InvalidValueError):
        resumed(make, run, iterations=2)


#: All of them.
CHECKS = (
    check_proposals,
    check_seeds,
    check_restore_after_every_report,
    check_restore_with_pending,
    check_restore_twice,
    check_ends,
    check_extension,
    check_given,
    check_foreign_history,
)
