"""A seeded monkey that kills, stops and parts processes, and has them back a moment later."""

from __future__ import annotations

import heapq
import itertools
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.lab import LEASE_S, Lab, Process

#: What the monkey does to each kind of process, and how often in proportion.
TRICKS: dict[tuple[str, str], int] = {
    ("kill", "worker"): 6,
    ("terminate", "worker"): 2,
    ("freeze", "worker"): 3,
    ("part", "worker"): 2,
    ("kill", "master"): 4,
    ("freeze", "master"): 1,
    ("part", "master"): 1,
    ("kill", "nameserver"): 3,
    ("freeze", "nameserver"): 1,
    ("part", "nameserver"): 1,
}

#: An evaluation that was lost so often is spared: a third loss would rightly make it `failed`.
SPARED_AT = 2


@dataclass(frozen=True)
class Event:
    """One trick: what, to whom, and when (Unix time)."""

    trick: str
    kind: str
    name: str
    at: float


@dataclass
class Monkey:
    """Does one trick after another; the tricks follow from the seed, what they hit depends on the machine's pace.

    Attributes:
        lab: Its victims.
        seed: Of its tricks.
        pause_s: Shortest and longest time between two tricks.
        cut_s: How long hosts are parted.
        events: What it did.
    """

    lab: Lab
    seed: int
    pause_s: tuple[float, float]
    cut_s: float
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._busy: set[str] = set()
        self._next = time.monotonic() + self._random.uniform(*self.pause_s)

    def tick(self, mischief: bool) -> None:
        """Undoes what is due to be undone, and does the next trick if it is time and ``mischief`` is wanted."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        if mischief and now >= self._next:
            self._next = now + self._random.uniform(*self.pause_s)
            self._do()

    @property
    def quiet(self) -> bool:
        """Whether nothing is left to be undone."""
        return not self._due

    def _do(self) -> None:
        tricks = [key for key in TRICKS if self.lab.network.reason is None or key[0] != "part"]
        trick, kind = self._random.choices(tricks, [TRICKS[key] for key in tricks])[0]
        candidates = [p for p in self.lab.processes.values() if p.kind == kind and p.alive and p.name not in self._busy]
        delay_s = self._random.uniform(0.2, 2.0)
        if not candidates:
            return
        victim = self._random.choice(candidates)
        if kind == "worker" and self.lab.lost_before(victim) >= SPARED_AT:
            return
        self.events.append(Event(trick, kind, victim.name, time.time()))
        self._busy.add(victim.name)
        assert victim.popen is not None
        if trick in ("kill", "terminate"):
            victim.deaths_due += 1
            victim.popen.send_signal(signal.SIGKILL if trick == "kill" else signal.SIGTERM)
            self._later(delay_s, lambda: self._restart(victim))
        elif trick == "freeze":
            popen = victim.popen
            popen.send_signal(signal.SIGSTOP)
            self._later(LEASE_S * 1.6, lambda: self._done(victim, lambda: popen.send_signal(signal.SIGCONT)))
        else:
            self.lab.network.cut(victim.host)
            self._later(self.cut_s, lambda: self._done(victim, lambda: self.lab.network.heal(victim.host)))

    def _restart(self, victim: Process) -> None:
        self.lab.look()
        if victim.popen is not None:  # SIGTERM is still being obeyed.
            self._later(0.2, lambda: self._restart(victim))
            return
        if not victim.completed:
            self.lab.again(victim)
        self._busy.discard(victim.name)

    def _done(self, victim: Process, undo: Callable[[], None]) -> None:
        undo()
        self._busy.discard(victim.name)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay_s, next(self._order), action))
