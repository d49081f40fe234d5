"""What changes the database: functions over a session of one write transaction.

None of them commits: the caller groups them into one transaction, which :meth:`storage.engine.Database.begin`
commits as a whole or not at all. All are safe under several writing processes: in SQLite because a write
transaction has the database for itself, in PostgreSQL because rows are locked before they are judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Insert, Select, Table, Update, delete, select, update

from spaces import clock
from spaces.errors import InvalidValueError, RunExistsError, RunMissingError, StorageError, UnknownNameError
from spaces.trial import Epoch as Point
from spaces.trial import TrialOutcome
from storage import statements
from storage.clock import database_now
from storage.engine import Session
from storage.entries import (
    ATTEMPT_FAILURES,
    FINISHED_STATUSES,
    RUN_STATUSES,
    NewConfiguration,
    NewEvaluation,
    NewRun,
    WorkerInfo,
)
from storage.models import Evaluation, Run
from storage.view import HYPERPARAMETER_COLUMNS


def create_run(session: Session, new: NewRun) -> int:
    """Adds a run, with status ``running``, and returns its id.

    Raises:
        RunExistsError: If the name is taken; says by a run of which state, and names ``resume`` where that helps.
    """
    taken = session.execute(
        select(Run.status, Run.lease_expires_at > database_now(session)).where(Run.name == new.name)
    ).first()
    if taken is not None:
        status, active = taken
        raise RunExistsError(_taken(new.name, status, bool(active)))
    values = {name: getattr(new, name) for name in NewRun.__dataclass_fields__}
    metric = new.metric
    values |= {"metric": metric.name, "metric_unit": metric.unit, "larger_is_better": metric.larger_is_better}
    return _insert(session, statements.RUNS, status="running", created_at=_now(), **values)


def set_run_status(session: Session, run_id: int, status: str, message: str | None = None) -> None:
    """Writes how the run stands; ``completed`` and ``failed`` get ``finished_at``.

    Raises:
        UnknownNameError: For an unknown status.
        RunMissingError: If there is no such run.
    """
    if status not in RUN_STATUSES:
        raise UnknownNameError("status of a run", status, RUN_STATUSES)
    finished_at = _now() if status in ("completed", "failed") else None
    changed = session.execute(
        update(Run)
        .where(Run.id == run_id)
        .values(status=status, message=message, finished_at=finished_at)
        .returning(Run.id)
    ).first()
    if changed is None:
        raise RunMissingError(f"no run has the id {run_id} in this database")


def remove_run_not_begun(session: Session, run_id: int) -> bool:
    """Removes a run of which nothing was ever asked and which no master has; whether it was one."""
    asked = select(Evaluation.id).where(Evaluation.run_id == run_id).exists()
    removed = session.execute(
        delete(Run).where(Run.id == run_id, Run.lease_owner.is_(None), ~asked).returning(Run.id)
    ).first()
    return removed is not None


def set_run_settings(session: Session, run_id: int, settings: dict[str, Any]) -> None:
    """Writes other settings of a run: more trials of a campaign, for example.

    Raises:
        RunMissingError: If there is no such run.
    """
    changed = session.execute(update(Run).where(Run.id == run_id).values(settings=settings).returning(Run.id)).first()
    if changed is None:
        raise RunMissingError(f"no run has the id {run_id} in this database")


def set_run_fingerprint(session: Session, run_id: int, fingerprint: str) -> None:
    """Writes by which code of its task a run goes on.

    Raises:
        RunMissingError: If there is no such run.
    """
    change = update(Run).where(Run.id == run_id).values(fingerprint=fingerprint).returning(Run.id)
    if session.execute(change).first() is None:
        raise RunMissingError(f"no run has the id {run_id} in this database")


def add_configuration(session: Session, run_id: int, new: NewConfiguration, *, again: bool = False) -> int:
    """Adds a configuration to a run and returns the database's id of it.

    Args:
        session: The transaction.
        run_id: The run.
        new: What is added.
        again: A commit that held it was not confirmed, so that it may be there already: then it stays as it is.
    """
    identifier = {f"of_{name}": number for name, number in new.configuration_id._asdict().items()}
    if again:
        there: int | None = _scalar(session, statements.FIND_CONFIGURATION, of_run_id=run_id, **identifier)
        if there is not None:
            return there
    return _insert(
        session,
        statements.CONFIGURATIONS,
        run_id=run_id,
        **new.configuration_id._asdict(),
        origin=new.origin,
        info=new.info,
        architecture=new.architecture,
        created_at=_now(),
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
        there: int | None = _scalar(
            session,
            statements.FIND_EVALUATION,
            of_run_id=run_id,
            of_budget=budget,
            of_replicate=new.replicate,
            **identifier,
        )
        if there is not None:
            return there
    evaluation_id: int | None = _scalar(
        session,
        statements.QUEUE_EVALUATION,
        of_run_id=run_id,
        **identifier,
        to_budget=budget,
        to_replicate=new.replicate,
        to_seed=new.seed,
        to_queued_at=_now(),
    )
    if evaluation_id is None:
        raise StorageError(f"run {run_id} has no configuration {new.configuration_id}: add it before its evaluations")
    return evaluation_id


def start_attempt(session: Session, evaluation_id: int, token: str, worker: WorkerInfo) -> int:
    """Gives a queued evaluation to a worker and returns the attempt's number, from 1.

    Raises:
        StorageError: If the evaluation is not there or not queued.
    """
    now = _now()
    started = session.execute(
        statements.START_EVALUATION, {"of_evaluation": evaluation_id, "to_started_at": now, **_named(worker)}
    ).first()
    if started is None:
        status = _scalar(session, statements.STATUS_OF_EVALUATION, of_evaluation=evaluation_id)
        raise StorageError(f"evaluation {evaluation_id} is {status or 'not in this database'}: only queued ones start")
    number: int
    number, worker_id = started
    if worker_id is None:
        worker_id = _add_worker(session, worker)
        _execute(session, statements.CHANGE_EVALUATION, of_evaluation=evaluation_id, worker_id=worker_id)
    _insert(
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

    A failed evaluation gets its ``sequence``, as the master is told of it.

    Returns:
        False, and nothing is changed, if that attempt is not running (any more).

    Raises:
        UnknownNameError: If the result is none of ``lost``, ``handed-back``, ``error``.
    """
    if result not in ATTEMPT_FAILURES:
        raise UnknownNameError("end of an attempt", result, ATTEMPT_FAILURES)
    now = _now()
    evaluation_id = _scalar(
        session, statements.END_RUNNING_ATTEMPT, of_token=token, status=result, message=message, finished_at=now
    )
    if evaluation_id is None:
        return False
    changes: dict[str, Any]
    if final:
        changes = {
            "status": "failed",
            "sequence": _next_sequence(session, evaluation_id),
            "finished_at": now,
            "message": message,
        }
    else:
        changes = {"status": "queued", "worker_id": None, "started_at": None}
    _execute(session, statements.CHANGE_EVALUATION, of_evaluation=evaluation_id, **changes)
    return True


