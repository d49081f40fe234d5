"""Configurations, evaluations and attempts: each exists once, and an attempt ends once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spaces.errors import (
    StorageError,
    UnknownNameError,
)
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec
from storage import queries, writes
from storage.engine import Database, Session
from storage.entries import NewEvaluation, NewOutcome, WorkerInfo

Raw = Callable[[str], list[tuple[Any, ...]]]


def test_a_transaction_that_raises_leaves_nothing(database: Database, samples: Any, raw: Raw) -> None:
    """All of a transaction's writes are there, or none."""

    def fail() -> None:
        with database.begin() as session:
            samples.queue(session, writes.create_run(session, samples.run()))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert raw("SELECT count(*) FROM runs") == raw("SELECT count(*) FROM evaluations") == [(0,)]


@pytest.mark.parametrize(
    "repeated",
    ["configuration", "evaluation", "token"],
)
def test_what_is_unique_is_refused_twice(
    database: Database, samples: Any, evaluation: int, repeated: str, raw: Raw
) -> None:
    """A configuration, an evaluation and a token exist once; the transaction of the second is undone."""
    with database.begin() as session:
        run_id = queries.require_run(session, "first")
        other = samples.queue(session, run_id, 1)
        writes.start_attempt(session, evaluation, "token", samples.worker)
    before = raw("SELECT count(*) FROM attempts")
    again: dict[str, Callable[[Session], int]] = {
        "configuration": lambda session: writes.add_configuration(session, run_id, samples.configuration(0)),
        "evaluation": lambda session: writes.queue_evaluation(
            session, run_id, NewEvaluation(ConfigurationId(0, 0, 0), 0, TrialSpec("inverse-1d", {}, 5.0, 7))
        ),
        "token": lambda session: writes.start_attempt(session, other, "token", samples.worker),
    }
    with pytest.raises(StorageError, match="refused"), database.begin() as session:
        again[repeated](session)
    assert raw("SELECT count(*) FROM attempts") == before
    assert raw("SELECT count(*) FROM evaluations WHERE status = 'running'") == [(1,)]


def test_an_evaluation_needs_its_configuration(database: Database, samples: Any) -> None:
    """Without the configuration the evaluation is refused by its id."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
    with pytest.raises(StorageError, match=r"no configuration 1-0-3"), database.begin() as session:
        writes.queue_evaluation(
            session, run_id, NewEvaluation(ConfigurationId(1, 0, 3), 0, TrialSpec("inverse-1d", {}, 5.0, 7))
        )


def test_a_lost_attempt_is_tried_again(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """The evaluation is queued again, without a worker; the third loss makes it failed, with its sequence."""
    for number in (1, 2, 3):
        with database.begin() as session:
            assert writes.start_attempt(session, evaluation, f"token-{number}", samples.worker) == number
            assert writes.end_attempt(session, f"token-{number}", "lost", "no heartbeat", final=number == 3)
        (row,) = queries.results(database)
        assert (row.status, row.attempts) == ("queued" if number < 3 else "failed", number)
        assert (row.worker, row.started_at is None) == ((None, True) if number < 3 else ("worker-1", False))
    assert raw("SELECT status, sequence, loss, message FROM results") == [("failed", 1, None, "no heartbeat")]
    assert raw("SELECT number, status FROM attempts ORDER BY number") == [(1, "lost"), (2, "lost"), (3, "lost")]


def test_an_attempt_ends_once(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """What is not running cannot be lost: neither twice, nor after its outcome, nor without a start."""
    with database.begin() as session:
        assert not writes.end_attempt(session, "none", "lost", None, final=True)
        writes.start_attempt(session, evaluation, "a", samples.worker)
        assert writes.end_attempt(session, "a", "handed-back", "SIGTERM", final=False)
        assert not writes.end_attempt(session, "a", "lost", None, final=True)
        writes.start_attempt(session, evaluation, "b", samples.worker)
        assert writes.record_outcome(session, NewOutcome("b", samples.outcome(), -20.0, 1.0))
        assert not writes.end_attempt(session, "b", "lost", None, final=True)
    assert raw("SELECT status FROM evaluations") == [("completed",)]
    with pytest.raises(UnknownNameError, match="valid are lost, handed-back, error"), database.begin() as session:
        writes.end_attempt(session, "b", "gone", None, final=False)


def test_only_queued_evaluations_start(database: Database, samples: Any, evaluation: int) -> None:
    """A running evaluation is not given out twice, and one that is not there not at all."""
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "a", samples.worker)
    with pytest.raises(StorageError, match="is running: only queued ones start"), database.begin() as session:
        writes.start_attempt(session, evaluation, "b", samples.worker)
    with pytest.raises(StorageError, match="is not in this database"), database.begin() as session:
        writes.start_attempt(session, 999, "b", samples.worker)


def test_a_worker_is_a_process(database: Database, samples: Any, raw: Raw) -> None:
    """The same process is one row however often it works; another process of its name is another."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number, pid in enumerate((1, 1, 2)):
            worker = WorkerInfo("w", "h", pid, "cpu", "0.1.0")
            samples.finish(session, samples.queue(session, run_id, number), samples.outcome(), worker)
    assert raw("SELECT name, pid FROM workers ORDER BY id") == [("w", 1), ("w", 2)]
    assert [worker.pid for worker in queries.workers(database)] == [1, 2]
