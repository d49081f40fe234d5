"""The schema: tables, their constraints and indexes, and the view ``results``.

    runs ── configurations ── evaluations ── attempts ── workers
                                   └── epochs

The migrations (storage/migrations) make the tables; a test compares both. The rules that rows must keep are constraints
here, so that no writer can break them: a status is one of the known words, an evaluation is unique by (configuration,
budget, replicate), has at most one completed and one running attempt, has a ``sequence`` exactly when it is finished,
and a ``loss`` only when it is completed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from storage.entries import ATTEMPT_STATUSES, EVALUATION_STATUSES, ORIGINS, RUN_KINDS, RUN_REQUESTS, RUN_STATUSES

#: Schema revisions, the oldest first; the last is the one this das-hpo reads and writes.
REVISIONS = ("0001", "0002", "0003")

#: SQLite numbers rows by itself only if the key is declared INTEGER, which holds 64 bits there.
Id = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC: ``timestamptz`` in PostgreSQL, and in SQLite text that its own functions can read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Converts to UTC; SQLite's text has no time zone."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Converts back to an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _among(column: str, words: Iterable[str]) -> CheckConstraint:
    valid = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({valid})", name=f"{column}_known")


class Base(DeclarativeBase):
    """The base of all models; constraints get names, by which migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class RunRow(Base):
    """One optimisation or campaign; ``sequence`` counts its finished evaluations, the lease names its process."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("name"),
        _among("kind", RUN_KINDS),
        _among("status", RUN_STATUSES),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="lease_whole"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    objective: Mapped[str] = mapped_column(String(32))
    space: Mapped[str] = mapped_column(String(64))
    operations: Mapped[str] = mapped_column(String(64))
    data: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(64))
    optimizer: Mapped[str] = mapped_column(String(64))
    seed: Mapped[int] = mapped_column(BigInteger())
    settings: Mapped[dict[str, Any]] = mapped_column(JSON())
    version: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(Integer(), server_default=text("0"))
    lease_owner: Mapped[str | None] = mapped_column(String())
    lease_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    message: Mapped[str | None] = mapped_column(String())
    task: Mapped[str] = mapped_column(String(64), server_default=text("'inverse-1d'"))
    metric: Mapped[str] = mapped_column(String(64), server_default=text("'PSNR'"))
    metric_unit: Mapped[str] = mapped_column(String(64), server_default=text("'dB'"))
    larger_is_better: Mapped[bool] = mapped_column(server_default=true())
    task_settings: Mapped[dict[str, Any]] = mapped_column(JSON(), server_default=text("'{}'"))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    request: Mapped[str | None] = mapped_column(String(16), _among("request", RUN_REQUESTS))
    note: Mapped[str | None] = mapped_column(String())
    tags: Mapped[list[str]] = mapped_column(JSON(), server_default=text("'[]'"))


class ConfigurationRow(Base):
    """One point of the hyperparameter space, with hpbandster's id within its run."""

    __tablename__ = "configurations"
    __table_args__ = (
        UniqueConstraint("run_id", "iteration", "stage", "number"),
        UniqueConstraint("run_id", "id"),  # what the composite foreign key of evaluations refers to
        _among("origin", ORIGINS),
        CheckConstraint("iteration >= 0 AND stage >= 0 AND number >= 0", name="id_valid"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    iteration: Mapped[int] = mapped_column(Integer())
    stage: Mapped[int] = mapped_column(Integer())
    number: Mapped[int] = mapped_column(Integer())
    origin: Mapped[str] = mapped_column(String(16))
    info: Mapped[dict[str, Any]] = mapped_column(JSON())
    architecture: Mapped[str | None] = mapped_column(String())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    hyperparameters: Mapped[dict[str, Any]] = mapped_column(JSON(), server_default=text("'{}'"))
    # The hyperparameters of inverse-1d again, for users' SQL; NULL where the task has no such hyperparameter.
    parameter_learning_rate: Mapped[float | None] = mapped_column(Double())
    parameter_weight_decay: Mapped[float | None] = mapped_column(Double())
    parameter_warm_up: Mapped[bool | None]
    alpha_learning_rate: Mapped[float | None] = mapped_column(Double())
    alpha_weight_decay: Mapped[float | None] = mapped_column(Double())
    alpha_warm_up: Mapped[bool | None]
    alpha_scheduler: Mapped[str | None] = mapped_column(String(32))
    alpha_optimizer: Mapped[str | None] = mapped_column(String(32))


class WorkerRow(Base):
    """A worker process that was given work."""

    __tablename__ = "workers"
    __table_args__ = (UniqueConstraint("name", "host", "pid", "device", "version"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String())
    host: Mapped[str] = mapped_column(String())
    pid: Mapped[int] = mapped_column(BigInteger())
    device: Mapped[str] = mapped_column(String())
    version: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())


class EvaluationRow(Base):
    """One configuration at one budget with one seed, and its outcome once there is one.

    ``attempts`` and ``worker_id`` repeat what the rows of the attempts say, so that a million rows of ``results`` can
    be read without a second table; ``das-hpo db check`` compares both.
    """

    __tablename__ = "evaluations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "configuration_id"], ["configurations.run_id", "configurations.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("configuration_id", "budget", "replicate"),
        UniqueConstraint("run_id", "sequence"),
        # Answers runs, show and incumbents (counts and best loss by run, status and budget) by itself.
        Index(None, "run_id", "status", "budget", "loss"),
        _among("status", EVALUATION_STATUSES),
        CheckConstraint("budget > 0", name="budget_positive"),
        CheckConstraint("replicate >= 0", name="replicate_valid"),
        CheckConstraint(
            "(sequence IS NOT NULL) = (status IN ('completed', 'diverged', 'failed'))", name="sequence_when_finished"
        ),
        CheckConstraint("(sequence IS NULL) = (finished_at IS NULL)", name="finished_at_when_finished"),
        CheckConstraint("loss IS NULL OR status = 'completed'", name="loss_when_completed"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    run_id: Mapped[int] = mapped_column(Id)
    configuration_id: Mapped[int] = mapped_column(Id)
    budget: Mapped[float] = mapped_column(Double())
    replicate: Mapped[int] = mapped_column(Integer())
    seed: Mapped[int] = mapped_column(BigInteger())
    status: Mapped[str] = mapped_column(String(16))
    sequence: Mapped[int | None] = mapped_column(Integer())
    loss: Mapped[float | None] = mapped_column(Double())
    one_shot_score: Mapped[float | None] = mapped_column(Double())
    architecture_score: Mapped[float | None] = mapped_column(Double())
    architecture: Mapped[str | None] = mapped_column(String())
    parameters: Mapped[int | None] = mapped_column(Integer())
    kernel: Mapped[str | None] = mapped_column(String(32))
    device: Mapped[str | None] = mapped_column(String())
    attempts: Mapped[int] = mapped_column(Integer(), server_default=text("0"))
    worker_id: Mapped[int | None] = mapped_column(ForeignKey("workers.id"))
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime())
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    duration_s: Mapped[float | None] = mapped_column(Double())
    search_s: Mapped[float | None] = mapped_column(Double())
    retrain_s: Mapped[float | None] = mapped_column(Double())
    message: Mapped[str | None] = mapped_column(String())
    extras: Mapped[dict[str, float]] = mapped_column(JSON(), server_default=text("'{}'"))
    fingerprint: Mapped[str | None] = mapped_column(String(64))


class AttemptRow(Base):
    """One try of an evaluation by one worker; the worker's report names its token."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("token"),
        UniqueConstraint("evaluation_id", "number"),
        _among("status", ATTEMPT_STATUSES),
        CheckConstraint("(status = 'running') = (finished_at IS NULL)", name="finished_at_when_finished"),
        CheckConstraint("number >= 1", name="number_valid"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluations.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer())
    token: Mapped[str] = mapped_column(String(128))
    worker_id: Mapped[int] = mapped_column(ForeignKey("workers.id"))
    status: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime())
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    message: Mapped[str | None] = mapped_column(String())


#: At most one attempt of an evaluation is completed, and at most one is running. They are text, because an ``Index``
#: with a condition imports both dialects wherever the models are imported, which takes a tenth of ``das-hpo runs``.
PARTIAL_INDEXES: dict[str, str] = {
    f"uq_attempts_{status}": (
        f"CREATE UNIQUE INDEX uq_attempts_{status} ON attempts (evaluation_id) WHERE status = '{status}'"
    )
    for status in ("completed", "running")
}
for _statement in PARTIAL_INDEXES.values():
    event.listen(AttemptRow.__table__, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]


class EpochRow(Base):
    """One point of a learning curve."""

    __tablename__ = "epochs"
    # Without row ids the table has half the size in SQLite: rows are stored in the order of the key, as they are read.
    __table_args__ = ({"sqlite_with_rowid": False},)

    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True)
    phase: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer(), primary_key=True)
    training_loss: Mapped[float | None] = mapped_column(Double())
    training_score: Mapped[float | None] = mapped_column(Double())
    validation_loss: Mapped[float | None] = mapped_column(Double())
    validation_score: Mapped[float | None] = mapped_column(Double())
    alpha: Mapped[list[list[float | None]] | None] = mapped_column(JSON(none_as_null=True))