def record_outcome(session: Session, token: str, outcome: TrialOutcome, loss: float | None, duration_s: float) -> bool:
    """Stores what a worker answered: the evaluation is finished and gets the run's next ``sequence``.

    An attempt that was given up as lost may still answer: what it answers is taken, and the attempt that runs
    in its place is ``superseded``. The loss of a diverged trial is stored as NULL.

    Returns:
        False, and nothing but the attempt's status is changed, if that evaluation is finished already.

    Raises:
        StorageError: If no attempt has that token.
        InvalidValueError: If a score, the loss or the duration is not finite.
    """
    for name, value in (
        ("loss", loss),
        ("duration_s", duration_s),
        ("one_shot_score", outcome.one_shot_score),
        ("architecture_score", outcome.architecture_score),
    ):
        if value is not None and not math.isfinite(value):
            raise InvalidValueError(f"{name} must be a finite number, {value} came")
    attempt = session.execute(statements.FIND_ATTEMPT, {"of_token": token}).first()
    if attempt is None:
        raise StorageError(f"no attempt has the token {token!r}: it is of another database, or forged")
    evaluation_id = attempt.evaluation_id
    now = _now()
    if attempt.status in FINISHED_STATUSES:
        _execute(session, statements.SUPERSEDE, of_attempt=attempt.id, to_finished_at=now)
        return False
    _execute(
        session,
        statements.COMPLETE_ATTEMPT,
        of_evaluation=evaluation_id,
        of_attempt=attempt.id,
        to_finished_at=now,
    )
    _execute(
        session,
        statements.CHANGE_EVALUATION,
        of_evaluation=evaluation_id,
        status=outcome.status,
        sequence=_next_sequence(session, evaluation_id),
        loss=loss if outcome.status == "completed" else None,
        one_shot_score=outcome.one_shot_score,
        architecture_score=outcome.architecture_score,
        architecture=outcome.architecture,
        parameters=outcome.parameters,
        kernel=outcome.kernel,
        device=outcome.device,
        worker_id=attempt.worker_id,
        started_at=attempt.started_at,
        finished_at=now,
        duration_s=duration_s,
        search_s=_finite(outcome.search_s),
        retrain_s=_finite(outcome.retrain_s),
        message=outcome.message,
        extras=dict(outcome.extras),
        fingerprint=outcome.fingerprint,
    )
    if outcome.epochs:
        points = [_epoch(evaluation_id, point) for point in outcome.epochs]
        session.execute(statements.INSERT_EPOCHS, points)
    return True


def run_that_waits(session: Session, token: str) -> int | None:
    """The id of the run that waits for the outcome of an attempt; None if its evaluation has one, or there is none."""
    found: int | None = _scalar(session, statements.RUN_THAT_WAITS, of_token=token)
    return found


