"""The statements that a run executes for every evaluation, built once.

Building them anew costs SQLAlchemy several times what SQLite needs to execute them: 5 ms an evaluation, from
its proposal to its stored outcome, against 1.5. Parameters that say which row are named ``of_...``, and those
that say to what a column is set have its name, or ``to_...`` where that is in the statement already.
"""

from __future__ import annotations

from sqlalchemy import Insert, Table, bindparam, insert, select, update

from storage.models import Attempt, Base, Configuration, Epoch, Evaluation, Run, Worker
from storage.records import WorkerInfo


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


RUNS, CONFIGURATIONS, EVALUATIONS = _table(Run), _table(Configuration), _table(Evaluation)
ATTEMPTS, EPOCHS, WORKERS = _table(Attempt), _table(Epoch), _table(Worker)

INSERT_RETURNING_ID: dict[Table, Insert] = {
    table: insert(table).returning(table.c.id) for table in (RUNS, CONFIGURATIONS, EVALUATIONS, ATTEMPTS, WORKERS)
}
INSERT_EPOCHS = insert(EPOCHS)
FIND_CONFIGURATION = select(CONFIGURATIONS.c.id).where(
    *(CONFIGURATIONS.c[name] == bindparam(name) for name in ("run_id", "iteration", "stage", "number"))
)
WORKER_FIELDS = tuple(WorkerInfo.__dataclass_fields__)
FIND_WORKER = select(WORKERS.c.id).where(*(WORKERS.c[name] == bindparam(name) for name in WORKER_FIELDS))
FIND_ATTEMPT = select(ATTEMPTS.c.id, ATTEMPTS.c.evaluation_id, ATTEMPTS.c.worker_id, ATTEMPTS.c.started_at).where(
    ATTEMPTS.c.token == bindparam("of_token")
)
STATUS_OF_EVALUATION = select(EVALUATIONS.c.status).where(EVALUATIONS.c.id == bindparam("of_evaluation"))
LOCK_EVALUATION = STATUS_OF_EVALUATION.with_for_update()
START_EVALUATION = (
    update(EVALUATIONS)
    .where(EVALUATIONS.c.id == bindparam("of_evaluation"), EVALUATIONS.c.status == "queued")
    .values(
        status="running",
        attempts=EVALUATIONS.c.attempts + 1,
        worker_id=bindparam("to_worker"),
        started_at=bindparam("to_started_at"),
    )
    .returning(EVALUATIONS.c.attempts)
)
END_RUNNING_ATTEMPT = (
    update(ATTEMPTS)
    .where(ATTEMPTS.c.token == bindparam("of_token"), ATTEMPTS.c.status == "running")
    .returning(ATTEMPTS.c.evaluation_id)
)
_SUPERSEDE = (
    update(ATTEMPTS)
    .where(ATTEMPTS.c.evaluation_id == bindparam("of_evaluation"), ATTEMPTS.c.status == "running")
    .values(status="superseded", finished_at=bindparam("to_finished_at"))
)
SUPERSEDE_OTHERS = _SUPERSEDE.where(ATTEMPTS.c.id != bindparam("of_attempt"))
SUPERSEDE_THIS = _SUPERSEDE.where(ATTEMPTS.c.id == bindparam("of_attempt"))
COMPLETE_ATTEMPT = (
    update(ATTEMPTS)
    .where(ATTEMPTS.c.id == bindparam("of_attempt"))
    .values(status="completed", finished_at=bindparam("to_finished_at"), message=None)
)
CHANGE_EVALUATION = update(EVALUATIONS).where(EVALUATIONS.c.id == bindparam("of_evaluation"))
NEXT_SEQUENCE = (
    update(RUNS)
    .where(
        RUNS.c.id
        == select(EVALUATIONS.c.run_id).where(EVALUATIONS.c.id == bindparam("of_evaluation")).scalar_subquery()
    )
    .values(sequence=RUNS.c.sequence + 1)
    .returning(RUNS.c.sequence)
)
