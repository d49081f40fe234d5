"""How a worker ends: what each signal means, and when what is being computed is finished first.

    SIGUSR1           take nothing new, finish what is being computed, end
    SIGTERM, SIGINT   end: finish what is being computed if it ends within the grace, by the durations seen, else hand
                      it back now. A further one hands back what is being finished, or else ends the process at once.
                      Within a second of the first it is taken for the same: clusters signal a process and its group
    SIGALRM           the worker's own alarm: its --max-time, or its grace, is over

A cluster warns with the first (Slurm before a time limit), and stops with the second (preemption, requeue, scancel, a
container that is stopped).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spaces import clock
from workers.worker.state import WorkerState
from workers.worker.time_limit import TimeLimit

#: Signals of so many seconds are one.
SAME_S = 1.0


class Ending:
    """Reacts to signals, in their handlers: nothing here takes a lock or logs.

    Args:
        state: Told to stop.
        limit: Knows how long what is being computed will take.
        grace_s: How many seconds an evaluation may take to end after SIGTERM; 0 hands back at once.
        reacted: Called with the number of a signal that was reacted to.
    """

    def __init__(self, state: WorkerState, limit: TimeLimit, grace_s: float, reacted: Callable[[int], None]) -> None:
        self._state = state
        self._limit = limit
        self._grace_s = grace_s
        self._reacted = reacted
        self._told_at: float | None = None
        self._in_grace = False

    @contextmanager
    def alarmed(self) -> Iterator[None]:
        """Within the block the alarm of the time limit is set; signals are handled in the main thread alone."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        if self._limit.max_time_s is not None:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, self._limit.left_s))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def on_signal(self, number: int) -> bool:
        """A signal came; returns whether what is being computed is to be interrupted."""
        self._reacted(number)
        self._state.stop()
        if number == signal.SIGUSR1:
            return False
        if number == signal.SIGALRM:
            return True
        now = clock.monotonic()
        if self._told_at is not None:
            if now - self._told_at < SAME_S:
                return False
            if not self._in_grace:
                os._exit(128 + number)
            self._in_grace = False
            self._told_at = now
            return True
        self._told_at = now
        self._in_grace = 0.0 < self._limit.rest_s() <= self._grace_s
        if self._in_grace:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, min(self._grace_s, self._limit.left_s)))
        return not self._in_grace
