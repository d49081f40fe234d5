"""The table of leases, against a plain model of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from das_hpo.service.leases import MAX_USED, Lease, LeaseTable, new_token, opened
from das_hpo.service.queue import Attempt, Evaluation
from spaces.hyperparameters import preset
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec
from storage.entries import WorkerInfo

SPEC = TrialSpec("inverse-1d", preset("H1").to_dict(), budget=1.0, seed=0)


def evaluation(number: int, budget: float = 1.0):
    """An evaluation that nobody has begun."""
    return opened(Evaluation(ConfigurationId(0, 0, number), 0, replace(SPEC, seed=number, budget=budget), id=number))


def lease(of, worker: str = "w", now: float = 0.0) -> Lease:
    """An attempt that ends in ten seconds."""
    attempt = Attempt(of.asked, new_token(), WorkerInfo(worker, "host", 1, "cpu", "0"))
    return Lease(attempt, of, "s", 10.0, now, now + 10.0)


def test_what_is_put_back_comes_first():
    """In its order, before what was last."""
    table = LeaseTable()
    evaluations = [evaluation(number) for number in range(5)]
    for one in evaluations[3:]:
        table.put_last(one)
    table.put_back(evaluations[:3])
    assert [one.asked.id for one in table.take(5, lambda one: True)] == [0, 1, 2, 3, 4]


def test_a_batch_is_of_one_shape():
    """Others keep their places."""
    table = LeaseTable()
    for number in range(6):
        table.put_last(evaluation(number, budget=1.0 + number % 2))
    assert [one.asked.id for one in table.take(2, lambda one: True)] == [0, 2]
    assert [one.asked.id for one in table.take(9, lambda one: one.asked.id != 1)] == [3, 5]
    assert [one.asked.id for one in table.take(9, lambda one: True)] == [1]
    assert [one.asked.id for one in table.take(9, lambda one: True)] == [4]


def test_used_tokens_are_bounded():
    """Their memory does not grow with the run."""
    table = LeaseTable()
    first = lease(evaluation(0))
    table.grant(first)
    table.over(first.evaluation)
    assert table.was_used(first.attempt.token)
    for number in range(1, MAX_USED + 1):
        one = lease(evaluation(number))
        table.grant(one)
        table.over(one.evaluation)
    assert not table.was_used(first.attempt.token)
    assert not table.leases


class Table(RuleBasedStateMachine):
    """Grants, losses, reports and hand-backs in any order: no evaluation is ever lost, doubled or finished twice."""

    def __init__(self) -> None:
        super().__init__()
        self.table = LeaseTable()
        self.open: dict[int, object] = {}
        self.finished: set[int] = set()
        self.tokens: list[tuple[str, int]] = []
        self.count = 0

    @rule(wanted=st.integers(1, 3), worker=st.sampled_from("abc"))
    def claim(self, wanted: int, worker: str) -> None:
        """Queued evaluations first, then a new one."""
        taken = self.table.take(wanted, lambda one: True)
        if not taken:
            taken = [evaluation(self.count)]
            self.open[self.count] = taken[0]
            self.count += 1
        for one in taken:
            assert one.asked.id not in self.finished
            granted = lease(one, worker)
            self.table.grant(granted)
            self.tokens.append((granted.attempt.token, one.asked.id))

    @precondition(lambda self: self.tokens)
    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        """Any token that was ever given out; the first of its evaluation counts."""
        token, number = data.draw(st.sampled_from(self.tokens))
        found = self.table.leases.get(token)
        if number in self.finished:
            assert found is None
            assert self.table.was_used(token)
        else:
            assert found is not None
            self.table.over(found.evaluation)
            self.finished.add(number)
            del self.open[number]

    @precondition(lambda self: self.table.current())
    @rule(data=st.data(), final=st.booleans())
    def lose(self, data: st.DataObject, final: bool) -> None:
        """Any attempt that is believed to be computed."""
        lost = data.draw(st.sampled_from(self.table.current()))
        self.table.retire(lost, counts=True, stop=False, requeue=not final)
        if final:
            self.finished.add(lost.evaluation.asked.id)
            del self.open[lost.evaluation.asked.id]

    @invariant()
    def every_open_evaluation_is_in_one_place(self) -> None:
        """Queued, or computed once; never both, never neither."""
        computed = [one.evaluation.asked.id for one in self.table.current()]
        queued = [one.asked.id for one in self.table._waiting]
        assert sorted(computed + queued) == sorted(self.open)
        assert self.table.running == len(computed)
        assert {one.evaluation.asked.id for one in self.table.leases.values()} <= set(self.open)


Table.TestCase.settings = settings(max_examples=100)
TestTable = Table.TestCase
