"""The addresses of the dispatchers, and one thread's connections to them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from spaces import clock
from spaces.errors import ClusterError, UnreachableError
from workers.transport.directory import Directory
from workers.transport.wire import Remote

#: How many seconds to wait before the nameserver is asked again, after the first, second ... time it did not answer.
RETRY_S = (1.0, 2.0, 4.0, 8.0)

#: How many addresses are remembered: a nameserver that was restarted knows no dispatcher for some seconds.
MAX_REMEMBERED = 1000

log = logging.getLogger(__name__)


class DispatcherDirectory:
    """The dispatchers' addresses by run, as the nameserver last named them. Safe between threads.

    While the nameserver does not answer, its last answer is used.

    Args:
        nameserver: A client of the nameserver, closed with this object.
        worker: The worker's name, by which the nameserver counts workers.
        only: The one run to be served; None serves all.
        appeared: Called, on the refreshing thread, with the runs that are new or have another address.
    """

    def __init__(
        self,
        nameserver: Directory,
        worker: str,
        only: str | None,
        appeared: Callable[[list[str]], None],
    ) -> None:
        self._directory = nameserver
        self._worker = worker
        self._only = only
        self._appeared = appeared
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}
        self._remembered: dict[str, str] = {}
        self._failures = 0
        self._due = 0.0

    def runs(self) -> list[str]:
        """The runs that may have work, by name."""
        with self._lock:
            return sorted(self._found)

    def where(self, run: str) -> str | None:
        """The URI of a run's dispatcher, also for a while after the nameserver has removed it; None if unknown."""
        with self._lock:
            return self._remembered.get(run)

    @property
    def due(self) -> float:
        """Monotonic time of the next refresh."""
        return self._due

    def refresh(self) -> None:
        """Asks the nameserver, if that is due. For one thread only."""
        now = clock.monotonic()
        if now < self._due:
            return
        try:
            found, wait_s = self._directory.dispatchers(self._worker)
        except ClusterError as error:
            if self._failures == 0:
                log.warning("going on without the nameserver: %s", error)
            self._due = clock.monotonic() + RETRY_S[min(self._failures, len(RETRY_S) - 1)]
            self._failures += 1
            return
        if self._failures:
            log.info("the nameserver at %s answers again", self._directory.address)
        self._failures = 0
        self._due = clock.monotonic() + wait_s
        if self._only is not None:
            found = {run: where for run, where in found.items() if run == self._only}
        with self._lock:
            new = [run for run, where in found.items() if self._found.get(run) != where]
            self._found = found
            self._remembered = dict(list({**self._remembered, **found}.items())[-MAX_REMEMBERED:])
        if new:
            self._appeared(new)

    def close(self) -> None:
        """Closes the connection to the nameserver."""
        self._directory.close()


class DispatcherConnections:
    """One thread's connections to dispatchers, by run.

    Args:
        dispatchers: Where the dispatchers are.
        connect: Makes a connection to the object at a URI.
    """

    def __init__(self, dispatchers: DispatcherDirectory, connect: Callable[[str], Remote]) -> None:
        self._dispatchers = dispatchers
        self._connect = connect
        self._open: dict[str, tuple[str, Remote]] = {}

    def call(self, run: str, method: str, *arguments: Any) -> Any:
        """Calls a method of the run's dispatcher.

        Raises:
            UnreachableError: If it is not registered, or nobody answers there.
            ClusterError: As :meth:`workers.transport.wire.Remote.call` does.
        """
        where = self._dispatchers.where(run)
        known = self._open.get(run)
        if known is not None and where is not None and known[0] != where:
            self._close(run)  # the run was resumed at another address
            known = None
        if known is None:
            if where is None:
                raise UnreachableError(f"run {run} is not registered in the nameserver at present")
            known = self._open[run] = where, self._connect(where)
        try:
            return known[1].call(method, *arguments)
        except ClusterError:
            self._close(run)
            raise

    def keep(self, runs: set[str]) -> None:
        """Closes the connections to all other runs."""
        for run in [run for run in self._open if run not in runs]:
            self._close(run)

    def close(self) -> None:
        """Closes all connections."""
        self.keep(set())

    def _close(self, run: str) -> None:
        self._open.pop(run)[1].close()
