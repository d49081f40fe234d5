"""Which run a worker asks for work next, and when it may be asked again."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from spaces import clock
from workers.transport.messages import DONE, REFUSED, WAIT, Answer

#: How long a run is left alone after its dispatcher did not answer, or refused us.
RETRY_S = 1.0
REFUSED_S = 60.0

log = logging.getLogger(__name__)


class RoundRobin:
    """Runs take turns by name; each is left alone for as long as its last answer said.

    The heart's thread calls :meth:`appeared`, the main thread all else.
    """

    def __init__(self) -> None:
        self._last = ""
        self._not_before: dict[str, float] = {}
        self._refused: set[str] = set()

    def take(self, runs: Iterable[str]) -> str | None:
        """The next run by name, after the one that had the turn last, that may be asked now; it has the turn."""
        now = clock.monotonic()
        may = sorted(run for run in runs if self._not_before.get(run, 0.0) <= now)
        chosen = next((run for run in may if run > self._last), may[0] if may else None)
        if chosen is not None:
            self._last = chosen
        return chosen

    def note(self, run: str, answer: Answer | None) -> None:
        """A run's last answer says when it is asked again; None is no answer."""
        now = clock.monotonic()
        if answer is None:
            self._not_before[run] = now + RETRY_S
        elif answer.status in (WAIT, DONE):
            self._not_before[run] = now + answer.wait_s
        elif answer.status == REFUSED:
            self._not_before[run] = now + REFUSED_S
            if run not in self._refused:
                log.error("%s", answer.message)
            self._refused.add(run)

    def appeared(self, runs: Iterable[str]) -> None:
        """These runs were begun, or resumed: they may be asked at once."""
        for run in runs:
            self._not_before.pop(run, None)
            self._refused.discard(run)

    def due(self, runs: Iterable[str]) -> float:
        """The monotonic time from which one of these runs may be asked; infinity if there is none."""
        now = clock.monotonic()
        return min((self._not_before.get(run, now) for run in runs), default=float("inf"))
