"""What the lease manager asks of a run: the evaluation queue, which gives work out and takes results in.

The lease manager knows workers, leases and tokens. The evaluation queue knows what to evaluate, what a result means,
and the database. Neither knows the other's part.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from spaces.trial import TrialOutcome
from storage.entries import NewEvaluation, WorkerInfo

#: How an attempt can end without an outcome.
LOST = "lost"
HANDED_BACK = "handed-back"
ERROR = "error"


@dataclass(frozen=True, slots=True)
class Evaluation(NewEvaluation):
    """An evaluation that is stored, as workers are given it.

    Attributes:
        id: The evaluation's id in the database.
        failures: Attempts that were lost or raised an error before this process took the run over.
    """

    id: int
    failures: int = 0

    @classmethod
    def stored(cls, new: NewEvaluation, id: int, failures: int = 0) -> Evaluation:
        """What was asked for, with its id in the database."""
        return cls(new.configuration_id, new.replicate, new.spec, id, failures)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an evaluation by one worker.

    Attributes:
        evaluation: What is evaluated.
        token: Names the attempt: heartbeats and reports carry it.
        worker: The worker that computes it.
    """

    evaluation: Evaluation
    token: str
    worker: WorkerInfo


class EvaluationQueue(Protocol):
    """What is to be evaluated, and where outcomes go.

    Every method but :meth:`transaction` is called with ``condition`` held, and within a block of ``transaction`` where
    it writes. If a block raises, nothing of it was committed. The lease manager then logs the error and answers "report
    again", so that the same report comes again with the same token: ``finished`` must bear being called twice for one
    evaluation. Evaluations that ``next_evaluations`` returned in a block that failed are kept by the lease manager and
    given out later; only where ``next_evaluations`` itself raised does it ask again.
    """

    condition: threading.Condition
    """The one lock of the run's process and its dispatcher; reentrant."""

    @property
    def done(self) -> bool:
        """Whether there is no more work, now or later: workers are then sent to other runs."""
        ...

    @property
    def remaining(self) -> int:
        """How many evaluations may still be given out for the first time, now or later, at most."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Groups what happens in the block into one commit, which is durable when the block has been left."""
        ...

    def next_evaluations(self, wanted: int) -> list[Evaluation]:
        """At most ``wanted`` new evaluations, decided now; each is returned once. Empty if there are none now."""
        ...

    def started(self, attempt: Attempt) -> int:
        """A worker starts an attempt; returns the attempt's number, counted from 1."""
        ...

    def lost(self, attempt: Attempt, result: str, message: str, final: bool) -> None:
        """An attempt ended without an outcome.

        Args:
            attempt: Which.
            result: LOST, HANDED_BACK or ERROR.
            message: Why.
            final: Whether the evaluation has failed and is not tried again; else the lease manager gives it out
                again, before all new work.
        """
        ...

    def finished(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        """An evaluation has its outcome: the first that is reported, by whichever attempt, running or lost.

        Other attempts at it that are still running are superseded, and the lease manager tells their workers to stop.
        """
        ...

    def is_open(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation has no outcome yet, and has not failed.

        It has an outcome from the first call of ``finished`` on, even if that block failed: what could not be written
        then is written at the start of a later block, whether the worker reports again or not.
        """
        ...

    def unrecorded(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        """A block with this outcome failed, perhaps before ``finished`` was called: keep it, should the run end now.

        Called with the condition held, outside of any block.
        """
        ...
