"""The statements that a run executes for every evaluation, built once.

Building a statement takes SQLAlchemy several times as long as SQLite needs to execute it: 5 ms for each evaluation,
from its proposal to its stored outcome, against 1.5 ms. Parameters that select rows are named ``of_...``. Parameters to
which a column is set have the column's name, or ``to_...`` if the statement has that name already.
"""

from __future__ import annotations

from sqlalchemy import Insert, String, Table, bindparam, case, func, insert, literal, or_, select, update

from storage.entries import FINISHED_STATUSES, WorkerInfo
from storage.models import AttemptRow, Base, ConfigurationRow, EpochRow, EvaluationRow, RunRow, WorkerRow


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


RUNS, CONFIGURATIONS, EVALUATIONS = _table(RunRow), _table(ConfigurationRow), _table(EvaluationRow)
ATTEMPTS, EPOCHS, WORKERS = _table(AttemptRow), _table(EpochRow), _table(WorkerRow)

INSERT_RETURNING_ID: dict[Table, Insert] = {
    table: insert(table).returning(table.c.id) for table in (RUNS, CONFIGURATIONS, EVALUATIONS, ATTEMPTS, WORKERS)
}
INSERT_EPOCHS = insert(EPOCHS)
_OF_CONFIGURATION = tuple(
    CONFIGURATIONS.c[name] == bindparam(f"of_{name}") for name in ("run_id", "iteration", "stage", "number")
)
FIND_CONFIGURATION = select(CONFIGURATIONS.c.id).where(*_OF_CONFIGURATION)
FIND_EVALUATION = (
    select(EVALUATIONS.c.id)
    .join(CONFIGURATIONS, CONFIGURATIONS.c.id == EVALUATIONS.c.configuration_id)
    .where(
        *_OF_CONFIGURATION,
        EVALUATIONS.c.budget == bindparam("of_budget"),
        EVALUATIONS.c.replicate == bindparam("of_replicate"),
    )
)
#: Queues an evaluation of the configuration with that id within its run; gives no row if there is none.
QUEUE_EVALUATION = (
    insert(EVALUATIONS)
    .from_select(
        ["run_id", "configuration_id", "budget", "replicate", "seed", "status", "queued_at"],
        select(
            CONFIGURATIONS.c.run_id,
            CONFIGURATIONS.c.id,
            *(
                bindparam(f"to_{name}", type_=EVALUATIONS.c[name].type).label(name)
                for name in ("budget", "replicate", "seed")
            ),
            literal("queued", EVALUATIONS.c.status.type),
            bindparam("to_queued_at", type_=EVALUATIONS.c.queued_at.type),
        ).where(*_OF_CONFIGURATION),
    )
    .returning(EVALUATIONS.c.id)
)
WORKER_FIELDS = tuple(WorkerInfo.__dataclass_fields__)
FIND_WORKER = select(WORKERS.c.id).where(*(WORKERS.c[name] == bindparam(f"of_{name}") for name in WORKER_FIELDS))
#: An attempt and the status of its evaluation, whose row is locked (in PostgreSQL) until the transaction ends.
FIND_ATTEMPT = (
    select(
        ATTEMPTS.c.id,
        ATTEMPTS.c.evaluation_id,
        ATTEMPTS.c.worker_id,
        ATTEMPTS.c.started_at,
        EVALUATIONS.c.status,
    )
    .join(EVALUATIONS, EVALUATIONS.c.id == ATTEMPTS.c.evaluation_id)
    .where(ATTEMPTS.c.token == bindparam("of_token"))
    .with_for_update(of=EVALUATIONS)
)
RUN_THAT_WAITS = (
    select(EVALUATIONS.c.run_id)
    .join(ATTEMPTS, ATTEMPTS.c.evaluation_id == EVALUATIONS.c.id)
    .where(ATTEMPTS.c.token == bindparam("of_token"), EVALUATIONS.c.status.not_in(FINISHED_STATUSES))
)
STATUS_OF_EVALUATION = select(EVALUATIONS.c.status).where(EVALUATIONS.c.id == bindparam("of_evaluation"))
START_EVALUATION = (
    update(EVALUATIONS)
    .where(EVALUATIONS.c.id == bindparam("of_evaluation"), EVALUATIONS.c.status == "queued")
    .values(
        status="running",
        attempts=EVALUATIONS.c.attempts + 1,
        worker_id=FIND_WORKER.scalar_subquery(),
        started_at=bindparam("to_started_at"),
    )
    .returning(EVALUATIONS.c.attempts, EVALUATIONS.c.worker_id)
)
END_RUNNING_ATTEMPT = (
    update(ATTEMPTS)
    .where(ATTEMPTS.c.token == bindparam("of_token"), ATTEMPTS.c.status == "running")
    .returning(ATTEMPTS.c.evaluation_id)
)
SUPERSEDE = (
    update(ATTEMPTS)
    .where(ATTEMPTS.c.id == bindparam("of_attempt"), ATTEMPTS.c.status == "running")
    .values(status="superseded", finished_at=bindparam("to_finished_at"))
)
#: Marks the attempt that gave the outcome of its evaluation; another one that still runs is superseded.
COMPLETE_ATTEMPT = (
    update(ATTEMPTS)
    .where(
        ATTEMPTS.c.evaluation_id == bindparam("of_evaluation"),
        or_(ATTEMPTS.c.id == bindparam("of_attempt"), ATTEMPTS.c.status == "running"),
    )
    .values(
        status=case((ATTEMPTS.c.id == bindparam("of_attempt"), "completed"), else_="superseded"),
        finished_at=bindparam("to_finished_at"),
        message=case((ATTEMPTS.c.id != bindparam("of_attempt"), ATTEMPTS.c.message)),
    )
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
LEASE_OWNER = select(RUNS.c.lease_owner).where(RUNS.c.id == bindparam("of_run"))
#: For PostgreSQL: locks the run's row; a transaction that stands still for too long is ended by the server.
HOLD_LEASE = (
    select(
        RUNS.c.lease_owner,
        func.set_config("idle_in_transaction_session_timeout", bindparam("to_timeout", type_=String()), literal(True)),
    )
    .where(RUNS.c.id == bindparam("of_run"))
    .with_for_update()
)
