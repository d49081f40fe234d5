"""The clocks that decisions and waits go by; the deterministic simulation puts virtual ones in their place.

Leases, deadlines, heartbeats and retries ask here for the time, and for what they wait with, so that years of them can
be simulated in minutes. Sockets and processes, which wait for real, keep to ``time``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class Clock:
    """The clocks of this machine."""

    def monotonic(self) -> float:
        """Seconds that only ever go on."""
        return time.monotonic()

    def boottime(self) -> float:
        """Seconds that go on while the machine sleeps, too, where the system has such a clock."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def utc(self) -> datetime:
        """The time of day, which may jump."""
        return datetime.now(UTC)

    def event(self) -> threading.Event:
        """An event whose waits go by this clock."""
        return threading.Event()

    def condition(self) -> threading.Condition:
        """A condition with a reentrant lock, whose waits go by this clock."""
        return threading.Condition(threading.RLock())


_clock = Clock()


def monotonic() -> float:
    """Seconds that only ever go on; see :meth:`Clock.monotonic`."""
    return _clock.monotonic()


def boottime() -> float:
    """Seconds that go on while the machine sleeps; see :meth:`Clock.boottime`."""
    return _clock.boottime()


def utc() -> datetime:
    """The time of day, aware, in UTC; see :meth:`Clock.utc`."""
    return _clock.utc()


def event() -> threading.Event:
    """An event to wait for; see :meth:`Clock.event`."""
    return _clock.event()


def condition() -> threading.Condition:
    """A condition to wait for; see :meth:`Clock.condition`."""
    return _clock.condition()


@contextmanager
def replaced(other: Clock) -> Iterator[None]:
    """Everything in this process goes by that clock while the block lasts."""
    global _clock
    before, _clock = _clock, other
    try:
        yield
    finally:
        _clock = before
