"""Outcomes: the first of an evaluation is stored, in the order in which the run is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from spaces.errors import (
    InvalidValueError,
    StorageError,
)
from spaces.trial import Epoch, TrialOutcome
from storage import queries, writes
from storage.engine import Database
from storage.entries import NewOutcome, WorkerInfo

Raw = Callable[[str], list[tuple[Any, ...]]]


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
