"""The reference suite of what is written, over both kinds of database; checked with the drivers alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from spaces.errors import (
    InvalidValueError,
    RunExistsError,
    RunMissingError,
    StorageError,
    UnknownNameError,
)
from spaces.identity import ConfigurationId
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from storage import queries, writes
from storage.engine import Database, Session
from storage.entries import NewEvaluation, NewOutcome, WorkerInfo

Raw = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def evaluation(database: Database, samples: Any) -> int:
    """A queued evaluation of the run ``first``."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        return int(samples.queue(session, run_id))


def test_a_run_is_stored_as_given(database: Database, samples: Any, raw: Raw) -> None:
    """Every setting comes back, also the largest seed and nested settings."""
    with database.begin() as session:
        writes.create_run(session, samples.run())
    assert raw("SELECT name, kind, status, seed, sequence FROM runs") == [("first", "run", "running", 2**63 - 1, 0)]
    stored = queries.run(database, "first")
    assert stored.settings == samples.run().settings
    assert stored.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("status", "leased", "message"),
    [
        ("interrupted", False, "continue it with `das-hpo resume first`"),
        ("running", False, "continue it with `das-hpo resume first`"),
        ("running", True, "running already"),
        ("completed", False, "taken by a completed run"),
        ("failed", False, "taken by a failed run"),
    ],
)
def test_a_taken_name_is_refused(
    database: Database, samples: Any, raw: Raw, status: str, leased: bool, message: str
) -> None:
    """The error says by what the name is taken, and names resume where that is what is wanted."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        writes.set_run_status(session, run_id, status)
        if leased:
            assert writes.take_lease(session, run_id, "master-1", 60)
    with pytest.raises(RunExistsError, match=message), database.begin() as session:
        writes.create_run(session, samples.run())
    assert raw("SELECT count(*) FROM runs") == [(1,)]


def test_status_of_a_run(database: Database, samples: Any) -> None:
    """A completed run has its end, an interrupted one that is continued has none; unknown words are refused."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        writes.set_run_status(session, run_id, "interrupted", "Ctrl-C")
    assert queries.run(database, "first").message == "Ctrl-C"
    assert queries.run(database, "first").finished_at is None
    with database.begin() as session:
        writes.set_run_status(session, run_id, "completed")
    stored = queries.run(database, "first")
    assert (stored.status, stored.message) == ("completed", None)
    assert stored.finished_at is not None
    assert stored.finished_at >= stored.created_at
    words = "valid are running, completed, interrupted, failed"
    with pytest.raises(UnknownNameError, match=words), database.begin() as session:
        writes.set_run_status(session, run_id, "paused")
    with pytest.raises(RunMissingError, match="id 999"), database.begin() as session:
        writes.set_run_status(session, 999, "failed")


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


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET status = 'done'",
        "UPDATE evaluations SET status = 'lost'",
        "UPDATE evaluations SET status = 'completed'",
        "UPDATE evaluations SET sequence = 1",
        "UPDATE evaluations SET loss = 1.0",
        "UPDATE evaluations SET budget = 0",
        "UPDATE evaluations SET run_id = 99",
        "UPDATE evaluations SET configuration_id = 99",
        "UPDATE evaluations SET worker_id = 99",
        "UPDATE configurations SET origin = 'guess'",
        "UPDATE configurations SET hyperparameters = NULL",
        "UPDATE runs SET lease_owner = 'me'",
        "INSERT INTO epochs (evaluation_id, phase, epoch) VALUES (99, 'search', 1)",
    ],
)
def test_the_database_itself_refuses_what_cannot_be(
    database: Database, samples: Any, evaluation: int, raw: Raw, statement: str
) -> None:
    """Unknown words, dangling references and contradictions are refused whoever writes them."""
    with pytest.raises(Exception, match=r"(?i)constraint"):
        raw(statement)
    assert raw("SELECT status FROM evaluations") == [("queued",)]


