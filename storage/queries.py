"""Reading from a database: all functions give frozen records, never rows that are bound to a session.

Every function takes an open :class:`storage.engine.Database` and reads one consistent state of it. It may be called
from any thread, also while runs are being written.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.task import Metric
from storage.clock import database_now
from storage.engine import Database, Session
from storage.entries import EVALUATION_STATUSES, WorkerInfo
from storage.incumbents import incumbents
from storage.owners import lives
from storage.readonly import sql
from storage.records import (
    AttemptRecord,
    BudgetRecord,
    ConfigurationRecord,
    EpochRecord,
    EvaluationRecord,
    Pace,
    Replay,
    ResultRecord,
    RunLease,
    RunRecord,
    RunSummary,
)
from storage.run_names import require_run
from storage.statements import ATTEMPTS, CONFIGURATIONS, EPOCHS, EVALUATIONS, RUNS, WORKERS
from storage.view import select_results

__all__ = [
    "attempts",
    "epochs",
    "incumbents",
    "lease",
    "names",
    "pace",
    "replay",
    "require_run",
    "results",
    "run",
    "runs",
    "show",
    "sql",
    "workers",
]

_RUN_COLUMNS: list[ColumnElement[Any]] = [
    *(RUNS.c[name] for name in RunRecord.__dataclass_fields__ if name != "active"),
    RUNS.c.metric_unit,
    RUNS.c.larger_is_better,
    RUNS.c.lease_expires_at,
    RUNS.c.lease_owner,
]
_ID = (CONFIGURATIONS.c.iteration, CONFIGURATIONS.c.stage, CONFIGURATIONS.c.number)


def runs(database: Database) -> list[RunSummary]:
    """All runs in the order in which they were made, each with the counts of its evaluations by budget."""
    with database.read() as session:
        return _summaries(session, select(*_RUN_COLUMNS).order_by(RUNS.c.id))


def names(database: Database) -> list[str]:
    """The names of all runs in the order in which they were made."""
    with database.read() as session:
        return list(session.scalars(select(RUNS.c.name).order_by(RUNS.c.id)))


def show(database: Database, name: str) -> RunSummary:
    """One run with the counts of its evaluations by budget.

    Raises:
        RunMissingError: If no run has that name; lists some names.
    """
    with database.read() as session:
        (summary,) = _summaries(session, _named(session, name))
    return summary


def run(database: Database, name: str) -> RunRecord:
    """One run as it is stored.

    Raises:
        RunMissingError: If no run has that name; lists some names.
    """
    with database.read() as session:
        return _run(session.execute(_named(session, name)).one(), database_now(session))


def lease(database: Database, name: str) -> RunLease | None:
    """Which process serves a run, and until when; None if no process does.

    Raises:
        RunMissingError: If no run has that name.
    """
    with database.read() as session:
        row = session.execute(_named(session, name)).one()
        if row.lease_owner is None:
            return None
        return RunLease(row.lease_owner, row.lease_expires_at, row.lease_expires_at <= database_now(session))


def results(
    database: Database,
    run: str | None = None,
    *,
    status: str | None = None,
    budget: float | None = None,
    limit: int | None = None,
) -> list[ResultRecord]:
    """Rows of the view ``results``, ordered by run, configuration id, budget and replicate.

    Args:
        database: The database.
        run: The name of one run; None for all.
        status: Only evaluations of that status.
        budget: Only evaluations at that budget.
        limit: At most so many rows.

    Raises:
        RunMissingError: If no run has that name.
        UnknownNameError: If there is no such status.
        InvalidValueError: If the limit is negative.
    """
    if status is not None and status not in EVALUATION_STATUSES:
        raise UnknownNameError("status", status, EVALUATION_STATUSES)
    if limit is not None and limit < 0:
        raise InvalidValueError(f"a limit is 0 or more, got {limit}")
    # Ordered by name only if there are several runs: else PostgreSQL sorts a whole run for its first row.
    first = (RUNS.c.name,) if run is None else ()
    query = select_results().order_by(*first, *_ID, EVALUATIONS.c.budget, EVALUATIONS.c.replicate)
    if status is not None:
        query = query.where(EVALUATIONS.c.status == status)
    if budget is not None:
        query = query.where(EVALUATIONS.c.budget == budget)
    with database.read() as session:
        if run is not None:
            run_id = require_run(session, run)
            query = query.where(RUNS.c.id == run_id)
            if limit is None:  # All rows are found by their run; the first few are found by configuration.
                query = query.where(EVALUATIONS.c.run_id == run_id)
        settings: dict[str, dict[str, Any]] = dict(session.execute(select(RUNS.c.name, RUNS.c.task_settings)).all())
        return [
            ResultRecord(**{**row, "settings": settings[row["run"]]})
            for row in session.execute(query.limit(limit)).mappings()
        ]


def pace(database: Database, run: str) -> Pace | None:
    """How long completed evaluations of a run's task and settings took, of all runs that retrain as it does.

    Returns:
        None if there is none.

    Raises:
        RunMissingError: If no run has that name.
    """
    columns = (RUNS.c.id, RUNS.c.name, RUNS.c.task, RUNS.c.task_settings, RUNS.c.objective, RUNS.c.settings)

    def retrains(row: Any) -> bool:
        return bool(row.objective == "architecture" or row.settings.get("retrain") == "always")

    with database.read() as session:
        asked = session.execute(select(*columns).where(RUNS.c.id == require_run(session, run))).one()
        alike = [
            row.id
            for row in session.execute(select(*columns).where(RUNS.c.task == asked.task))
            if row.task_settings == asked.task_settings and retrains(row) == retrains(asked)
        ]
        done = EVALUATIONS.c.run_id.in_(alike), EVALUATIONS.c.status == "completed"
        sums = func.count(), func.sum(EVALUATIONS.c.budget), func.sum(EVALUATIONS.c.duration_s)
        found = Pace(*session.execute(select(*sums).where(*done, EVALUATIONS.c.duration_s > 0)).one())
        return found if found.evaluations else None


def replay(database: Database, run_id: int) -> Replay:
    """Everything from which a process continues a run.

    Raises:
        RunMissingError: If no run has that id.
    """
    with database.read() as session:
        row = session.execute(select(*_RUN_COLUMNS).where(RUNS.c.id == run_id)).first()
        if row is None:
            raise RunMissingError(f"no run has the id {run_id} in {database.location.name}")
        columns = [CONFIGURATIONS.c[name] for name in ConfigurationRecord.__dataclass_fields__]
        configurations = session.execute(select(*columns).where(CONFIGURATIONS.c.run_id == run_id).order_by(*_ID)).all()
        return Replay(
            run=_run(row, database_now(session)),
            configurations=tuple(ConfigurationRecord(*configuration) for configuration in configurations),
            evaluations=tuple(_evaluations(session, run_id)),
            attempts=tuple(_attempts(session, run_id, ATTEMPTS.c.status == "running")),
        )


def attempts(database: Database, run: str) -> list[AttemptRecord]:
    """All attempts of a run, in the order in which they started.

    Raises:
        RunMissingError: If no run has that name.
    """
    with database.read() as session:
        return _attempts(session, require_run(session, run))


def epochs(
    database: Database, run: str, *, evaluation_id: int | None = None, phase: str | None = None
) -> list[EpochRecord]:
    """The learning curves of a run, ordered by evaluation, phase and epoch.

    Raises:
        RunMissingError: If no run has that name.
    """
    points = [EPOCHS.c[name] for name in ("phase", "epoch", "training_loss", "training_score")]
    points += [EPOCHS.c[name] for name in ("validation_loss", "validation_score", "alpha")]
    query = (
        select(EVALUATIONS.c.id, *_ID, EVALUATIONS.c.budget, EVALUATIONS.c.replicate, *points)
        .join(EPOCHS, EPOCHS.c.evaluation_id == EVALUATIONS.c.id)
        .join(CONFIGURATIONS, CONFIGURATIONS.c.id == EVALUATIONS.c.configuration_id)
        .order_by(EVALUATIONS.c.id, EPOCHS.c.phase, EPOCHS.c.epoch)
    )
    if evaluation_id is not None:
        query = query.where(EVALUATIONS.c.id == evaluation_id)
    if phase is not None:
        query = query.where(EPOCHS.c.phase == phase)
    with database.read() as session:
        query = query.where(EVALUATIONS.c.run_id == require_run(session, run))
        return [_epoch(row) for row in session.execute(query)]


def workers(database: Database) -> list[WorkerInfo]:
    """All workers that were ever given work, in the order of their first work."""
    columns = [WORKERS.c[name] for name in WorkerInfo.__dataclass_fields__]
    with database.read() as session:
        return [WorkerInfo(*row) for row in session.execute(select(*columns).order_by(WORKERS.c.id))]


def _named(session: Session, name: str) -> Select[Any]:
    return select(*_RUN_COLUMNS).where(RUNS.c.id == require_run(session, name))


def _summaries(session: Session, query: Select[Any]) -> list[RunSummary]:
    now = database_now(session)
    records = [_run(row, now) for row in session.execute(query)]
    some = None if len(records) != 1 else records[0].id
    # Both statements read only an index (uq_configurations_run_id_id, ix_evaluations_run_id_status_budget_loss) and no
    # rows: a million evaluations are counted in a fraction of a second.
    counted = select(CONFIGURATIONS.c.run_id, func.count()).group_by(CONFIGURATIONS.c.run_id)
    key = (EVALUATIONS.c.run_id, EVALUATIONS.c.status, EVALUATIONS.c.budget)
    grouped = select(*key, func.count(), func.min(EVALUATIONS.c.loss)).group_by(*key)
    if some is not None:
        counted = counted.where(CONFIGURATIONS.c.run_id == some)
        grouped = grouped.where(EVALUATIONS.c.run_id == some)
    configurations: dict[int, int] = dict(session.execute(counted).all())
    counts: dict[int, dict[float, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    best: dict[tuple[int, float], float | None] = {}
    for run_id, status, budget, count, loss in session.execute(grouped):
        counts[run_id][budget][status] = count
        if status == "completed":
            best[run_id, budget] = loss
    return [
        RunSummary(
            run=record,
            configurations=configurations.get(record.id, 0),
            budgets=tuple(
                BudgetRecord(budget, by_status, best.get((record.id, budget)))
                for budget, by_status in sorted(counts[record.id].items())
            ),
        )
        for record in records
    ]


def _run(row: Row[Any], now: datetime) -> RunRecord:
    values = dict(row._mapping)
    expires_at, owner = values.pop("lease_expires_at"), values.pop("lease_owner")
    values["metric"] = Metric(values["metric"], values.pop("metric_unit"), values.pop("larger_is_better"))
    # A process of this machine that was killed is noticed at once; one of another machine when its lease has run out.
    active = owner is not None and expires_at is not None and expires_at > now and lives(owner) is not False
    return RunRecord(active=active, tags=tuple(values.pop("tags") or ()), **values)


def _evaluations(session: Session, run_id: int) -> list[EvaluationRecord]:
    failures: dict[int, int] = dict(
        session.execute(
            select(ATTEMPTS.c.evaluation_id, func.count())
            .join(EVALUATIONS, EVALUATIONS.c.id == ATTEMPTS.c.evaluation_id)
            .where(EVALUATIONS.c.run_id == run_id, ATTEMPTS.c.status.in_(("lost", "error")))
            .group_by(ATTEMPTS.c.evaluation_id)
        ).all()
    )
    names = [name for name in EvaluationRecord.__dataclass_fields__ if name != "failures"]
    columns = [
        CONFIGURATIONS.c[name] if name in ("iteration", "stage", "number") else EVALUATIONS.c[name] for name in names
    ]
    query = (
        select(*columns)
        .join(CONFIGURATIONS, CONFIGURATIONS.c.id == EVALUATIONS.c.configuration_id)
        .where(EVALUATIONS.c.run_id == run_id)
        .order_by(EVALUATIONS.c.id)
    )
    return [EvaluationRecord(failures=failures.get(row.id, 0), **row._mapping) for row in session.execute(query)]


def _attempts(session: Session, run_id: int, *conditions: Any) -> list[AttemptRecord]:
    names = [name for name in AttemptRecord.__dataclass_fields__ if name != "worker"]
    worker = tuple(WorkerInfo.__dataclass_fields__)
    query = (
        select(*(WORKERS.c[name] for name in worker), *(ATTEMPTS.c[name] for name in names))
        .join(WORKERS, WORKERS.c.id == ATTEMPTS.c.worker_id)
        .join(EVALUATIONS, EVALUATIONS.c.id == ATTEMPTS.c.evaluation_id)
        .where(EVALUATIONS.c.run_id == run_id, *conditions)
        .order_by(ATTEMPTS.c.id)
    )
    return [
        AttemptRecord(worker=WorkerInfo(*row[: len(worker)]), **dict(zip(names, row[len(worker) :], strict=True)))
        for row in session.execute(query)
    ]


def _epoch(row: Row[Any]) -> EpochRecord:
    values: list[Any] = list(row)
    if values[-1] is not None:
        values[-1] = tuple(tuple(weights) for weights in values[-1])
    return EpochRecord(*values)
