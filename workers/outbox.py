"""Outcomes that nobody has acknowledged yet."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from spaces.trial import TrialOutcome
from workers.messages import ERROR
from workers.wire import native

#: How long an outcome is kept for a run that does not answer: its master may be resumed.
KEEP_S = 86400.0


@dataclass(frozen=True, slots=True)
class Parcel:
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


class Outbox:
    """Parcels to be delivered again. For one thread."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Parcel, float, float]] = {}

    def keep(self, parcel: Parcel, retry_s: float) -> None:
        """Keeps a parcel, to be delivered again in so many seconds."""
        now = time.monotonic()
        since = self._kept[parcel.token][1] if parcel.token in self._kept else now
        self._kept[parcel.token] = parcel, since, now + retry_s

    def due(self) -> list[Parcel]:
        """What is to be delivered now."""
        now = time.monotonic()
        return [parcel for parcel, _, at in self._kept.values() if at <= now]

    def delivered(self, parcel: Parcel) -> None:
        """It was acknowledged, or refused for good."""
        self._kept.pop(parcel.token, None)

    def expired(self) -> list[Parcel]:
        """Takes out what was kept for too long."""
        old = [parcel for parcel, since, _ in self._kept.values() if time.monotonic() - since > KEEP_S]
        for parcel in old:
            del self._kept[parcel.token]
        return old

    def of_run(self, run: str) -> bool:
        """Whether anything of that run is kept."""
        return any(parcel.run == run for parcel, _, _ in self._kept.values())

    def all(self) -> list[Parcel]:
        """Everything kept."""
        return [parcel for parcel, _, _ in self._kept.values()]

    def next_due(self) -> float:
        """Monotonic time of the next delivery."""
        return min((at for _, _, at in self._kept.values()), default=math.inf)
