"""A seeded monkey that kills, stops and parts processes, and has them back a moment later."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.chaos.database import PostgresDatabase
from tests.chaos.lab import LEASE_S, Lab, Process

#: What the monkey does to each kind of thing, and how often in proportion.
Tricks = Mapping[tuple[str, str], int]

TRICKS: Tricks = {
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
    ("freeze within a transaction", "master"): 2,
    ("freeze and supersede", "master"): 1,
    ("lose the answer to", "commit"): 3,
    ("close", "connections"): 1,
}

#: What costs no worker its evaluation.
HARMLESS = ("nameserver", "commit", "connections")

#: For so long a master stands still in whose place another is started: until that one has its run. It is not done
#: again before as much time again has passed.
SUPERSEDED_S = 30.0

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
        tricks: What it does: each trick once, then as often as their proportions say.
        most: How many tricks it does at most.
        events: What it did.
        begun: Unix time of its begin.
    """

    lab: Lab
    seed: int
    pause_s: tuple[float, float]
    cut_s: float
    tricks: Tricks = field(default_factory=lambda: TRICKS)
    most: float = math.inf
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = time.time()
        self._random = random.Random(self.seed)
        self._untried = self._random.sample(list(self.tricks), len(self.tricks))
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._busy: set[str] = set()
        self._next = time.monotonic() + self._random.uniform(*self.pause_s)
        self._supersede_from = 0.0

    def tick(self, mischief: bool) -> None:
        """Undoes what is due to be undone, and does the next trick if it is time and ``mischief`` is wanted."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        if mischief and now >= self._next and len(self.events) < self.most:
            self._next = now + self._random.uniform(*self.pause_s)
            self._do()

    @property
    def quiet(self) -> bool:
        """Whether nothing is left to be undone."""
        return not self._due

    def _do(self) -> None:
        tricks = [key for key in self.tricks if self._can(*key)]
        if not tricks:
            return
        untried = [key for key in self._untried if key in tricks]
        trick, kind = untried[0] if untried else self._random.choices(tricks, [self.tricks[key] for key in tricks])[0]
        delay_s = self._random.uniform(0.2, 2.0)
        drawn = self._random.random()
        if kind not in HARMLESS and self.lab.failures_before() >= SPARED_AT:
            return
        if untried:
            self._untried.remove((trick, kind))
        if kind in ("commit", "connections"):
            self._disturb_database(trick, kind)
            return
        candidates = [p for p in self.lab.processes.values() if p.kind == kind and self._is_free(p)]
        if not candidates:
            return
        victim: Process | None = candidates[int(drawn * len(candidates))]
        if "transaction" in trick or ("supersede" in trick and self.lab.database.kind == "postgresql"):
            victim = self._freeze_within_a_transaction(begun="supersede" in trick)
        if victim is None:
            return
        self.events.append(Event(trick, kind, victim.name, time.time()))
        self._busy.add(victim.name)
        self._hit(victim, trick, delay_s)

    def _can(self, trick: str, kind: str) -> bool:
        """Whether this lab can have it, now."""
        if trick == "part":
            return self.lab.network.reason is None
        if kind in ("commit", "connections"):
            return isinstance(self.lab.database, PostgresDatabase)
        return "supersede" not in trick or time.monotonic() >= self._supersede_from

    def _is_free(self, process: Process) -> bool:
        return process.alive and process.name not in self._busy

    def _hit(self, victim: Process, trick: str, delay_s: float) -> None:
        popen = victim.popen
        assert popen is not None
        if trick in ("kill", "terminate"):
            victim.deaths_due += 1
            popen.send_signal(signal.SIGKILL if trick == "kill" else signal.SIGTERM)
            self._later(delay_s, lambda: self._restart(victim))
        elif trick == "part":
            self.lab.network.cut(victim.host)
            self._later(self.cut_s, lambda: self._done(victim, lambda: self.lab.network.heal(victim.host)))
        elif trick == "freeze and supersede":
            self._supersede_from = time.monotonic() + 2 * SUPERSEDED_S
            popen.send_signal(signal.SIGSTOP)
            self.lab.supersede(victim, SUPERSEDED_S)
            self._later(SUPERSEDED_S, lambda: popen.send_signal(signal.SIGCONT))
            self._look_after(victim, time.monotonic() + SUPERSEDED_S + 20.0)
        else:
            popen.send_signal(signal.SIGSTOP)
            self._later(LEASE_S * 1.6, lambda: self._done(victim, lambda: popen.send_signal(signal.SIGCONT)))

    def _disturb_database(self, trick: str, kind: str) -> None:
        database = self.lab.database
        assert isinstance(database, PostgresDatabase)
        if kind == "commit":
            database.proxy.swallow_a_commit()
        else:
            database.proxy.close_connections()
        self.events.append(Event(trick, kind, "database", time.time()))

    def _freeze_within_a_transaction(self, *, begun: bool) -> Process | None:
        masters = [process for process in self.lab.processes.values() if process.kind == "master"]
        free = {process.popen.pid: process for process in masters if process.popen and self._is_free(process)}
        return free.get(self.lab.database.freeze_within_a_transaction(lambda pid: pid in free, begun=begun))

    def _look_after(self, successor: Process, until: float) -> None:
        """Starts a successor again that ends since the other master still has the run."""
        self.lab.look()
        if successor.popen is None and not successor.completed:
            self.lab.again(successor)
        if successor.completed or time.monotonic() > until:
            self.lab.may_end.discard(successor.name)
            self._busy.discard(successor.name)
            return
        self._later(1.0, lambda: self._look_after(successor, until))

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
