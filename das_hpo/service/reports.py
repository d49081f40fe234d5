"""Grouping reports: those that arrive during a commit wait, and are then recorded together with one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from spaces import clock
from spaces.trial import TrialOutcome
from workers.transport.messages import AGAIN, WAIT, Answer, Caller

#: How many seconds a worker waits before it repeats its message after an error of the dispatcher.
AGAIN_S = 1.0


@dataclass(slots=True, eq=False)
class WorkerReport:
    """A worker's report that waits to be recorded.

    Attributes:
        caller: The worker.
        token: Names the attempt.
        outcome: What the worker computed.
        duration_s: The worker's seconds.
        capacity: How much work the worker takes with the acknowledgement.
        answer: The answer, once there is one.
        failure: The error with which recording it ended, if it did.
        turn: Set when the report has its answer, or when its thread is to record all waiting reports.
    """

    caller: Caller
    token: str
    outcome: TrialOutcome
    duration_s: float
    capacity: int
    answer: Answer | None = None
    failure: Exception | None = None
    turn: threading.Event = field(default_factory=clock.event)


class Reports:
    """The waiting reports: the first of the waiting threads records all of them, the others find theirs answered.

    Args:
        lock: Held while reports are recorded.
        take_in: Records reports in the order in which they came, and sets their answers. A report that it leaves
            without an answer is to be sent again.
    """

    def __init__(self, lock: AbstractContextManager[Any], take_in: Callable[[Sequence[WorkerReport]], None]) -> None:
        self._lock = lock
        self._take_in = take_in
        self._queueing = threading.Lock()
        self._waiting: list[WorkerReport] = []
        self._busy = False

    def __len__(self) -> int:
        return len(self._waiting)

    def answer(self, report: WorkerReport) -> Answer:
        """Waits until a report is recorded, and returns its answer.

        Raises:
            Exception: The error with which recording this report, or those with it, ended.
        """
        with self._queueing:
            self._waiting.append(report)
            if not self._busy:
                self._busy = True
                report.turn.set()
        report.turn.wait()
        if report.answer is None:
            try:
                with self._lock:
                    self._take_in_all()
            finally:
                with self._queueing:
                    self._busy = bool(self._waiting)
                    if self._waiting:
                        self._waiting[0].turn.set()
        if report.failure is not None:
            raise report.failure
        assert report.answer is not None
        return report.answer

    def _take_in_all(self) -> None:
        with self._queueing:
            reports, self._waiting = self._waiting, []
        try:
            self._take_in(reports)
        except Exception as error:  # noqa: BLE001 (raised on the thread of each)
            for report in reports:
                report.failure = None if report.answer else error
        finally:
            for report in reports:
                report.answer = report.answer or again()
                report.turn.set()


def again() -> Answer:
    """The answer to a report that could not be recorded: the worker is to report again."""
    return Answer(WAIT, wait_s=AGAIN_S, report=AGAIN, message="not recorded, see the log of the run's process")