def take_lease(session: Session, run_id: int, owner: str, seconds: float) -> bool:
    """Makes ``owner`` the run's only master for so many seconds, by the database's clock; renews its own lease.

    Returns:
        False if the lease of another owner has not run out.

    Raises:
        RunMissingError: If there is no such run.
    """
    now = database_now(session)
    lease = session.execute(
        select(Run.lease_owner, Run.lease_expires_at).where(Run.id == run_id).with_for_update()
    ).first()
    if lease is None:
        raise RunMissingError(f"no run has the id {run_id} in this database")
    if lease.lease_owner not in (None, owner) and lease.lease_expires_at > now:
        return False
    expires_at = now + timedelta(seconds=seconds)
    session.execute(update(Run).where(Run.id == run_id).values(lease_owner=owner, lease_expires_at=expires_at))
    return True


def hold_lease(session: Session, run_id: int, owner: str, seconds: float) -> bool:
    """Makes sure that ``owner`` has the lease, and that nobody takes it before this transaction has ended.

    The run's row stays locked until then. In PostgreSQL a transaction that stands still for ``seconds`` (its process
    is stopped) is rolled back by the server, so that another master need not wait for it.

    Returns:
        False if it is not ``owner``'s (any more): another master has taken the run, this one must stop.
    """
    if session.dialect.name == "postgresql":
        found = session.execute(statements.HOLD_LEASE, {"of_run": run_id, "to_timeout": str(int(seconds * 1000))})
    else:
        found = session.execute(statements.LEASE_OWNER, {"of_run": run_id})
    row = found.first()
    return row is not None and row.lease_owner == owner


def renew_lease(session: Session, run_id: int, owner: str, seconds: float) -> bool:
    """Extends the lease that ``owner`` holds.

    Returns:
        False if it is not ``owner``'s (any more): another master has taken the run, this one must stop.
    """
    expires_at = database_now(session) + timedelta(seconds=seconds)
    renewed = session.execute(
        update(Run)
        .where(Run.id == run_id, Run.lease_owner == owner)
        .values(lease_expires_at=expires_at)
        .returning(Run.id)
    ).first()
    return renewed is not None


def release_lease(session: Session, run_id: int, owner: str) -> None:
    """Gives the lease back, if it is ``owner``'s."""
    session.execute(
        update(Run).where(Run.id == run_id, Run.lease_owner == owner).values(lease_owner=None, lease_expires_at=None)
    )


def _next_sequence(session: Session, evaluation_id: int) -> int:
    """Counts the run's finished evaluations up; locks the run's row until the transaction ends."""
    sequence: int | None = _scalar(session, statements.NEXT_SEQUENCE, of_evaluation=evaluation_id)
    assert sequence is not None  # the foreign keys hold it
    return sequence


def _add_worker(session: Session, worker: WorkerInfo) -> int:
    """Adds a worker process that was not known a moment ago; returns its id."""
    values = {name: getattr(worker, name) for name in statements.WORKER_FIELDS}
    if session.dialect.name == "postgresql":
        # Two masters may meet the same new worker at once; in SQLite a write transaction is alone.
        from sqlalchemy.dialects.postgresql import insert as insert_or_not

        session.execute(insert_or_not(statements.WORKERS).values(created_at=_now(), **values).on_conflict_do_nothing())
        found: int = _scalar(session, statements.FIND_WORKER, **_named(worker))
        return found
    return _insert(session, statements.WORKERS, created_at=_now(), **values)


def _named(worker: WorkerInfo) -> dict[str, Any]:
    """What :data:`storage.statements.FIND_WORKER` asks for."""
    return {f"of_{name}": getattr(worker, name) for name in statements.WORKER_FIELDS}


def _insert(session: Session, table: Table, **values: Any) -> int:
    key: int = session.execute(statements.INSERT_RETURNING_ID[table], values).scalar_one()
    return key


def _execute(session: Session, statement: Update, **values: Any) -> None:
    session.execute(statement, values)


def _scalar(session: Session, statement: Select[Any] | Update | Insert, **values: Any) -> Any:
    return session.execute(statement, values).scalar()


def _columns(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that have a column of their own, where the value is of its type."""
    return {
        name: value if type(value) is kind or (kind is float and type(value) is int) else None
        for name, kind in HYPERPARAMETER_COLUMNS.items()
        for value in (hyperparameters.get(name),)
    }


def _epoch(evaluation_id: int, point: Point) -> dict[str, Any]:
    alpha = None if point.alpha is None else [[_finite(value) for value in row] for row in point.alpha]
    return {
        "evaluation_id": evaluation_id,
        "phase": point.phase,
        "epoch": point.epoch,
        "training_loss": _finite(point.training_loss),
        "training_score": _finite(point.training_score),
        "validation_loss": _finite(point.validation_loss),
        "validation_score": _finite(point.validation_score),
        "alpha": alpha,
    }


def _finite(value: float | None) -> float | None:
    """NULL for infinities and NaN: JSON has no word for them, and SQL's aggregates do not skip them."""
    return value if value is not None and math.isfinite(value) else None


def _taken(name: str, status: str, active: bool) -> str:
    if status == "running" and active:
        return f"the run {name!r} is running already: choose another --name"
    if status in ("running", "interrupted"):
        return f"the run {name!r} was interrupted: continue it with `das-hpo resume {name}`, or choose another --name"
    return f"the run name {name!r} is taken by a {status} run: choose another --name"


def _now() -> datetime:
    return clock.utc()
