"""What a worker holds: attempts that it computes, and outcomes that it has yet to report."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from workers.transport.messages import Work


@dataclass(frozen=True, slots=True)
class Assignment:
    """One attempt in a worker's hands: the run it belongs to, and what came with it."""

    run: str
    work: Work


class Assignments:
    """The attempts by token. Safe between threads: the heartbeat reads what the main thread changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Assignment] = {}

    def add(self, run: str, work: Iterable[Work]) -> None:
        """Takes attempts."""
        with self._lock:
            for item in work:
                self._held[item.token] = Assignment(run, item)

    def drop(self, tokens: Iterable[str]) -> None:
        """Is done with attempts."""
        with self._lock:
            for token in tokens:
                self._held.pop(token, None)

    def tokens(self, run: str) -> tuple[str, ...]:
        """The tokens held of one run."""
        with self._lock:
            return tuple(token for token, held in self._held.items() if held.run == run)

    def by_run(self) -> dict[str, tuple[str, ...]]:
        """The tokens of every run of which any is held."""
        found: dict[str, list[str]] = {}
        with self._lock:
            for token, held in self._held.items():
                found.setdefault(held.run, []).append(token)
        return {run: tuple(tokens) for run, tokens in found.items()}

    def beat_s(self) -> float | None:
        """How often to beat: three times in the shortest lease; None if nothing is held."""
        with self._lock:
            return min((held.work.lease_s / 3 for held in self._held.values()), default=None)
