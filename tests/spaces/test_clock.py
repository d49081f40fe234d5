"""The clocks that decisions go by."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta

from spaces import clock


class Stopped(clock.Clock):
    """A clock that stands still."""

    def monotonic(self) -> float:
        """Always the same."""
        return 7.0

    def utc(self) -> datetime:
        """Always the same."""
        return datetime(2026, 1, 1, tzinfo=UTC)


def test_without_another_it_is_the_machines() -> None:
    """Monotonic seconds and an aware time of day agree with Python's own."""
    before = time.monotonic()
    assert before <= clock.monotonic() <= time.monotonic()
    assert abs(clock.utc() - datetime.now(UTC)) < timedelta(seconds=60)
    assert clock.boottime() > 0
    assert not clock.event().wait(0.0)
    with clock.condition() as held:
        assert held


def test_another_clock_counts_in_its_block_only() -> None:
    """Also where the block ends by an error."""
    with clock.replaced(Stopped()):
        assert clock.monotonic() == 7.0
        assert clock.utc().year == 2026
    with contextlib.suppress(KeyError), clock.replaced(Stopped()):
        raise KeyError
    assert clock.monotonic() != 7.0
