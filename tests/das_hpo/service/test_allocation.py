"""What a worker is given: batches of one shape, what got lost on the way, and nothing that another should take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from das_hpo.service.allocation import DRY_S, WARN_EVERY_S, WorkAllocator
from das_hpo.service.leases import LeaseTable
from das_hpo.service.reports import AGAIN_S
from das_hpo.service.worker_registry import WorkerRegistry
from tests.clocks import by_hand
from tests.service.conftest import ListQueue
from workers.transport.messages import DONE, WAIT, WORK, Answer, Caller


class Allocation:
    """An allocator with its table and registry, over a list of evaluations."""

    def __init__(self, count: int) -> None:
        self.queue = ListQueue(count)
        self.table = LeaseTable()
        self.registry = WorkerRegistry(30.0, [])
        self.allocator = WorkAllocator(self.queue, self.table, self.registry, 30.0)

    def ask(self, name: str = "w", capacity: int = 1, holding: tuple[str, ...] = ()) -> Answer:
        """A worker of that name asks for work."""
        caller = Caller(name, "host", 1, "cpu", "0", f"session of {name}", holding)
        self.registry.hear(caller)
        return self.allocator.answer(caller, capacity, "")


def test_a_batch_is_of_one_shape() -> None:
    """Evaluations of another shape are queued, and come first in the next claim."""
    made = Allocation(4)
    plain = made.queue.evaluation
    made.queue.evaluation = lambda number: replace(  # type: ignore[method-assign]
        plain(number), spec=replace(plain(number).spec, budget=1.0 + number % 2)
    )
    first = made.ask(capacity=4)
    assert [item.spec.seed for item in first.work] == [0, 2]
    assert [item.spec.seed for item in made.ask("other", capacity=4).work] == [1, 3]
    assert made.table.running == 4


def test_work_whose_answer_was_lost_is_sent_again() -> None:
    """Under the same token, as no new attempt."""
    made = Allocation(3)
    [lost] = made.ask().work
    assert made.ask().work == (lost,)
    [following] = made.ask(holding=(lost.token,)).work
    assert following.spec.seed == 1
    assert len(made.queue.attempts) == 2


def test_a_dry_queue_is_asked_again_after_a_while_or_a_change() -> None:
    """Many workers wait at the end of a rung, and each question costs a transaction."""
    made = Allocation(1)
    asked: list[str] = []
    made.queue.raises = asked.append
    with by_hand() as hands:
        made.ask()
        assert made.ask("second").status == WAIT
        asked.clear()
        assert made.ask("third").status == WAIT
        assert asked == []
        made.allocator.changed()
        made.ask("third")
        assert asked == ["next", "commit"]
        hands.now += DRY_S + 0.1
        made.ask("third")
        assert asked == ["next", "commit"] * 2


@pytest.mark.parametrize("where", ["next", "started", "commit"])
def test_an_error_of_the_queue_makes_the_worker_wait_and_loses_nothing(where: str) -> None:
    """The same evaluation is given to the next worker that asks."""
    made = Allocation(2)

    def fail(at: str) -> None:
        if at == where:
            raise OSError("the disk is full")

    made.queue.raises = fail
    answer = made.ask()
    assert (answer.status, answer.work) == (WAIT, ())
    assert where != "commit" or answer.wait_s == AGAIN_S
    assert made.table.running == 0
    made.queue.raises = lambda where: None
    made.allocator.changed()
    assert [item.spec.seed for item in made.ask("other", capacity=2).work] == [0, 1]


def test_what_failed_on_a_worker_goes_to_another_as_long_as_one_lives() -> None:
    """And back to the same one if there is no other."""
    made = Allocation(1)
    [work] = made.ask().work
    made.table.retire(made.table.leases[work.token], counts=True, stop=False, requeue=True)
    assert made.ask().status == WORK  # nobody else is there
    made = Allocation(1)
    [work] = made.ask().work
    assert made.ask("other").status == WAIT
    made.table.retire(made.table.leases[work.token], counts=True, stop=False, requeue=True)
    assert made.ask().status == WAIT
    assert made.ask("other").status == WORK


def test_a_paused_allocator_gives_nothing_and_a_queue_that_is_done_sends_workers_on() -> None:
    """Paused workers wait; those of a run that is done need not ask again soon."""
    made = Allocation(1)
    made.allocator.paused = True
    assert made.ask().status == WAIT
    made.allocator.paused = False
    made.queue.failed.add(0)
    assert made.ask().status == DONE


def test_waiting_evaluations_are_named_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """From the second minute on, and not while a worker computes."""
    made = Allocation(1)
    for second in range(0, 150, 10):
        made.allocator.warn_of_waiting(float(second))
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"all evaluations have waited for a worker for {n} s: none is alive" for n in (60, 120)]
    assert WARN_EVERY_S == 60.0
    caplog.clear()
    made.ask()
    for second in range(200, 350, 10):
        made.allocator.warn_of_waiting(float(second))
    assert not caplog.records
