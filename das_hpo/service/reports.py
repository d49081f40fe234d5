"""Reports that come while others are recorded wait, and are then taken in all together, with one commit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from spaces import clock
from spaces.trial import TrialOutcome
from workers.transport.messages import AGAIN, WAIT, Answer, Caller

#: How long a worker waits after something went wrong here.
AGAIN_S = 1.0


@dataclass(slots=True, eq=False)
class WorkerReport:
    """A report that waits to be taken in; ``turn`` is set when it has its answer, or is to take in what waits."""

    caller: Caller
    token: str
    outcome: TrialOutcome
    duration_s: float
    capacity: int
    answer: Answer | None = None
    failure: Exception | None = None
    turn: threading.Event = field(default_factory=clock.event)


class Reports:
    """The queue: the first of the threads that wait takes in all, the others find their reports answered.

    Args:
        lock: Held while reports are taken in.
        take_in: Answers reports, in the order in which they came; one that it leaves is to come again.
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
        """Queues a report and returns its answer.

        Raises:
            Exception: What was raised when this report, or those that came with it, were taken in.
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
    """What was reported could not be recorded: it is to be reported again."""
    return Answer(WAIT, wait_s=AGAIN_S, report=AGAIN, message="not recorded, see the master's log")
