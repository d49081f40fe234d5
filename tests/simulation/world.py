# ruff: noqa: D102
"""A world with virtual time: processes made of greenlets; one runs at a time, in an order that a seed decides."""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from spaces.clock import Clock

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


#: No scenario needs so many, and so many more a second of its time, in which workers without work ask for some:
#: something goes round and round.
MOST_EVENTS = 100_000
MOST_EVENTS_PER_S = 400


class Killed(BaseException):
    """Unwinds the stack of a process that was killed; what it would still do is refused."""


class Process:
    """A process: its greenlets live, stand still and die together."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.frozen = False
        self.threads: list[Thread] = []
        self.parked: deque[Callable[[], None]] = deque()
        self.monotonic_base = world.chance.uniform(0, 1e5)
        self.wall_offset_s = 0.0
        self.when_killed: list[Callable[[], None]] = []
        world.processes.append(self)

    def spawn(self, body: Callable[[], None], label: str) -> Thread:
        """Starts a thread of it."""
        thread = Thread(self, body, label)
        self.threads.append(thread)
        self.world.after(0.0, partial(self.world.resume, thread, thread.ticket, None))
        return thread

    def freeze(self) -> None:
        """It stands still (SIGSTOP), until :meth:`thaw`."""
        if self.alive and not self.frozen:
            self.frozen = True
            self.world.say(f"{self.name} is frozen")

    def thaw(self) -> None:
        """It goes on (SIGCONT)."""
        if self.frozen:
            self.frozen = False
            self.world.say(f"{self.name} goes on")
            while self.parked:
                self.world.after(0.0, self.parked.popleft())

    def kill(self) -> None:
        """It ends at once (SIGKILL): nothing that it would do afterwards has an effect."""
        if not self.alive:
            return
        self.alive = False
        self.world.say(f"{self.name} is killed")
        here = getcurrent()
        if here is self.world.hub:
            self.unwind()
            return
        self.world.after(0.0, self.unwind)
        if here in self.threads:
            raise Killed

    def unwind(self) -> None:
        """Ends its greenlets, and gives back what it held."""
        for thread in self.threads:
            if thread.started and not thread.dead:
                thread.throw(Killed)
        for clean_up in self.when_killed:
            clean_up()
        self.when_killed.clear()

    def end(self) -> None:
        """It has ended by itself."""
        self.alive = False


class Thread(greenlet):
    """A greenlet of a process."""

    def __init__(self, process: Process, body: Callable[[], None], label: str) -> None:
        super().__init__(self._run_body, parent=process.world.hub)
        self.process = process
        self.label = label
        self.ticket = 0
        self.started = False
        self._body = body

    def _run_body(self, _: object = None) -> None:
        self.started = True
        try:
            self._body()
        except (Killed, GreenletExit):
            pass
        except BaseException as error:  # noqa: BLE001 (every escape is a finding)
            self.process.world.found(f"{self.process.name} {self.label} raised {type(error).__name__}: {error}", error)


class World:
    """Virtual time, and what happens when.

    Args:
        seed: Everything that is drawn follows from it.
        trace: Keeps what happens, to be read.
    """

    def __init__(self, seed: object, trace: bool = False) -> None:
        self.now = 0.0
        self.chance = random.Random(f"{seed} world")
        self.hub = getcurrent()
        self.trace: list[str] = []
        self.violations: list[str] = []
        self.cause: BaseException | None = None
        self.events = 0
        self._tracing = trace
        self.processes: list[Process] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Has something happen at a time."""
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Has something happen in so many seconds."""
        self.at(self.now + seconds, what)

    def run(self, until: float, done: Callable[[], bool]) -> bool:
        """Lets things happen until all is done; False if that has not come by then."""
        while self._heap and not self.violations:
            when, _, what = heapq.heappop(self._heap)
            if when > until:
                return False
            self.now = when
            self.events += 1
            if self.events > MOST_EVENTS + MOST_EVENTS_PER_S * self.now:
                self.found(f"more than {self.events} events")
            what()
            if done():
                return True
        return False

    def park(self, seconds: float | None = None) -> Any:
        """The present thread waits to be woken, for so long at most; returns what it is woken with, or None."""
        thread = self._here()
        thread.ticket += 1
        if seconds is not None:
            self.after(max(0.0, seconds), partial(self.resume, thread, thread.ticket, None))
        return self.hub.switch()

    def sleep(self, seconds: float) -> None:
        """The present thread sleeps."""
        self.park(seconds)

    def wake(self, thread: Thread, value: Any = True) -> None:
        """A parked thread goes on, with that value."""
        self.after(0.0, partial(self.resume, thread, thread.ticket, value))

    def resume(self, thread: Thread, ticket: int, value: Any) -> None:
        """A thread goes on, unless it has done so for another reason."""
        process = thread.process
        if thread.dead or thread.ticket != ticket or not process.alive:
            return
        if process.frozen:
            process.parked.append(partial(self.resume, thread, ticket, value))
            return
        thread.ticket += 1
        thread.switch(value)

    def _here(self) -> Thread:
        here = getcurrent()
        if not isinstance(here, Thread) or not here.process.alive:
            raise Killed
        return here

    @property
    def process(self) -> Process | None:
        """The process that runs now."""
        here = getcurrent()
        return here.process if isinstance(here, Thread) else None

    def stand_still(self) -> None:
        """The present process is frozen where it is; returns when it goes on."""
        process = self._here().process
        process.freeze()
        self.park(0.0)

    def say(self, text: str) -> None:
        """Something for the trace."""
        if self._tracing:
            self.trace.append(f"{self.now:10.3f}  {text}")

    def found(self, text: str, cause: BaseException | None = None) -> None:
        """What must never happen has happened: the simulation ends."""
        self.say(f"VIOLATION {text}")
        self.violations.append(text)
        self.cause = self.cause or cause

    def close(self) -> None:
        """Ends all that is left: a greenlet that waits for ever would keep everything that it refers to."""
        for process in self.processes:
            process.kill()
            process.unwind()
        self._heap.clear()


class VirtualClock(Clock):
    """The clocks of the process that runs now: each machine has its own, and the time of day may jump."""

    def __init__(self, world: World) -> None:
        self._world = world

    def monotonic(self) -> float:
        """Seconds since that machine began."""
        process = self._world.process
        return self._world.now + (0.0 if process is None else process.monotonic_base)

    def boottime(self) -> float:
        """The same: no machine sleeps here."""
        return self.monotonic()

    def utc(self) -> datetime:
        """The machine's time of day."""
        process = self._world.process
        offset_s = 0.0 if process is None else process.wall_offset_s
        return EPOCH + timedelta(seconds=self._world.now + offset_s)

    def event(self) -> threading.Event:
        """A virtual one."""
        return VirtualEvent(self._world)  # type: ignore[return-value]

    def condition(self) -> threading.Condition:
        """A virtual one."""
        return VirtualCondition(self._world)  # type: ignore[return-value]


