"""Outcomes that nobody has acknowledged yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from spaces import clock
from spaces.trial import TrialOutcome
from workers.transport.messages import ERROR
from workers.transport.wire import native

#: How long an outcome is kept for a run that does not answer: its master may be resumed.
KEEP_S = 86400.0


@dataclass(frozen=True, slots=True)
class PendingReport:
    """An outcome, or the text of what was raised, under its token."""

    run: str
    token: str
    result: TrialOutcome | str
    duration_s: float

    def message(self, caller: dict[str, object], wanted: int) -> tuple[Any, ...]:
        """The method to be called, and its arguments."""
        if isinstance(self.result, str):
            return "hand_back", caller, (self.token,), ERROR, self.result
        return "report", caller, self.token, native(self.result.to_dict()), self.duration_s, wanted


class PendingReports:
    """Parcels to be delivered again. For one thread."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[PendingReport, float, float]] = {}

    def keep(self, pending: PendingReport, retry_s: float) -> None:
        """Keeps a parcel, to be delivered again in so many seconds."""
        now = clock.monotonic()
        since = self._kept[pending.token][1] if pending.token in self._kept else now
        self._kept[pending.token] = pending, since, now + retry_s

    def due(self) -> list[PendingReport]:
        """What is to be delivered now."""
        now = clock.monotonic()
        return [pending for pending, _, at in self._kept.values() if at <= now]

    def delivered(self, pending: PendingReport) -> None:
        """It was acknowledged, or refused for good."""
        self._kept.pop(pending.token, None)

    def expired(self) -> list[PendingReport]:
        """Takes out what was kept for too long."""
        old = [pending for pending, since, _ in self._kept.values() if clock.monotonic() - since > KEEP_S]
        for pending in old:
            del self._kept[pending.token]
        return old

    def of_run(self, run: str) -> bool:
        """Whether anything of that run is kept."""
        return any(pending.run == run for pending, _, _ in self._kept.values())

    def all(self) -> list[PendingReport]:
        """Everything kept."""
        return [pending for pending, _, _ in self._kept.values()]

    def next_due(self) -> float:
        """Monotonic time of the next delivery."""
        return min((at for _, _, at in self._kept.values()), default=math.inf)
