"""The workers of a run: who computed for it, and how their attempts ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from storage.engine import Database
from storage.entries import WorkerInfo
from storage.run_names import require_run
from storage.statements import ATTEMPTS, EVALUATIONS, WORKERS


@dataclass(frozen=True, slots=True)
class RunWorker:
    """A worker that was given work of a run.

    Attributes:
        info: Who it is.
        attempts: How many of its attempts have each status; a status without any is missing.
    """

    info: WorkerInfo
    attempts: Mapping[str, int]


def workers_of(database: Database, run: str) -> list[RunWorker]:
    """The workers of a run, those with the most attempts first.

    Raises:
        RunMissingError: If no run has that name.
    """
    fields = [WORKERS.c[name] for name in ("name", "host", "pid", "device", "version")]
    with database.read() as session:
        counted = (
            select(ATTEMPTS.c.worker_id, ATTEMPTS.c.status, func.count().label("count"))
            .join(EVALUATIONS, EVALUATIONS.c.id == ATTEMPTS.c.evaluation_id)
            .where(EVALUATIONS.c.run_id == require_run(session, run))
            .group_by(ATTEMPTS.c.worker_id, ATTEMPTS.c.status)
            .subquery()
        )
        query = select(*fields, counted.c.status, counted.c.count).join(counted, counted.c.worker_id == WORKERS.c.id)
        found: dict[WorkerInfo, dict[str, int]] = {}
        for *who, status, count in session.execute(query):
            found.setdefault(WorkerInfo(*who), {})[status] = count
    workers = [RunWorker(info, attempts) for info, attempts in found.items()]
    return sorted(workers, key=lambda worker: (-sum(worker.attempts.values()), worker.info.name))
