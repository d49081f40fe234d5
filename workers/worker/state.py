"""What the threads of a worker share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, Self

from workers.transport.directory import Directory
from workers.transport.messages import Caller
from workers.worker.assignments import Assignments
from workers.worker.dispatchers import DispatcherDirectory
from workers.worker.pending_reports import PendingReports
from workers.worker.round_robin import RoundRobin


class Sleeper(Protocol):
    """Sleep that other threads can end; :class:`workers.worker.wakeup.Wakeup` is one."""

    def wake(self) -> None:
        """Ends the present wait, or the next."""
        ...

    def wait(self, seconds: float) -> bytes:
        """Waits for at most so many seconds; returns what ended the wait."""
        ...

    def close(self) -> None:
        """Ends its lifetime."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class WorkerState:
    """Who a worker is, what it holds, which runs there are, and whether it is to end.

    The main thread and the heartbeat share it. Open it (``with state:``) before it is used.

    Args:
        identity: Who the worker is; it holds nothing yet.
        nameserver: A client of the nameserver, closed with this object.
        wakeup: What the main thread sleeps on; opened and closed with this object.
        capacity: How many evaluations of equal shape are computed at once.
        only: The one run to be served; None serves all.

    Attributes:
        assignments: The attempts that the worker computes or has yet to report.
        pending: The outcomes that were not acknowledged yet; for the main thread.
        round_robin: Which run is asked for work next.
        dispatchers: Where the dispatchers are.
        served: The runs that were ever asked for work.
        stopping: Whether the worker ends after the evaluation that it computes.
    """

    def __init__(
        self,
        identity: Caller,
        nameserver: Directory,
        wakeup: Sleeper,
        *,
        capacity: int = 1,
        only: str | None = None,
    ) -> None:
        self.identity = identity
        self.capacity = capacity
        self.only = only
        self.wakeup = wakeup
        self.assignments = Assignments()
        self.pending = PendingReports()
        self.round_robin = RoundRobin()
        self.dispatchers = DispatcherDirectory(nameserver, identity.name, only, self.appeared)
        self.served: set[str] = set()
        self.stopping = False

    def caller(self, run: str) -> dict[str, object]:
        """How the worker presents itself to the dispatcher of a run."""
        return replace(self.identity, holding=self.assignments.tokens(run)).to_dict()

    def appeared(self, runs: Iterable[str]) -> None:
        """These runs were started or resumed, and are asked for work at once; for any thread."""
        self.round_robin.appeared(runs)
        self.pending.appeared(runs)
        self.wakeup.wake()

    def stop(self) -> None:
        """Ends the worker after the evaluation that it computes; for any thread, and for signal handlers."""
        self.stopping = True
        self.wakeup.wake()

    def __enter__(self) -> Self:
        self.wakeup.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.dispatchers.close()
        self.wakeup.close()
