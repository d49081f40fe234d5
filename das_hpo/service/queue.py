"""What the dispatcher asks of the master: the desk where work is handed out and results are taken in.

The dispatcher knows workers, leases and tokens; the desk knows what to evaluate, what a result means,
and the database. Neither knows the other's half.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from spaces.identity import ConfigurationId
from spaces.trial import TrialOutcome, TrialSpec
from storage.entries import WorkerInfo

#: How an attempt can end without an outcome.
LOST = "lost"
HANDED_BACK = "handed-back"
ERROR = "error"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One configuration at one budget with one seed, as the dispatcher hands it out.

    Attributes:
        id: The evaluation's id in the database.
        configuration_id: Which configuration of the run.
        budget: Epochs.
        replicate: Counted from 0; another seed for the same configuration and budget.
        spec: What the worker is asked.
        failures: Attempts that were lost or raised before this dispatcher's time.
    """

    id: int
    configuration_id: ConfigurationId
    budget: float
    replicate: int
    spec: TrialSpec
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that a master before this one began and that may still be computed somewhere.

    Attributes:
        evaluation: What is evaluated.
        token: The attempt's token: beats and reports with it are accepted.
        worker: Who computes it.
    """

    evaluation: Evaluation
    token: str
    worker: WorkerInfo


class EvaluationQueue(Protocol):
    """The master, as the dispatcher sees it.

    Every method is called by a thread of the dispatcher that holds ``condition`` and, except for
    ``done`` and ``unrecorded``, has entered ``transaction()``. The order in a report's block is: ``finished`` (or
    ``lost``), then ``next_evaluations`` for what the worker takes next, then ``started`` for each;
    reports that came at the same time follow each other in one block, the whole of one after the other.
    Only after the block was left without an exception are the workers acknowledged. If anything in it
    raises, the dispatcher changes nothing of its own, logs it, and answers "ask again": a report then
    comes again with the same token, so ``finished`` must bear being called twice for one evaluation.
    Evaluations that ``next_evaluations`` gave out in a failed block are kept and offered again by the
    dispatcher, except where ``next_evaluations`` itself raised.
    """

    condition: threading.Condition
    """The one lock of master and dispatcher, reentrant."""

    @property
    def done(self) -> bool:
        """Whether nothing more will ever come: workers are sent on to other runs."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Groups what happens inside into one commit, durable when the block has been left."""
        ...

    def next_evaluations(self, wanted: int) -> list[Evaluation]:
        """New work, at most ``wanted``, decided now; each evaluation is given once. Empty: none at present."""
        ...

    def started(self, evaluation: Evaluation, token: str, worker: WorkerInfo) -> int:
        """A worker takes an evaluation; returns the attempt's number, counted from 1."""
        ...

    def lost(self, evaluation: Evaluation, token: str, result: str, message: str, final: bool) -> None:
        """An attempt ended without an outcome (LOST, HANDED_BACK or ERROR).

        If ``final``, the evaluation has failed and is not offered again; else the dispatcher has it
        queued, before all new work.
        """
        ...

    def finished(self, evaluation: Evaluation, token: str, outcome: TrialOutcome, duration_s: float) -> None:
        """An evaluation has its outcome: the first that came, from whichever attempt, running or lost.

        Other attempts of it that are running are superseded; the dispatcher tells their workers.
        """
        ...

    def is_open(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation has neither an outcome nor failed.

        It has an outcome from the first call of ``finished``, also where that block failed: what could not be written
        is written at the begin of a later block, whether the worker reports again or not.
        """
        ...

    def unrecorded(self, evaluation: Evaluation, token: str, outcome: TrialOutcome, duration_s: float) -> None:
        """A block with this outcome failed, be it before ``finished`` was called: should the run end now, keep it.

        Called with the condition held, outside any block.
        """
        ...
