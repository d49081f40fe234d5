"""The heartbeat: a thread beside the computing one that renews leases and looks for dispatchers.

It is also who acts when the computing thread cannot: a signal's handler runs in the main thread, which
may be deep in a kernel or hang there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from spaces import clock
from spaces.errors import ClusterError
from workers.transport.messages import tokens
from workers.transport.wire import mapping
from workers.worker.assignments import Assignments
from workers.worker.dispatchers import DispatcherConnections, DispatcherDirectory

#: How soon a beat that failed is tried again.
RETRY_S = 2.0

#: How long the main thread has to react to a signal, and to give up what is not wanted any more.
SIGNAL_S = 2.0
GIVE_UP_S = 30.0

EXIT_HANGING = 75

_STOPS = frozenset((signal.SIGTERM, signal.SIGINT))

log = logging.getLogger(__name__)


class Heartbeat:
    """Beats until it is closed.

    Args:
        name: The worker's name.
        session: The worker's session.
        holding: Whose leases are renewed.
        peers: Refreshed when it is time to.
        lines: Connections of this thread.
        give_up: Called with the tokens that are not wanted any more; says whether they are all that is
            computed at present, which was interrupted then.
        leave: Called if a signal was not reacted to in time; the process ends after it.
    """

    def __init__(
        self,
        name: str,
        session: str,
        holding: Assignments,
        dispatchers: DispatcherDirectory,
        lines: DispatcherConnections,
        give_up: Callable[[frozenset[str]], bool],
        leave: Callable[[], None],
    ) -> None:
        self._name = name
        self._session = session
        self._assignments = holding
        self._dispatchers = dispatchers
        self._connections = lines
        self._give_up = give_up
        self._leave = leave
        self._closed = False
        self._reacted = False
        self._quit_at: float | None = None
        self._unwanted: frozenset[str] = frozenset()
        self._interrupted_at: float | None = None
        self._failing: set[str] = set()
        self._beat_due = 0.0
        self._wake_read, self.wake_write = socket.socketpair()
        self.wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"{name} heart", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def expect(self, lease_s: float) -> None:
        """A lease was taken: a beat is due within a third of it."""
        if self._beat_due > clock.monotonic() + lease_s / 2:
            self._poke()

    def reacted(self) -> None:
        """The main thread has seen the signal."""
        self._reacted = True

    def close(self) -> None:
        """Ends the thread."""
        self._closed = True
        self._poke()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=15.0)
        self._wake_read.close()
        self.wake_write.close()

    def _poke(self) -> None:
        with contextlib.suppress(OSError):
            self.wake_write.send(b"\0")

    def _run(self) -> None:
        while not self._closed:
            try:
                self._dispatchers.refresh()
                now = clock.monotonic()
                if now >= self._beat_due:
                    self._beat_due = now + self._beat()
                self._end_what_hangs(clock.monotonic())
                self._sleep()
            except Exception:
                log.exception("a heartbeat failed")
                self._beat_due = clock.monotonic() + RETRY_S
                time.sleep(0.1)
        self._connections.close()

    def _sleep(self) -> None:
        # Of work that was taken during the last beat, expect() may not have known that a beat is due.
        beat_s = self._assignments.beat_s()
        if beat_s is not None:
            self._beat_due = min(self._beat_due, clock.monotonic() + beat_s)
        due = min(self._beat_due, self._dispatchers.due)
        if self._quit_at is not None:
            due = min(due, self._quit_at)
        if self._interrupted_at is not None:
            due = min(due, clock.monotonic() + 1.0)
        self._wake_read.settimeout(max(0.001, due - clock.monotonic()))
        try:
            came = self._wake_read.recv(4096)
        except TimeoutError:
            return
        if _STOPS.intersection(came) and self._quit_at is None:
            self._quit_at = clock.monotonic() + SIGNAL_S

    def _beat(self) -> float:
        """Beats for everything held; returns when to beat again."""
        by_run = self._assignments.by_run()
        self._connections.keep(set(by_run))
        failed = False
        unwanted: set[str] = set()
        for run, held in by_run.items():
            try:
                answer = mapping(
                    self._connections.call(run, "beat", self._name, self._session, held), "the beat's answer"
                )
                unwanted.update(tokens(answer.get("stop")))
                if run in self._failing:
                    self._failing.discard(run)
                    log.info("the dispatcher of %s answers again", run)
            except ClusterError as error:
                failed = True
                if run not in self._failing:
                    self._failing.add(run)
                    log.warning("the dispatcher of %s does not hear us, which it may in a moment: %s", run, error)
        self._unwanted = frozenset(unwanted)
        beat_s = self._assignments.beat_s()
        if beat_s is None:
            self._failing.clear()
            return 3600.0  # whoever takes work pokes
        return min(beat_s, RETRY_S) if failed else beat_s

    def _end_what_hangs(self, now: float) -> None:
        if self._quit_at is not None and now >= self._quit_at and not self._reacted:
            log.warning("the computation does not let go: handing it back and ending")
            self._leave()
            os._exit(0)
        if not self._unwanted or not self._give_up(self._unwanted):
            self._interrupted_at = None
        elif self._interrupted_at is None:
            self._interrupted_at = now
        elif now - self._interrupted_at > GIVE_UP_S:
            log.error("the computation hangs, and nobody wants it any more: this process ends")
            os._exit(EXIT_HANGING)
