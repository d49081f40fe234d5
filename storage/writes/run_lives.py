"""Writing a run's life: what its user asks of it, its name, note and tags, and its end with everything of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from spaces.errors import ClusterError, InvalidValueError, RunExistsError, UnknownNameError
from spaces.texts import cleaned
from storage.clock import database_now
from storage.engine import Session
from storage.entries import RUN_REQUESTS
from storage.models import AttemptRow, ConfigurationRow, EvaluationRow, RunRow, WorkerRow
from storage.owners import lives
from storage.run_names import require_run

#: What a tag may be: a word that needs no quotes on a command line.
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=+-]{0,63}")


def request_end(session: Session, name: str, request: str) -> None:
    """Asks the process that serves a run to end it; the run is over at once if no process does.

    Args:
        session: The transaction.
        name: The run's.
        request: ``cancel`` or ``pause``.

    Raises:
        RunMissingError: If no run has that name.
        InvalidValueError: If the run has ended by itself, or was cancelled already.
    """
    if request not in RUN_REQUESTS:
        raise UnknownNameError("request", request, RUN_REQUESTS)
    run = session.execute(
        select(RunRow.status, RunRow.request).where(RunRow.id == require_run(session, name)).with_for_update()
    ).one()
    if run.status in ("completed", "failed"):
        raise InvalidValueError(f"the run {name!r} is {run.status}: there is nothing to {request}")
    if run.request == "cancel" and request == "pause":
        raise InvalidValueError(f"the run {name!r} is cancelled already: `das-hpo resume {name}` continues it")
    session.execute(update(RunRow).where(RunRow.name == name).values(request=request))


def request_of(session: Session, run_id: int) -> str | None:
    """What the user has asked of a run: ``cancel``, ``pause`` or nothing."""
    found: str | None = session.scalar(select(RunRow.request).where(RunRow.id == run_id))
    return found


def rename_run(session: Session, name: str, new_name: str) -> None:
    """Gives a run another name, in its settings, too.

    Raises:
        RunMissingError: If no run has that name.
        RunExistsError: If another run has the new one.
        ClusterError: If a process serves the run: it is known by its name to workers.
    """
    run_id = _not_served(session, name, "rename")
    if session.scalar(select(RunRow.id).where(RunRow.name == new_name)) is not None:
        raise RunExistsError(f"there is a run named {new_name!r}: choose another name")
    settings: dict[str, Any] = session.scalars(select(RunRow.settings).where(RunRow.id == run_id)).one()
    if "name" in settings:
        settings = {**settings, "name": new_name}
    session.execute(update(RunRow).where(RunRow.id == run_id).values(name=new_name, settings=settings))


def set_run_note(session: Session, name: str, note: str | None) -> None:
    """Writes the note of a run; None removes it.

    Raises:
        RunMissingError: If no run has that name.
    """
    text = None if note is None or not note.strip() else cleaned(note)
    session.execute(update(RunRow).where(RunRow.id == require_run(session, name)).values(note=text))


def change_run_tags(session: Session, name: str, add: Iterable[str], remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Adds tags to a run and removes others; returns those that it has now, by name.

    Raises:
        RunMissingError: If no run has that name.
        InvalidValueError: For a tag that is no plain word.
    """
    for tag in (added := list(add)):
        if not TAG.fullmatch(tag):
            raise InvalidValueError(f"a tag is up to 64 letters, digits and . _ : = + -, got {tag!r}")
    run_id = require_run(session, name)
    there = session.scalars(select(RunRow.tags).where(RunRow.id == run_id).with_for_update()).one()
    tags = sorted({*there, *added} - set(remove))
    session.execute(update(RunRow).where(RunRow.id == run_id).values(tags=tags))
    return tuple(tags)


@dataclass(frozen=True, slots=True)
class DeletedRun:
    """What was deleted with a run.

    Attributes:
        configurations: How many.
        evaluations: How many.
        tokens: Of its attempts: the spool may hold outcomes of them.
    """

    configurations: int
    evaluations: int
    tokens: frozenset[str]


def delete_run(session: Session, name: str) -> DeletedRun:
    """Deletes a run with its configurations, evaluations, attempts, epochs, and workers that nothing else refers to.

    Raises:
        RunMissingError: If no run has that name.
        ClusterError: If a process serves the run.
    """
    run_id = _not_served(session, name, "delete")
    own = select(EvaluationRow.id).where(EvaluationRow.run_id == run_id)
    tokens = frozenset(session.scalars(select(AttemptRow.token).where(AttemptRow.evaluation_id.in_(own))))
    workers = {
        *session.scalars(select(AttemptRow.worker_id).where(AttemptRow.evaluation_id.in_(own)).distinct()),
        *session.scalars(
            select(EvaluationRow.worker_id)
            .where(EvaluationRow.run_id == run_id, EvaluationRow.worker_id.is_not(None))
            .distinct()
        ),
    }
    counts = [
        session.scalars(select(func.count()).select_from(row).where(row.run_id == run_id)).one()
        for row in (ConfigurationRow, EvaluationRow)
    ]
    session.execute(delete(RunRow).where(RunRow.id == run_id))  # the foreign keys take the rest along
    _delete_unused(session, sorted(workers))
    configurations, evaluations = counts
    return DeletedRun(configurations, evaluations, tokens)


def _delete_unused(session: Session, workers: Sequence[int]) -> None:
    """Deletes those of the workers that neither an attempt nor an evaluation refers to.

    In PostgreSQL a worker that another transaction is about to refer to is locked, and left.
    """
    free = select(WorkerRow.id).where(WorkerRow.id.in_(workers)).with_for_update(skip_locked=True)
    workers = session.scalars(free).all()
    used = {
        *session.scalars(select(AttemptRow.worker_id).where(AttemptRow.worker_id.in_(workers)).distinct()),
        *session.scalars(select(EvaluationRow.worker_id).where(EvaluationRow.worker_id.in_(workers)).distinct()),
    }
    unused = [worker for worker in workers if worker not in used]
    session.execute(delete(WorkerRow).where(WorkerRow.id.in_(unused)))


def _not_served(session: Session, name: str, verb: str) -> int:
    """The id of a run that no process serves; its row stays locked until the transaction ends.

    Raises:
        RunMissingError: If no run has that name.
        ClusterError: If a process serves it.
    """
    run_id = require_run(session, name)
    lease = session.execute(
        select(RunRow.lease_owner, RunRow.lease_expires_at).where(RunRow.id == run_id).with_for_update()
    ).one()
    owner = lease.lease_owner
    if owner is not None and lease.lease_expires_at > database_now(session) and lives(owner) is not False:
        host, pid = owner.split(":")[:2] if ":" in owner else ("?", owner)
        raise ClusterError(
            f"the run {name!r} is being run by process {pid} on {host}: end it first, as with "
            f"`das-hpo cancel {name}`, then {verb} it"
        )
    return run_id
