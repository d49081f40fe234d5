"""The dispatcher's books, against a plain model of them, and the deadlines."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from das_hpo.service.deadlines import Deadlines
from das_hpo.service.leases import MAX_USED, Lease, LeaseTable, new_task, new_token
from das_hpo.service.queue import Evaluation
from spaces.hyperparameters import preset
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec

SPEC = TrialSpec("inverse-1d", preset("H1").to_dict(), budget=1.0, seed=0)


def task(number: int, budget: float = 1.0):
    """An evaluation that nobody has begun."""
    return new_task(
        Evaluation(number, ConfigurationId(0, 0, number), budget, 0, replace(SPEC, seed=number, budget=budget))
    )


def lease(of, worker: str = "w", now: float = 0.0) -> Lease:
    """An attempt that ends in ten seconds."""
    return Lease(new_token(), of, worker, "s", 10.0, now, now + 10.0)


def test_what_is_put_back_comes_first():
    """In its order, before what was last."""
    ledger = LeaseTable()
    tasks = [task(number) for number in range(5)]
    for one in tasks[3:]:
        ledger.put_last(one)
    ledger.put_back(tasks[:3])
    assert [one.evaluation.id for one in ledger.take(5, lambda one: True)] == [0, 1, 2, 3, 4]


def test_a_batch_is_of_one_shape():
    """Others keep their places."""
    ledger = LeaseTable()
    for number in range(6):
        ledger.put_last(task(number, budget=1.0 + number % 2))
    assert [one.evaluation.id for one in ledger.take(2, lambda one: True)] == [0, 2]
    assert [one.evaluation.id for one in ledger.take(9, lambda one: one.evaluation.id != 1)] == [3, 5]
    assert [one.evaluation.id for one in ledger.take(9, lambda one: True)] == [1]
    assert [one.evaluation.id for one in ledger.take(9, lambda one: True)] == [4]


def test_used_tokens_are_bounded():
    """Their memory does not grow with the run."""
    ledger = LeaseTable()
    first = lease(task(0))
    ledger.grant(first)
    ledger.over(first.task)
    assert ledger.was_used(first.token)
    for number in range(1, MAX_USED + 1):
        one = lease(task(number))
        ledger.grant(one)
        ledger.over(one.task)
    assert not ledger.was_used(first.token)
    assert not ledger.leases


def test_deadlines():
    """None before three were seen; then ten times the slowest per epoch, and never less than the least."""
    deadlines = Deadlines(factor=10.0, least_s=60.0)
    assert deadlines.timeout_s(50.0) == math.inf
    for seconds in (10.0, 20.0, 5.0):
        deadlines.add(5.0, seconds)
    assert deadlines.timeout_s(50.0) == 10 * 20.0 / 5.0 * 50.0
    assert deadlines.timeout_s(50.0, together=4) == 4 * 10 * 20.0 / 5.0 * 50.0
    assert deadlines.timeout_s(0.1) == 60.0


def test_the_users_limit_holds_always():
    """Before anything was seen, and after."""
    deadlines = Deadlines(7.0)
    assert deadlines.timeout_s(50.0) == 7.0
    for _ in range(3):
        deadlines.add(1.0, 100.0)
    assert deadlines.timeout_s(50.0) == 7.0


class Books(RuleBasedStateMachine):
    """Grants, losses, reports and hand-backs in any order: no task is ever lost, doubled or finished twice."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = LeaseTable()
        self.open: dict[int, object] = {}
        self.finished: set[int] = set()
        self.tokens: list[tuple[str, int]] = []
        self.count = 0

    @rule(wanted=st.integers(1, 3), worker=st.sampled_from("abc"))
    def claim(self, wanted: int, worker: str) -> None:
        """Queued tasks first, then a new one."""
        taken = self.ledger.take(wanted, lambda one: True)
        if not taken:
            taken = [task(self.count)]
            self.open[self.count] = taken[0]
            self.count += 1
        for one in taken:
            assert one.evaluation.id not in self.finished
            granted = lease(one, worker)
            self.ledger.grant(granted)
            self.tokens.append((granted.token, one.evaluation.id))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        """Any token that was ever given out; the first of its task counts."""
        token, number = data.draw(st.sampled_from(self.tokens))
        found = self.ledger.leases.get(token)
        if number in self.finished:
            assert found is None
            assert self.ledger.was_used(token)
        else:
            assert found is not None
            self.ledger.over(found.task)
            self.finished.add(number)
            del self.open[number]

    @precondition(lambda self: self.ledger.current())
    @rule(data=st.data(), final=st.booleans())
    def lose(self, data: st.DataObject, final: bool) -> None:
        """Any attempt that is believed to be computed."""
        lost = data.draw(st.sampled_from(self.ledger.current()))
        self.ledger.retire(lost, counts=True, stop=False, requeue=not final)
        if final:
            self.finished.add(lost.task.evaluation.id)
            del self.open[lost.task.evaluation.id]

    @invariant()
    def every_open_task_is_in_one_place(self) -> None:
        """Queued, or computed once; never both, never neither."""
        computed = [one.task.evaluation.id for one in self.ledger.current()]
        queued = [one.evaluation.id for one in self.ledger._tasks]
        assert sorted(computed + queued) == sorted(self.open)
        assert self.ledger.running == len(computed)
        assert {one.task.evaluation.id for one in self.ledger.leases.values()} <= set(self.open)


Books.TestCase.settings = settings(max_examples=100)
TestBooks = Books.TestCase
