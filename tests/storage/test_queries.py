"""The reference suite of what is read, over both kinds of database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.hyperparameters import HYPERPARAMETERS
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec
from storage import queries, writes
from storage.engine import Database
from storage.entries import NewEvaluation
from storage.records import RESULT_COLUMNS

Raw = Callable[[str], list[tuple[Any, ...]]]

#: The columns that DESIGN.md promises, in its order.
PROMISED = [
    "run",
    "objective",
    "space",
    "operations",
    "data",
    "method",
    "iteration",
    "stage",
    "number",
    "budget",
    "replicate",
    "seed",
    "status",
    "loss",
    "one_shot_psnr",
    "architecture_psnr",
    "architecture",
    "origin",
    "worker",
    "attempts",
    "started_at",
    "finished_at",
    "duration_s",
]


@pytest.fixture
def filled(database: Database, samples: Any) -> Database:
    """Two runs: ``first`` with two budgets and every status, ``second`` with nothing."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        ids = [samples.queue(session, run_id, number) for number in range(5)]
        samples.finish(session, ids[2], samples.outcome(21.0))
        samples.finish(session, ids[0], samples.outcome(20.0))
        samples.finish(session, ids[1], samples.diverged())
        writes.start_attempt(session, ids[3], "lost", samples.worker)
        writes.end_attempt(session, "lost", "lost", "no heartbeat", final=False)
        writes.start_attempt(session, ids[3], "open", samples.worker)
        samples.finish(session, samples.queue(session, run_id, 2, 15.0), samples.outcome(18.0))
        writes.create_run(session, samples.run("second", kind="campaign", objective="architecture"))
    return database


def test_the_view_has_the_promised_columns(filled: Database, raw: Raw) -> None:
    """The contract's columns, then the hyperparameters of inverse-1d, then ours; records have the same."""
    assert list(RESULT_COLUMNS[: len(PROMISED)]) == PROMISED
    assert RESULT_COLUMNS[len(PROMISED) :][: len(HYPERPARAMETERS)] == HYPERPARAMETERS
    assert queries.sql(filled, "SELECT * FROM results").columns == RESULT_COLUMNS
    assert tuple(queries.results(filled)[0].to_dict()) == RESULT_COLUMNS


def test_results_are_the_view(filled: Database, raw: Raw, url: str) -> None:
    """Every value equals what the driver alone reads from the view; booleans and times are what they are."""
    rows = raw(f"SELECT {', '.join(RESULT_COLUMNS)} FROM results ORDER BY run, iteration, stage, number, budget")
    records = queries.results(filled)
    assert [record.number for record in records] == [0, 1, 2, 2, 3, 4]
    for record, row in zip(records, rows, strict=True):
        for name, value in zip(RESULT_COLUMNS, row, strict=True):
            mine = getattr(record, name)
            if isinstance(mine, dict) and isinstance(value, str):
                value = json.loads(value)
            if isinstance(mine, datetime):
                assert mine.utcoffset() == timedelta(0)
                if url.startswith("sqlite"):
                    value = datetime.fromisoformat(value + "+00:00")
                assert mine == value
            else:
                assert mine == value
                assert type(mine) is type(value) or isinstance(mine, bool)
        assert isinstance(record.parameter_warm_up, bool)
    if url.startswith("postgresql"):
        assert raw("SELECT DISTINCT pg_typeof(alpha_warm_up)::text, pg_typeof(started_at)::text FROM results") == [
            ("boolean", "timestamp with time zone")
        ]


def test_hyperparameters_come_back(filled: Database, samples: Any) -> None:
    """All eight, exactly."""
    for record in queries.results(filled, "first"):
        assert record.hyperparameters == samples.configuration(record.number).hyperparameters


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        ({"run": "first"}, [0, 1, 2, 2, 3, 4]),
        ({"run": "second"}, []),
        ({"status": "completed"}, [0, 2, 2]),
        ({"status": "running"}, [3]),
        ({"budget": 15.0}, [2]),
        ({"limit": 2}, [0, 1]),
        ({"run": "first", "status": "diverged", "budget": 5.0, "limit": 9}, [1]),
        ({"limit": 0}, []),
    ],
    ids=str,
)
def test_results_can_be_chosen(filled: Database, choice: dict[str, Any], numbers: list[int]) -> None:
    """By run, status and budget, and not more than asked for."""
    assert [record.number for record in queries.results(filled, **choice)] == numbers


def test_results_refuse_what_is_not_there(filled: Database) -> None:
    """Unknown runs and statuses, and negative limits, are the user's mistakes and are named."""
    with pytest.raises(RunMissingError, match="no run is named 'third' in this database: the latest are second, first"):
        queries.results(filled, "third")
    with pytest.raises(UnknownNameError, match="valid are queued"):
        queries.results(filled, status="done")
    with pytest.raises(InvalidValueError, match="got -1"):
        queries.results(filled, limit=-1)


def test_a_name_is_no_sql(filled: Database) -> None:
    """A run name with quotes in it is a name that nobody has."""
    for name in ("' OR '1'='1", 'x"; DROP TABLE runs; --', "%"):
        with pytest.raises(RunMissingError):
            queries.results(filled, name)
    assert len(queries.runs(filled)) == 2


