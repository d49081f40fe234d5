"""Which run a worker asks for work next, and when it may be asked again."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from spaces import clock
from workers.transport.messages import DONE, REFUSED, WAIT, Answer

#: How many seconds a run is left alone after its dispatcher did not answer for the first, second ... time in a row.
RETRY_S = (1.0, 2.0, 4.0, 8.0, 16.0)

#: How many seconds a run is not asked after it refused the worker.
REFUSED_S = 60.0

log = logging.getLogger(__name__)


class RoundRobin:
    """Runs are asked in turn, by name; each is not asked again for as long as its last answer said.

    The heartbeat's thread calls :meth:`appeared`, the main thread everything else.
    """

    def __init__(self) -> None:
        self._last = ""
        self._not_before: dict[str, float] = {}
        self._refused: set[str] = set()
        self._unanswered: dict[str, int] = {}

    def take(self, runs: Iterable[str]) -> str | None:
        """The run to be asked now: the next one by name after the last that was asked; None if none may be asked."""
        now = clock.monotonic()
        may = sorted(run for run in runs if self._not_before.get(run, 0.0) <= now)
        chosen = next((run for run in may if run > self._last), may[0] if may else None)
        if chosen is not None:
            self._last = chosen
        return chosen

    def note(self, run: str, answer: Answer | None) -> None:
        """Notes a run's last answer, which says when it is asked again; None if it did not answer."""
        now = clock.monotonic()
        if answer is None:
            self._not_before[run] = now + self.retry_s(run)
        elif answer.status in (WAIT, DONE):
            self._not_before[run] = now + answer.wait_s
        elif answer.status == REFUSED:
            self._not_before[run] = now + REFUSED_S
            if run not in self._refused:
                log.error("%s", answer.message)
            self._refused.add(run)

    def heard(self, run: str, *, answered: bool) -> bool:
        """Notes whether a run's dispatcher has answered; returns whether that is news."""
        if answered:
            return self._unanswered.pop(run, 0) > 0
        self._unanswered[run] = self._unanswered.get(run, 0) + 1
        return self._unanswered[run] == 1

    def retry_s(self, run: str) -> float:
        """How many seconds to leave a run alone that does not answer: more with every time."""
        return RETRY_S[min(self._unanswered.get(run, 1), len(RETRY_S)) - 1]

    def appeared(self, runs: Iterable[str]) -> None:
        """These runs were started or resumed: they may be asked at once."""
        for run in runs:
            self._not_before.pop(run, None)
            self._refused.discard(run)

    def due(self, runs: Iterable[str]) -> float:
        """The monotonic time from which one of these runs may be asked; infinity if there is none."""
        now = clock.monotonic()
        return min((self._not_before.get(run, now) for run in runs), default=float("inf"))