def test_an_evaluation_needs_its_configuration(database: Database, samples: Any) -> None:
    """Without the configuration the evaluation is refused by its id."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
    with pytest.raises(StorageError, match=r"no configuration 1-0-3"), database.begin() as session:
        writes.queue_evaluation(
            session, run_id, NewEvaluation(ConfigurationId(1, 0, 3), 0, TrialSpec("inverse-1d", {}, 5.0, 7))
        )


def test_an_outcome_is_stored_as_given(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """Status, sequence, PSNRs, architecture, worker and learning curves of a completed trial."""
    outcome = samples.outcome()
    with database.begin() as session:
        assert writes.start_attempt(session, evaluation, "token", samples.worker) == 1
    assert raw("SELECT status, worker, attempts FROM results") == [("running", "worker-1", 1)]
    with database.begin() as session:
        assert writes.record_outcome(session, NewOutcome("token", outcome, -20.0, 2.5))
    assert raw(
        "SELECT status, sequence, loss, one_shot_psnr, architecture_psnr, parameters, kernel, device, duration_s,"
        " architecture, worker, attempts FROM results"
    ) == [("completed", 1, -20.0, 20.0, 19.0, 970, "fused", "cpu", 2.5, outcome.architecture, "worker-1", 1)]
    assert raw("SELECT status, number FROM attempts") == [("completed", 1)]
    retrain, search = queries.epochs(database, "first")
    assert (search.phase, search.epoch, search.alpha) == ("search", 1, ((0.25, 0.75), (0.1, 0.9)))
    assert (retrain.training_loss, retrain.validation_loss, retrain.alpha) == (0.4, None, None)


def test_a_second_report_changes_nothing(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """The first outcome stays, however often and whatever is reported afterwards."""
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "token", samples.worker)
        assert writes.record_outcome(session, NewOutcome("token", samples.outcome(20.0), -20.0, 2.5))
    before = raw("SELECT * FROM results"), raw("SELECT * FROM attempts"), raw("SELECT * FROM runs")
    for psnr in (20.0, 30.0):
        with database.begin() as session:
            assert not writes.record_outcome(session, NewOutcome("token", samples.outcome(psnr), -psnr, 9.0))
    assert (raw("SELECT * FROM results"), raw("SELECT * FROM attempts"), raw("SELECT * FROM runs")) == before


def test_a_diverged_trial_has_no_loss(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """Its loss is NULL, also where the model was told a finite one, and the reason is kept."""
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "token", samples.worker)
        assert writes.record_outcome(session, NewOutcome("token", samples.diverged(), 1000.0, 0.1))
    assert raw("SELECT status, loss, one_shot_psnr, architecture_psnr, message FROM results") == [
        ("diverged", None, None, None, "the loss became infinite in step 3")
    ]


def test_curves_of_a_diverged_trial_hold_no_infinities(
    database: Database, samples: Any, evaluation: int, raw: Raw
) -> None:
    """Infinite and NaN values of the curve are NULL, in alpha too."""
    points = (
        Epoch("search", 1, math.inf, math.nan, -math.inf, 1.0, ((math.nan, 0.5),)),
        Epoch("search", 2, 1.0, 2.0),
    )
    outcome = TrialOutcome("diverged", None, None, None, None, points)
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "token", samples.worker)
        writes.record_outcome(session, NewOutcome("token", outcome, None, 0.1))
    assert raw(
        "SELECT training_loss, training_score, validation_loss, validation_score FROM epochs ORDER BY epoch"
    ) == [
        (None, None, None, 1.0),
        (1.0, 2.0, None, None),
    ]
    assert queries.epochs(database, "first")[0].alpha == ((None, 0.5),)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_are_refused(
    database: Database, samples: Any, evaluation: int, raw: Raw, value: float
) -> None:
    """A loss that is infinite or NaN is the caller's mistake and is not stored."""
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "token", samples.worker)
    with pytest.raises(InvalidValueError, match="loss must be a finite number"), database.begin() as session:
        writes.record_outcome(session, NewOutcome("token", samples.outcome(), value, 0.1))
    assert raw("SELECT status FROM results") == [("running",)]


def test_an_unknown_token_is_refused(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """A forged report names no attempt: it is refused and nothing is stored."""
    with pytest.raises(StorageError, match="no attempt has the token 'forged'"), database.begin() as session:
        writes.record_outcome(session, NewOutcome("forged", samples.outcome(), -20.0, 1.0))
    assert raw("SELECT status, loss FROM results") == [("queued", None)]


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


@pytest.mark.parametrize("restarted", [False, True], ids=["queued again", "running again"])
def test_a_lost_attempt_may_still_answer(
    database: Database, samples: Any, evaluation: int, raw: Raw, restarted: bool
) -> None:
    """A worker that was stopped for longer than its lease: its outcome is taken, its successor's is not."""
    other = WorkerInfo("worker-2", "node-2", 1, "cpu", "0.1.0")
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "first", samples.worker)
        writes.end_attempt(session, "first", "lost", "no heartbeat", final=False)
        if restarted:
            writes.start_attempt(session, evaluation, "second", other)
    with database.begin() as session:
        assert writes.record_outcome(session, NewOutcome("first", samples.outcome(20.0), -20.0, 1.0))
    with database.begin() as session:
        if restarted:
            assert not writes.record_outcome(session, NewOutcome("second", samples.outcome(30.0), -30.0, 1.0))
            assert not writes.end_attempt(session, "second", "lost", None, final=False)
    assert raw("SELECT status, one_shot_psnr, worker FROM results") == [("completed", 20.0, "worker-1")]
    expected = [("completed",), ("superseded",)] if restarted else [("completed",)]
    assert raw("SELECT status FROM attempts ORDER BY number") == expected