def test_runs_are_summed_up(filled: Database) -> None:
    """Counts by status and budget, and the best PSNR at the largest budget, in order of creation."""
    first, second = queries.runs(filled)
    assert (first.run.name, second.run.name) == ("first", "second")
    assert first.counts == {"queued": 1, "running": 1, "completed": 3, "diverged": 1, "failed": 0}
    assert (first.evaluations, first.configurations) == (6, 5)
    assert [(budget.budget, budget.counts, budget.best_loss) for budget in first.budgets] == [
        (5.0, {"completed": 2, "diverged": 1, "running": 1, "queued": 1}, -21.0),
        (15.0, {"completed": 1}, -18.0),
    ]
    assert first.best_score == 18.0
    assert (second.evaluations, second.best_score, second.budgets) == (0, None, ())
    assert queries.show(filled, "first") == first
    assert queries.show(filled, "second") == second
    assert queries.run(filled, "second") == second.run


def test_missing_runs_are_refused(database: Database) -> None:
    """An empty database says that it has no runs yet."""
    assert queries.runs(database) == []
    for query in (queries.show, queries.run, queries.lease, queries.attempts, queries.epochs):
        with pytest.raises(RunMissingError, match="it has none yet"):
            query(database, "first")
    with pytest.raises(RunMissingError, match="id 1"):
        queries.replay(database, 1)


def test_replay_has_what_a_master_needs(filled: Database, samples: Any) -> None:
    """Configurations in id order with their info, the finished by sequence, and the open attempts with tokens."""
    with filled.begin() as session:
        run_id = queries.require_run(session, "first")
        early = samples.configuration(9, info={"model_based_pick": False})
        late = samples.configuration(0, configuration_id=ConfigurationId(1, 0, 0), origin="random")
        writes.add_configuration(session, run_id, late)
        writes.add_configuration(session, run_id, early)
        writes.queue_evaluation(
            session, run_id, NewEvaluation(ConfigurationId(1, 0, 0), 0, TrialSpec("inverse-1d", {}, 5.0, 3))
        )
    replay = queries.replay(filled, run_id)
    assert replay.run == queries.run(filled, "first")
    ids = [configuration.configuration_id for configuration in replay.configurations]
    assert ids == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 4), (0, 0, 9), (1, 0, 0)]
    assert replay.configurations[5].info == {"model_based_pick": False}
    assert replay.configurations[5].hyperparameters == early.hyperparameters
    assert [(row.number, row.budget, row.status) for row in replay.finished] == [
        (2, 5.0, "completed"),
        (0, 5.0, "completed"),
        (1, 5.0, "diverged"),
        (2, 15.0, "completed"),
    ]
    assert [row.sequence for row in replay.finished] == [1, 2, 3, 4]
    assert [(row.configuration_id, row.status, row.attempts, row.failures) for row in replay.evaluations[3:]] == [
        ((0, 0, 3), "running", 2, 1),
        ((0, 0, 4), "queued", 0, 0),
        ((0, 0, 2), "completed", 1, 0),
        ((1, 0, 0), "queued", 0, 0),
    ]
    (attempt,) = replay.attempts
    assert (attempt.token, attempt.number, attempt.status) == ("open", 2, "running")
    assert (attempt.worker, attempt.evaluation_id) == (samples.worker, replay.evaluations[3].id)
    assert attempt.started_at.tzinfo is UTC or attempt.started_at.utcoffset() == timedelta(0)


def test_attempts_tell_the_losses(filled: Database) -> None:
    """In the order in which they were started, each with its worker and why it ended."""
    found = queries.attempts(filled, "first")
    assert [(attempt.status, attempt.message) for attempt in found if attempt.token in ("lost", "open")] == [
        ("lost", "no heartbeat"),
        ("running", None),
    ]
    assert queries.attempts(filled, "second") == []


def test_epochs_can_be_chosen(filled: Database) -> None:
    """By evaluation and by phase."""
    everything = queries.epochs(filled, "first")
    assert len(everything) == 6
    searches = queries.epochs(filled, "first", phase="search")
    assert [point.phase for point in searches] == ["search"] * 3
    one = queries.epochs(filled, "first", evaluation_id=everything[-1].evaluation_id)
    assert [(point.budget, point.phase) for point in one] == [(15.0, "retrain"), (15.0, "search")]
    assert queries.epochs(filled, "second") == []


def test_records_outlive_the_database(filled: Database) -> None:
    """They are plain values: nothing is loaded later."""
    replay = queries.replay(filled, queries.run(filled, "first").id)
    filled.close()
    assert asdict(replay)["run"]["name"] == "first"


def test_the_pace_is_that_of_runs_like_it(database: Database, samples: Any) -> None:
    """Of the same task and settings, retraining as it does; names are those of all runs, in their order."""
    with database.begin() as session:
        for name, changes in (
            ("asked", {}),
            ("like it", {}),
            ("retrains", {"objective": "architecture"}),
            ("other settings", {"task_settings": {"channels": 9}}),
            ("other task", {"task": "digits"}),
        ):
            run_id = writes.create_run(session, samples.run(name, **changes))
            if name != "asked":
                for number, outcome in enumerate((samples.outcome(), samples.outcome(21.0), samples.diverged())):
                    samples.finish(session, samples.queue(session, run_id, number), outcome)
    assert queries.names(database) == ["asked", "like it", "retrains", "other settings", "other task"]
    found = queries.pace(database, "asked")
    assert found is not None
    assert (found.evaluations, found.epochs, found.seconds) == (2, 10.0, 5.0)
    with database.begin() as session:
        writes.create_run(session, samples.run("nothing like it", task="paint"))
    assert queries.pace(database, "nothing like it") is None
