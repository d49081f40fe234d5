"""Outcomes that are not acknowledged yet."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spaces import clock
from spaces.trial import TrialOutcome
from workers.transport.messages import ERROR
from workers.transport.wire import native

#: How many seconds an outcome is kept for a run that does not answer: the run may be resumed.
KEEP_S = 86400.0


@dataclass(frozen=True, slots=True)
class PendingReport:
    """What is to be reported of an attempt: its outcome, or the text of the error that it raised."""

    run: str
    token: str
    result: TrialOutcome | str
    duration_s: float

    def message(self, caller: dict[str, object], wanted: int) -> tuple[Any, ...]:
        """The dispatcher's method to be called, and its arguments."""
        if isinstance(self.result, str):
            return "hand_back", caller, (self.token,), ERROR, self.result
        return "report", caller, self.token, native(self.result.to_dict()), self.duration_s, wanted


class PendingReports:
    """The reports to be sent again. The heartbeat's thread calls :meth:`appeared`, the main thread everything else."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[PendingReport, float, float]] = {}
        self._appeared: frozenset[str] = frozenset()

    def keep(self, pending: PendingReport, retry_s: float) -> None:
        """Keeps a report, which is due again in ``retry_s`` seconds."""
        now = clock.monotonic()
        since = self._kept[pending.token][1] if pending.token in self._kept else now
        self._kept[pending.token] = pending, since, now + retry_s

    def due(self) -> list[PendingReport]:
        """The reports that are due now: their pause is over, or their run has appeared since this was asked."""
        now = clock.monotonic()
        appeared, self._appeared = self._appeared, frozenset()
        return [pending for pending, _, at in self._kept.values() if at <= now or pending.run in appeared]

    def appeared(self, runs: Iterable[str]) -> None:
        """These runs were started or resumed: what is kept for them is due at once."""
        self._appeared = self._appeared.union(runs)

    def delivered(self, pending: PendingReport) -> None:
        """Drops a report that was acknowledged, or refused for good."""
        self._kept.pop(pending.token, None)

    def expired(self) -> list[PendingReport]:
        """Drops the reports that were kept for too long, and returns them."""
        old = [pending for pending, since, _ in self._kept.values() if clock.monotonic() - since > KEEP_S]
        for pending in old:
            del self._kept[pending.token]
        return old

    def of_run(self, run: str) -> bool:
        """Whether a report for that run is kept."""
        return any(pending.run == run for pending, _, _ in self._kept.values())

    def all(self) -> list[PendingReport]:
        """All reports that are kept."""
        return [pending for pending, _, _ in self._kept.values()]

    def next_due(self) -> float:
        """Monotonic time at which the next report is due; infinity if none is kept."""
        appeared = self._appeared
        return min((-math.inf if one.run in appeared else at for one, _, at in self._kept.values()), default=math.inf)
