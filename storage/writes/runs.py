"""Writing runs: making one, and changing how it stands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update

from spaces.errors import RunExistsError, RunMissingError, UnknownNameError
from storage import statements
from storage.clock import database_now
from storage.engine import Session
from storage.entries import RUN_STATUSES, NewRun
from storage.models import EvaluationRow, RunRow
from storage.writes import rows


def create_run(session: Session, new: NewRun) -> int:
    """Adds a run, with status ``running``, and returns its id.

    Raises:
        RunExistsError: If the name is taken; says by a run of which state, and names ``resume`` where that helps.
    """
    taken = session.execute(
        select(RunRow.status, RunRow.lease_expires_at > database_now(session)).where(RunRow.name == new.name)
    ).first()
    if taken is not None:
        status, active = taken
        raise RunExistsError(_taken(new.name, status, bool(active)))
    values = {name: getattr(new, name) for name in NewRun.__dataclass_fields__}
    metric = new.metric
    values |= {"metric": metric.name, "metric_unit": metric.unit, "larger_is_better": metric.larger_is_better}
    return rows.insert(session, statements.RUNS, status="running", created_at=rows.now(), **values)


def set_run_status(session: Session, run_id: int, status: str, message: str | None = None) -> None:
    """Writes the status of a run; ``completed`` and ``failed`` get ``finished_at``.

    A run that is ``running`` again is done with what was asked of it, to be cancelled or paused.

    Raises:
        UnknownNameError: For an unknown status.
        RunMissingError: If there is no such run.
    """
    if status not in RUN_STATUSES:
        raise UnknownNameError("status of a run", status, RUN_STATUSES)
    finished_at = rows.now() if status in ("completed", "failed") else None
    asked = {"request": None} if status == "running" else {}
    _change(session, run_id, status=status, message=message, finished_at=finished_at, **asked)


def set_run_settings(session: Session, run_id: int, settings: dict[str, Any]) -> None:
    """Replaces the settings of a run, for example when a campaign gets more trials.

    Raises:
        RunMissingError: If there is no such run.
    """
    _change(session, run_id, settings=settings)


def set_run_fingerprint(session: Session, run_id: int, fingerprint: str) -> None:
    """Writes the fingerprint of the task's code with which a run continues.

    Raises:
        RunMissingError: If there is no such run.
    """
    _change(session, run_id, fingerprint=fingerprint)


def remove_run_not_begun(session: Session, run_id: int) -> bool:
    """Removes a run if it has no evaluation and no process serves it; returns whether it was removed."""
    asked = select(EvaluationRow.id).where(EvaluationRow.run_id == run_id).exists()
    removed = session.execute(
        delete(RunRow).where(RunRow.id == run_id, RunRow.lease_owner.is_(None), ~asked).returning(RunRow.id)
    ).first()
    return removed is not None


def _change(session: Session, run_id: int, **values: Any) -> None:
    changed = session.execute(update(RunRow).where(RunRow.id == run_id).values(**values).returning(RunRow.id)).first()
    if changed is None:
        raise RunMissingError(f"no run has the id {run_id} in this database")


def _taken(name: str, status: str, active: bool) -> str:
    if status == "running" and active:
        return f"the run {name!r} is running already: choose another --name"
    if status in ("running", "interrupted"):
        return f"the run {name!r} was interrupted: continue it with `das-hpo resume {name}`, or choose another --name"
    return f"the run name {name!r} is taken by a {status} run: choose another --name"