def test_a_failed_evaluation_takes_no_late_outcome(database: Database, samples: Any, evaluation: int, raw: Raw) -> None:
    """The master was told that it failed; what comes later would change the past."""
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "token", samples.worker)
        writes.end_attempt(session, "token", "lost", None, final=True)
        assert not writes.record_outcome(session, NewOutcome("token", samples.outcome(), -20.0, 1.0))
    assert raw("SELECT status FROM evaluations") == [("failed",)]
    assert raw("SELECT status FROM attempts") == [("lost",)]


def test_only_queued_evaluations_start(database: Database, samples: Any, evaluation: int) -> None:
    """A running evaluation is not given out twice, and one that is not there not at all."""
    with database.begin() as session:
        writes.start_attempt(session, evaluation, "a", samples.worker)
    with pytest.raises(StorageError, match="is running: only queued ones start"), database.begin() as session:
        writes.start_attempt(session, evaluation, "b", samples.worker)
    with pytest.raises(StorageError, match="is not in this database"), database.begin() as session:
        writes.start_attempt(session, 999, "b", samples.worker)


def test_sequence_counts_each_run_by_itself(database: Database, samples: Any, raw: Raw) -> None:
    """Completed, diverged and failed evaluations are numbered in the order in which they were finished."""
    with database.begin() as session:
        for name in ("a", "b"):
            run_id = writes.create_run(session, samples.run(name))
            ids = [samples.queue(session, run_id, number) for number in range(3)]
            for evaluation_id, outcome in zip(ids[::-1], (samples.outcome(), samples.diverged()), strict=False):
                samples.finish(session, evaluation_id, outcome)
            writes.start_attempt(session, ids[0], f"{name}-x", samples.worker)
            writes.end_attempt(session, f"{name}-x", "error", "out of memory", final=True)
    rows = raw("SELECT run, number, status, sequence FROM results ORDER BY run, sequence")
    for name in ("a", "b"):
        assert [row[1:] for row in rows if row[0] == name] == [
            (2, "completed", 1),
            (1, "diverged", 2),
            (0, "failed", 3),
        ]


def test_a_worker_is_a_process(database: Database, samples: Any, raw: Raw) -> None:
    """The same process is one row however often it works; another process of its name is another."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number, pid in enumerate((1, 1, 2)):
            worker = WorkerInfo("w", "h", pid, "cpu", "0.1.0")
            samples.finish(session, samples.queue(session, run_id, number), samples.outcome(), worker)
    assert raw("SELECT name, pid FROM workers ORDER BY id") == [("w", 1), ("w", 2)]
    assert [worker.pid for worker in queries.workers(database)] == [1, 2]


def test_a_deleted_run_takes_everything_along(database: Database, samples: Any, raw: Raw) -> None:
    """The foreign keys cascade down to the learning curves, and leave other runs alone."""
    with database.begin() as session:
        for name in ("a", "b"):
            run_id = writes.create_run(session, samples.run(name))
            samples.finish(session, samples.queue(session, run_id), samples.outcome())
    raw("DELETE FROM runs WHERE name = 'a'")
    for table, left in (("configurations", 1), ("evaluations", 1), ("attempts", 1), ("epochs", 2)):
        assert raw(f"SELECT count(*) FROM {table}") == [(left,)]


def test_two_masters_of_one_run_are_refused(database: Database, samples: Any) -> None:
    """Only the owner renews, the other waits until the lease has run out or was given back."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        assert writes.take_lease(session, run_id, "a", 60)
    with database.begin() as session:
        assert not writes.take_lease(session, run_id, "b", 60)
        assert not writes.renew_lease(session, run_id, "b", 60)
        assert writes.renew_lease(session, run_id, "a", 60)
        assert writes.take_lease(session, run_id, "a", 60)
        writes.release_lease(session, run_id, "b")
    held = queries.lease(database, "first")
    assert held is not None
    assert (held.owner, held.expired) == ("a", False)
    assert queries.run(database, "first").state == "running"
    with database.begin() as session:
        writes.release_lease(session, run_id, "a")
    assert queries.lease(database, "first") is None
    assert queries.run(database, "first").state == "interrupted"
    with database.begin() as session:
        assert writes.take_lease(session, run_id, "b", -1)
    held = queries.lease(database, "first")
    assert held is not None
    assert held.expired
    with database.begin() as session:
        assert writes.renew_lease(session, run_id, "b", -1), "late, but nobody took it"
        assert writes.take_lease(session, run_id, "c", 60)
        assert not writes.renew_lease(session, run_id, "b", 60)
    with pytest.raises(RunMissingError, match="id 999"), database.begin() as session:
        writes.take_lease(session, 999, "a", 60)
