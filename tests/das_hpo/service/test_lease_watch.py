"""Leases end by themselves, but not because the dispatcher's own process stood still."""

from __future__ import annotations

import pytest

from das_hpo.service.admission import Admission
from das_hpo.service.deadlines import Deadlines
from das_hpo.service.lease_manager import LeaseManager
from das_hpo.service.lease_watch import LeaseWatch
from tests.clocks import by_hand
from tests.service.conftest import ListQueue
from workers.transport.messages import Caller

CALLER = Caller("w", "host", 1, "cpu", "0", "s")


@pytest.mark.parametrize(("frozen", "lost"), [(False, 1), (True, 0)], ids=["the worker is silent", "we stood still"])
def test_a_silent_worker_loses_its_lease_unless_nobody_could_hear_it(frozen: bool, lost: int) -> None:
    """Forty seconds pass: tick by tick, or in one gap."""
    queue = ListQueue(1)
    with by_hand() as hands:
        manager = LeaseManager(queue, Admission("run", "0"), lease_s=30.0, deadlines=Deadlines())
        watch = LeaseWatch(manager, 30.0)
        assert manager.claim(CALLER, 1).work
        for _ in range(1 if frozen else 40):
            hands.now += 40.0 if frozen else 1.0
            watch.tick()
        assert len(queue.losses) == lost
        assert manager.running == 1 - lost
        hands.now += 1.0
        watch.tick()
        assert len(queue.losses) == lost


def test_an_error_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A database that cannot be written for a moment does not end the watch."""
    queue = ListQueue(1)
    with by_hand() as hands:
        manager = LeaseManager(queue, Admission("run", "0"), lease_s=5.0, deadlines=Deadlines())
        watch = LeaseWatch(manager, 5.0)
        manager.claim(CALLER, 1)

        def fail(where: str) -> None:
            raise OSError("the disk is full")

        queue.raises = fail
        for _ in range(12):
            hands.now += watch.every_s
            watch.tick()
        assert manager.running == 1
        assert "could not be recorded" in caplog.text
        queue.raises = lambda where: None
        hands.now += watch.every_s
        watch.tick()
        assert (manager.running, len(queue.losses)) == (0, 1)
