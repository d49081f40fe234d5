"""The attempts that a worker holds: those that it computes, and those whose outcomes it has yet to report."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from workers.transport.messages import Work


class Assignments:
    """The attempts by run and token. Safe between threads: the heartbeat reads what the main thread changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, Work]] = {}

    def add(self, run: str, work: Iterable[Work]) -> None:
        """Adds attempts at evaluations of a run."""
        with self._lock:
            self._held.setdefault(run, {}).update({item.token: item for item in work})

    def drop(self, run: str, tokens: Iterable[str]) -> None:
        """Removes attempts of a run; tokens that are not held are ignored."""
        with self._lock:
            held = self._held.get(run, {})
            for token in tokens:
                held.pop(token, None)
            if not held:
                self._held.pop(run, None)

    def tokens(self, run: str) -> tuple[str, ...]:
        """The tokens held of one run."""
        with self._lock:
            return tuple(self._held.get(run, ()))

    def by_run(self) -> dict[str, tuple[str, ...]]:
        """The tokens held, for every run of which any is held."""
        with self._lock:
            return {run: tuple(held) for run, held in self._held.items()}

    def beat_s(self) -> float | None:
        """Seconds between heartbeats, a third of the shortest lease; None if nothing is held."""
        with self._lock:
            return min((work.lease_s / 3 for held in self._held.values() for work in held.values()), default=None)
