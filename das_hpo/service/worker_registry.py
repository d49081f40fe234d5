"""The workers that a dispatcher has heard from, and how often those without work should ask."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from spaces import clock
from storage.entries import WorkerInfo
from workers.transport.messages import Caller

#: Workers without work are told to ask so rarely that all of them together ask at most this often, but each of them
#: waits no longer than SLOWEST_S and no shorter than QUICKEST_S.
CLAIMS_PER_S = 200.0
QUICKEST_S = 0.05
SLOWEST_S = 10.0

#: A worker that was silent for this many seconds is no longer listed.
FORGET_S = 600.0


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker as a run sees it.

    Attributes:
        info: Who it is.
        computing: How many evaluations it computes.
        silent_s: For how many seconds it was silent.
        alive: Whether it was silent for no longer than a living worker is.
    """

    info: WorkerInfo
    computing: int
    silent_s: float
    alive: bool


@dataclass(slots=True)
class _Known:
    """A worker that this dispatcher heard from; ``expected_s`` is for how many seconds it may be silent."""

    info: WorkerInfo
    session: str
    seen: float
    expected_s: float
    idle: bool = True

    def is_alive(self, now: float) -> bool:
        return now - self.seen < self.expected_s


class WorkerRegistry:
    """Which workers there are, and when each was last heard from. The caller holds the lock, except for :meth:`beat`.

    Args:
        lease_s: How many seconds a worker that computes may be silent.
        adopted: Workers that may still compute for an earlier process of this run.
    """

    def __init__(self, lease_s: float, adopted: Iterable[WorkerInfo]) -> None:
        self._lease_s = lease_s
        now = clock.monotonic()
        self._known = {info.name: _Known(info, "", now, lease_s, idle=False) for info in adopted}
        self._idle = 0

    def session(self, name: str) -> str | None:
        """A worker's session; empty if it was adopted and has not called yet; None if the worker is unknown."""
        known = self._known.get(name)
        return None if known is None else known.session

    def hear(self, caller: Caller) -> None:
        """Notes that a worker called."""
        known = self._known.get(caller.name)
        if known is None or known.session != caller.session:
            info = WorkerInfo(caller.name, caller.host, caller.pid, caller.device, caller.version)
            if known is None:
                known = self._known[caller.name] = _Known(info, caller.session, 0.0, self._lease_s)
            known.info = info
            known.session = caller.session
        known.seen = clock.monotonic()

    def beat(self, name: str, session: str, now: float) -> None:
        """Notes a heartbeat. Takes no lock: it does one lookup and one assignment."""
        known = self._known.get(name)
        if known is not None and known.session in (session, ""):
            known.seen = now

    def info(self, name: str) -> WorkerInfo:
        """Who a known worker is."""
        return self._known[name].info

    def has_work(self, name: str) -> None:
        """Notes that a worker was given work."""
        known = self._known[name]
        known.idle = False
        known.expected_s = self._lease_s

    def waits(self, name: str) -> float:
        """Notes that a worker has nothing to do; returns in how many seconds it should ask again.

        The more wait, the longer each waits: a thousand cost no more than a few.
        """
        known = self._known[name]
        known.idle = True
        wait_s = min(max(QUICKEST_S, self._idle / CLAIMS_PER_S), SLOWEST_S)
        known.expected_s = max(self._lease_s, 3 * wait_s)
        return wait_s * random.uniform(0.8, 1.2)

    def lives_one_beside(self, sessions: Container[str]) -> bool:
        """Whether a worker is alive whose session is none of these."""
        now = clock.monotonic()
        return any(known.session not in sessions and known.is_alive(now) for known in self._known.values())

    def remove(self, name: str) -> bool:
        """Forgets a worker; False if it is unknown."""
        return self._known.pop(name, None) is not None

    def look(self, now: float) -> None:
        """Counts the workers that wait, and forgets those that were silent for long."""
        self._idle = sum(known.idle and known.is_alive(now) for known in self._known.values())
        for name in [name for name, known in self._known.items() if now - known.seen > FORGET_S]:
            del self._known[name]

    def extend(self, seconds: float) -> None:
        """Extends every worker's time by ``seconds``, in which no heartbeat could be received."""
        for known in self._known.values():
            known.seen += seconds

    def statuses(self, computing: Callable[[str], int]) -> list[WorkerStatus]:
        """The workers that were heard from in the last minutes."""
        now = clock.monotonic()
        return [
            WorkerStatus(known.info, computing(name), max(0.0, now - known.seen), known.is_alive(now))
            for name, known in self._known.items()
        ]
