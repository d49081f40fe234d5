"""Writing configurations, evaluations and attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spaces.errors import StorageError, UnknownNameError
from storage import statements
from storage.engine import Session
from storage.entries import ATTEMPT_FAILURES, NewConfiguration, NewEvaluation, WorkerInfo
from storage.view import HYPERPARAMETER_COLUMNS
from storage.writes import rows


def add_configuration(session: Session, run_id: int, new: NewConfiguration, *, again: bool = False) -> int:
    """Adds a configuration to a run and returns the database's id of it.

    Args:
        session: The transaction.
        run_id: The run.
        new: What is added.
        again: Whether it may be there already, because a commit with it was not confirmed; then it stays as it is.
    """
    identifier = {f"of_{name}": number for name, number in new.configuration_id._asdict().items()}
    if again:
        there: int | None = rows.scalar(session, statements.FIND_CONFIGURATION, of_run_id=run_id, **identifier)
        if there is not None:
            return there
    return rows.insert(
        session,
        statements.CONFIGURATIONS,
        run_id=run_id,
        **new.configuration_id._asdict(),
        origin=new.origin,
        info=new.info,
        architecture=new.architecture,
        created_at=rows.now(),
        hyperparameters=dict(new.hyperparameters),
        **_columns(new.hyperparameters),
    )


def queue_evaluation(session: Session, run_id: int, new: NewEvaluation, *, again: bool = False) -> int:
    """Adds an evaluation, ``queued``, of a configuration that is there already; returns its id.

    Args:
        session: The transaction.
        run_id: The run.
        new: What is queued.
        again: As for :func:`add_configuration`.

    Raises:
        StorageError: If the run has no such configuration.
    """
    identifier = {f"of_{name}": number for name, number in new.configuration_id._asdict().items()}
    budget = float(new.budget)
    if again:
        there: int | None = rows.scalar(
            session,
            statements.FIND_EVALUATION,
            of_run_id=run_id,
            of_budget=budget,
            of_replicate=new.replicate,
            **identifier,
        )
        if there is not None:
            return there
    evaluation_id: int | None = rows.scalar(
        session,
        statements.QUEUE_EVALUATION,
        of_run_id=run_id,
        **identifier,
        to_budget=budget,
        to_replicate=new.replicate,
        to_seed=new.seed,
        to_queued_at=rows.now(),
    )
    if evaluation_id is None:
        raise StorageError(f"run {run_id} has no configuration {new.configuration_id}: add it before its evaluations")
    return evaluation_id


def start_attempt(session: Session, evaluation_id: int, token: str, worker: WorkerInfo) -> int:
    """Gives a queued evaluation to a worker and returns the attempt's number, from 1.

    Raises:
        StorageError: If the evaluation is not there or not queued.
    """
    now = rows.now()
    started = session.execute(
        statements.START_EVALUATION, {"of_evaluation": evaluation_id, "to_started_at": now, **_named(worker)}
    ).first()
    if started is None:
        status = rows.scalar(session, statements.STATUS_OF_EVALUATION, of_evaluation=evaluation_id)
        raise StorageError(f"evaluation {evaluation_id} is {status or 'not in this database'}: only queued ones start")
    number: int
    number, worker_id = started
    if worker_id is None:
        worker_id = _add_worker(session, worker)
        rows.execute(session, statements.CHANGE_EVALUATION, of_evaluation=evaluation_id, worker_id=worker_id)
    rows.insert(
        session,
        statements.ATTEMPTS,
        evaluation_id=evaluation_id,
        number=number,
        token=token,
        worker_id=worker_id,
        status="running",
        started_at=now,
    )
    return number


def end_attempt(session: Session, token: str, result: str, message: str | None, *, final: bool) -> bool:
    """Ends a running attempt without an outcome; its evaluation is queued again, or ``failed`` if final.

    A failed evaluation gets its ``sequence``, as the optimiser is told of it.

    Returns:
        False, and nothing is changed, if that attempt is not running (any more).

    Raises:
        UnknownNameError: If the result is none of ``lost``, ``handed-back``, ``error``.
    """
    if result not in ATTEMPT_FAILURES:
        raise UnknownNameError("end of an attempt", result, ATTEMPT_FAILURES)
    now = rows.now()
    evaluation_id = rows.scalar(
        session, statements.END_RUNNING_ATTEMPT, of_token=token, status=result, message=message, finished_at=now
    )
    if evaluation_id is None:
        return False
    changes: dict[str, Any]
    if final:
        changes = {
            "status": "failed",
            "sequence": next_sequence(session, evaluation_id),
            "finished_at": now,
            "message": message,
        }
    else:
        changes = {"status": "queued", "worker_id": None, "started_at": None}
    rows.execute(session, statements.CHANGE_EVALUATION, of_evaluation=evaluation_id, **changes)
    return True


def next_sequence(session: Session, evaluation_id: int) -> int:
    """Counts the run's finished evaluations up; locks the run's row until the transaction ends."""
    sequence: int | None = rows.scalar(session, statements.NEXT_SEQUENCE, of_evaluation=evaluation_id)
    assert sequence is not None  # the foreign keys hold it
    return sequence


def _add_worker(session: Session, worker: WorkerInfo) -> int:
    """Adds a worker process that was not known a moment ago; returns its id."""
    values = {name: getattr(worker, name) for name in statements.WORKER_FIELDS}
    if session.dialect.name == "postgresql":
        # Two runs may meet the same new worker at once; in SQLite only one transaction writes at a time.
        from sqlalchemy.dialects.postgresql import insert as insert_or_not

        session.execute(
            insert_or_not(statements.WORKERS).values(created_at=rows.now(), **values).on_conflict_do_nothing()
        )
        found: int = rows.scalar(session, statements.FIND_WORKER, **_named(worker))
        return found
    return rows.insert(session, statements.WORKERS, created_at=rows.now(), **values)


def _named(worker: WorkerInfo) -> dict[str, Any]:
    """What :data:`storage.statements.FIND_WORKER` asks for."""
    return {f"of_{name}": getattr(worker, name) for name in statements.WORKER_FIELDS}


def _columns(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that have a column of their own, where the value is of its type."""
    return {
        name: value if type(value) is kind or (kind is float and type(value) is int) else None
        for name, kind in HYPERPARAMETER_COLUMNS.items()
        for value in (hyperparameters.get(name),)
    }
