"""A clock that a test sets by hand, so that minutes pass in no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spaces import clock


class HandClock(clock.Clock):
    """Stands still until its ``now`` is changed."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        """The time that the test has set."""
        return self.now


@contextmanager
def by_hand() -> Iterator[HandClock]:
    """Everything goes by such a clock while the block lasts."""
    made = HandClock()
    with clock.replaced(made):
        yield made