class VirtualEvent:
    """As :class:`threading.Event`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._set = False
        self._waiting: list[Thread] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        waiting, self._waiting = self._waiting, []
        for thread in waiting:
            self._world.wake(thread)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            here = self._world._here()
            self._waiting.append(here)
            self._world.park(timeout)
            if here in self._waiting:  # it was not set: a later set() must not wake the thread from another wait
                self._waiting.remove(here)
        return self._set


class VirtualCondition:
    """As :class:`threading.Condition` with a reentrant lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owner: Thread | None = None
        self._depth = 0
        self._entering: deque[Thread] = deque()
        self._waiting: list[Thread] = []

    def __enter__(self) -> bool:
        here = getcurrent()
        if self._owner is here:
            self._depth += 1
            return True
        if not isinstance(here, Thread):  # the hub looks at what nobody has
            return True
        while self._owner is not None:
            self._entering.append(here)
            self._world.park()
        self._owner, self._depth = here, 1
        return True

    def __exit__(self, *_: object) -> None:
        if self._owner is not getcurrent():
            return
        self._depth -= 1
        if self._depth == 0:
            self._leave()

    def _leave(self) -> None:
        self._owner = None
        if self._entering:
            self._world.wake(self._entering.popleft())

    def wait(self, timeout: float | None = None) -> bool:
        here = self._world._here()
        depth, self._depth = self._depth, 0
        self._leave()
        self._waiting.append(here)
        woken = self._world.park(timeout)
        if here in self._waiting:
            self._waiting.remove(here)
        self.__enter__()
        self._depth = depth
        return bool(woken)

    def notify_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for thread in waiting:
            self._world.wake(thread)
