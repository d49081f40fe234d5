"""Who is alive, and how often workers without work should ask."""

from __future__ import annotations

from das_hpo.service.worker_registry import FORGET_S, QUICKEST_S, SLOWEST_S, WorkerRegistry
from storage.entries import WorkerInfo
from tests.clocks import by_hand
from workers.transport.messages import Caller


def caller(name: str, session: str = "s", device: str = "cpu") -> Caller:
    """A worker."""
    return Caller(name, "host", 1, device, "0", session)


def test_a_worker_is_alive_as_long_as_its_lease_without_a_beat() -> None:
    """A heartbeat of its own session renews that, one of another session does not."""
    with by_hand() as hands:
        registry = WorkerRegistry(30.0, [])
        registry.hear(caller("w"))
        registry.has_work("w")
        hands.now += 29.0
        registry.beat("w", "s", hands.now)
        hands.now += 29.0
        [status] = registry.statuses(lambda name: 1)
        assert (status.alive, status.silent_s, status.computing) == (True, 29.0, 1)
        registry.beat("w", "another", hands.now)
        registry.beat("nobody", "s", hands.now)
        hands.now += 2.0
        assert not registry.statuses(lambda name: 0)[0].alive


def test_an_adopted_worker_is_known_before_it_calls() -> None:
    """Its session is not: any may renew it."""
    with by_hand() as hands:
        registry = WorkerRegistry(30.0, [WorkerInfo("w", "host", 1, "cpu", "0")])
        assert (registry.session("w"), registry.session("other")) == ("", None)
        hands.now += 20.0
        registry.beat("w", "whatever", hands.now)
        hands.now += 20.0
        assert registry.statuses(lambda name: 0)[0].alive
        registry.hear(caller("w", "new", device="cuda:1"))
        assert registry.session("w") == "new"
        assert registry.info("w").device == "cuda:1"


def test_the_more_wait_the_longer_each_waits() -> None:
    """Within bounds, and spread so that not all ask at once."""
    with by_hand() as hands:
        registry = WorkerRegistry(30.0, [])
        registry.hear(caller("first"))
        assert 0.8 * QUICKEST_S <= registry.waits("first") <= 1.2 * QUICKEST_S
        for number in range(1000):
            registry.hear(caller(f"w{number}"))
            registry.waits(f"w{number}")
        registry.look(hands.now)
        waits = [registry.waits("first") for _ in range(200)]
        assert 0.8 * 5.0 <= min(waits) < max(waits) <= 1.2 * 5.01
        for number in range(1000, 10_000):
            registry.hear(caller(f"w{number}"))
            registry.waits(f"w{number}")
        registry.look(hands.now)
        assert registry.waits("first") <= 1.2 * SLOWEST_S


def test_another_worker_lives_only_if_its_session_is_another() -> None:
    """And if it has been heard from."""
    with by_hand() as hands:
        registry = WorkerRegistry(30.0, [])
        registry.hear(caller("w", "s"))
        assert not registry.lives_one_beside({"s"})
        registry.hear(caller("other", "t"))
        assert registry.lives_one_beside({"s"})
        assert not registry.lives_one_beside({"s", "t"})
        hands.now += 31.0
        registry.hear(caller("w", "s"))
        assert not registry.lives_one_beside({"s"})


def test_a_gap_in_which_nobody_could_be_heard_makes_nobody_dead() -> None:
    """Everybody gets that time on top."""
    with by_hand() as hands:
        registry = WorkerRegistry(30.0, [])
        registry.hear(caller("w"))
        hands.now += 100.0
        registry.extend(100.0)
        assert registry.statuses(lambda name: 0)[0].alive


def test_who_is_silent_for_long_is_forgotten() -> None:
    """So the list does not grow with the workers that were ever there."""
    with by_hand() as hands:
        registry = WorkerRegistry(30.0, [])
        registry.hear(caller("w"))
        hands.now += FORGET_S + 1
        registry.look(hands.now)
        assert registry.statuses(lambda name: 0) == []
        assert not registry.remove("w")
