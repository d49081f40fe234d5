"""The heartbeat: a thread beside the computing one that renews leases and looks for dispatchers.

It also acts where the main thread cannot: a signal handler runs in the main thread, which may be computing in a kernel,
or hang there.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable

from spaces import clock
from spaces.errors import ClusterError
from workers.transport.messages import tokens
from workers.transport.wire import mapping
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.state import Sleeper, WorkerState

#: Seconds until a heartbeat that failed is tried again.
RETRY_S = 2.0

#: Seconds of pause after a heartbeat that raised an unforeseen error.
FAILED_S = 0.1

#: How many seconds the main thread has to react to a signal, and to stop a computation that is not wanted any more.
SIGNAL_S = 2.0
GIVE_UP_S = 30.0

EXIT_HANGING = 75

#: The signals to which the main thread has to react.
_STOPS = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGALRM))

log = logging.getLogger(__name__)


class Heartbeat:
    """Renews leases, on a thread of its own, until it is closed.

    Args:
        state: Who the worker is, and the attempts whose leases are renewed.
        connections: The heartbeat's own connections to dispatchers.
        give_up: Called with the tokens whose computation should stop. Returns whether they are all that is computed
            at present; then it was interrupted.
        leave: Called if the main thread did not react to a signal in time; the process ends after it.
        wakeup: What the heartbeat sleeps on; signals are written to it.
    """

    def __init__(
        self,
        state: WorkerState,
        connections: DispatcherConnections,
        give_up: Callable[[frozenset[str]], bool],
        leave: Callable[[], None],
        wakeup: Sleeper,
    ) -> None:
        self._state = state
        self._connections = connections
        self._give_up = give_up
        self._leave = leave
        self._wakeup = wakeup
        self._thread: threading.Thread | None = None
        self._closed = False
        self._reacted: set[int] = set()
        self._quit_at: dict[int, float] = {}
        self._unwanted: frozenset[str] = frozenset()
        self._interrupted_at: float | None = None
        self._failing: set[str] = set()
        self._beat_due = 0.0

    def start(self) -> None:
        """Starts the thread."""
        self._thread = threading.Thread(target=self.run, name=f"{self._state.identity.name} heartbeat", daemon=True)
        self._thread.start()

    def expect(self, lease_s: float) -> None:
        """A lease of ``lease_s`` seconds was taken: a heartbeat is due within a third of it."""
        if self._beat_due > clock.monotonic() + lease_s / 2:
            self._wakeup.wake()

    def reacted(self, number: int) -> None:
        """The main thread has reacted to the signal of that number."""
        self._reacted.add(number)

    def close(self) -> None:
        """Ends the thread."""
        self._closed = True
        self._wakeup.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=15.0)

    def run(self) -> None:
        """Sends heartbeats until it is closed, on the thread that calls this."""
        while not self._closed:
            try:
                self._step()
            except Exception:
                log.exception("a heartbeat failed")
                self._beat_due = clock.monotonic() + RETRY_S
                self._wakeup.wait(FAILED_S)
        self._connections.close()

    def _step(self) -> None:
        self._state.dispatchers.refresh()
        now = clock.monotonic()
        if now >= self._beat_due:
            self._beat_due = now + self._beat()
        self._end_what_hangs(clock.monotonic())
        self._sleep()

    def _sleep(self) -> None:
        # For work that was taken during the last heartbeat, expect() may not have noticed that a heartbeat is due.
        beat_s = self._state.assignments.beat_s()
        if beat_s is not None:
            self._beat_due = min(self._beat_due, clock.monotonic() + beat_s)
        due = min(self._beat_due, self._state.dispatchers.due)
        due = min([due, *(at for number, at in self._quit_at.items() if number not in self._reacted)])
        if self._interrupted_at is not None:
            due = min(due, clock.monotonic() + 1.0)
        came = self._wakeup.wait(due - clock.monotonic())
        for number in _STOPS.intersection(came):
            self._quit_at.setdefault(number, clock.monotonic() + SIGNAL_S)

    def _beat(self) -> float:
        """Sends a heartbeat to every run of which anything is held; returns the seconds until the next one."""
        us, by_run = self._state.identity, self._state.assignments.by_run()
        self._connections.keep(set(by_run))
        failed = False
        unwanted: set[str] = set()
        for run, held in by_run.items():
            try:
                answer = mapping(
                    self._connections.call(run, "beat", us.name, us.session, held), "the heartbeat's answer"
                )
                unwanted.update(tokens(answer.get("stop")))
                if run in self._failing:
                    self._failing.discard(run)
                    log.info("the dispatcher of %s answers again", run)
            except ClusterError as error:
                failed = True
                if run not in self._failing:
                    self._failing.add(run)
                    log.warning("the dispatcher of %s does not answer heartbeats, and is tried again: %s", run, error)
        self._unwanted = frozenset(unwanted)
        beat_s = self._state.assignments.beat_s()
        if beat_s is None:
            self._failing.clear()
            return 3600.0  # expect() wakes this thread when work is taken
        return min(beat_s, RETRY_S) if failed else beat_s

    def _end_what_hangs(self, now: float) -> None:
        if any(now >= at for number, at in self._quit_at.items() if number not in self._reacted):
            log.warning("the computation does not react to the signal: handing it back and ending")
            self._leave()
            os._exit(0)
        if not self._unwanted or not self._give_up(self._unwanted):
            self._interrupted_at = None
        elif self._interrupted_at is None:
            self._interrupted_at = now
        elif now - self._interrupted_at > GIVE_UP_S:
            log.error("the computation hangs, and its outcome is not wanted any more: this process ends")
            os._exit(EXIT_HANGING)
