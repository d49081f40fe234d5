"""The first schema: runs, configurations, evaluations, attempts, epochs, workers and the view results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.migrations import refuse_downgrade

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite only numbers rows by itself where the key is declared INTEGER (which there holds 64 bits).
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

RESULTS = """
CREATE VIEW results AS
SELECT runs.name AS run,
       runs.objective AS objective,
       runs.space AS space,
       runs.operations AS operations,
       runs.data AS data,
       runs.method AS method,
       configurations.iteration AS iteration,
       configurations.stage AS stage,
       configurations.number AS number,
       evaluations.budget AS budget,
       evaluations.replicate AS replicate,
       evaluations.seed AS seed,
       evaluations.status AS status,
       evaluations.loss AS loss,
       evaluations.one_shot_psnr AS one_shot_psnr,
       evaluations.architecture_psnr AS architecture_psnr,
       coalesce(evaluations.architecture, configurations.architecture) AS architecture,
       configurations.origin AS origin,
       workers.name AS worker,
       evaluations.attempts AS attempts,
       evaluations.started_at AS started_at,
       evaluations.finished_at AS finished_at,
       evaluations.duration_s AS duration_s,
       configurations.parameter_learning_rate AS parameter_learning_rate,
       configurations.parameter_weight_decay AS parameter_weight_decay,
       configurations.parameter_warm_up AS parameter_warm_up,
       configurations.alpha_learning_rate AS alpha_learning_rate,
       configurations.alpha_weight_decay AS alpha_weight_decay,
       configurations.alpha_warm_up AS alpha_warm_up,
       configurations.alpha_scheduler AS alpha_scheduler,
       configurations.alpha_optimizer AS alpha_optimizer,
       evaluations.message AS message,
       evaluations.kernel AS kernel,
       evaluations.device AS device,
       evaluations.parameters AS parameters,
       evaluations.sequence AS sequence
FROM evaluations
JOIN configurations ON configurations.run_id = evaluations.run_id AND configurations.id = evaluations.configuration_id
JOIN runs ON runs.id = evaluations.run_id
LEFT JOIN workers ON workers.id = evaluations.worker_id
"""


def upgrade() -> None:
    """Makes everything."""
    _make_runs()
    _make_workers()
    _make_configurations()
    _make_evaluations()
    _make_attempts()
    _make_epochs()
    op.execute(RESULTS)


def _make_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("objective", sa.String(length=32), nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("operations", sa.String(length=64), nullable=False),
        sa.Column("data", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("optimizer", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.CheckConstraint("kind IN ('run', 'campaign')", name=op.f("ck_runs_kind_known")),
        sa.CheckConstraint(
            "status IN ('running', 'completed', 'interrupted', 'failed')", name=op.f("ck_runs_status_known")
        ),
        sa.CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name=op.f("ck_runs_lease_whole")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("name", name=op.f("uq_runs_name")),
    )


def _make_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        sa.UniqueConstraint(
            "name", "host", "pid", "device", "version", name=op.f("uq_workers_name_host_pid_device_version")
        ),
    )


def _make_configurations() -> None:
    op.create_table(
        "configurations",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("info", sa.JSON(), nullable=False),
        sa.Column("parameter_learning_rate", sa.Double(), nullable=False),
        sa.Column("parameter_weight_decay", sa.Double(), nullable=False),
        sa.Column("parameter_warm_up", sa.Boolean(), nullable=False),
        sa.Column("alpha_learning_rate", sa.Double(), nullable=False),
        sa.Column("alpha_weight_decay", sa.Double(), nullable=False),
        sa.Column("alpha_warm_up", sa.Boolean(), nullable=False),
        sa.Column("alpha_scheduler", sa.String(length=32), nullable=False),
        sa.Column("alpha_optimizer", sa.String(length=32), nullable=False),
        sa.Column("architecture", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "origin IN ('model', 'random', 'preset', 'fixed')", name=op.f("ck_configurations_origin_known")
        ),
        sa.CheckConstraint("iteration >= 0 AND stage >= 0 AND number >= 0", name=op.f("ck_configurations_id_valid")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_configurations_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configurations")),
        sa.UniqueConstraint("run_id", "id", name=op.f("uq_configurations_run_id_id")),
        sa.UniqueConstraint(
            "run_id", "iteration", "stage", "number", name=op.f("uq_configurations_run_id_iteration_stage_number")
        ),
    )


def _make_evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("configuration_id", ID, nullable=False),
        sa.Column("budget", sa.Double(), nullable=False),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("loss", sa.Double(), nullable=True),
        sa.Column("one_shot_psnr", sa.Double(), nullable=True),
        sa.Column("architecture_psnr", sa.Double(), nullable=True),
        sa.Column("architecture", sa.String(), nullable=True),
        sa.Column("parameters", sa.Integer(), nullable=True),
        sa.Column("kernel", sa.String(length=32), nullable=True),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("worker_id", ID, nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("search_s", sa.Double(), nullable=True),
        sa.Column("retrain_s", sa.Double(), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(sequence IS NOT NULL) = (status IN ('completed', 'diverged', 'failed'))",
            name=op.f("ck_evaluations_sequence_when_finished"),
        ),
        sa.CheckConstraint("loss IS NULL OR status = 'completed'", name=op.f("ck_evaluations_loss_when_completed")),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'diverged', 'failed')",
            name=op.f("ck_evaluations_status_known"),
        ),
        sa.CheckConstraint(
            "(sequence IS NULL) = (finished_at IS NULL)", name=op.f("ck_evaluations_finished_at_when_finished")
        ),
        sa.CheckConstraint("budget > 0", name=op.f("ck_evaluations_budget_positive")),
        sa.CheckConstraint("replicate >= 0", name=op.f("ck_evaluations_replicate_valid")),
        sa.ForeignKeyConstraint(
            ["run_id", "configuration_id"],
            ["configurations.run_id", "configurations.id"],
            name=op.f("fk_evaluations_run_id_configuration_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name=op.f("fk_evaluations_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluations")),
        sa.UniqueConstraint(
            "configuration_id", "budget", "replicate", name=op.f("uq_evaluations_configuration_id_budget_replicate")
        ),
        sa.UniqueConstraint("run_id", "sequence", name=op.f("uq_evaluations_run_id_sequence")),
    )
    op.create_index(
        op.f("ix_evaluations_run_id_status_budget_loss"),
        "evaluations",
        ["run_id", "status", "budget", "loss"],
        unique=False,
    )


def _make_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", ID, nullable=False),
        sa.Column("evaluation_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=128), nullable=False),
        sa.Column("worker_id", ID, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(status = 'running') = (finished_at IS NULL)", name=op.f("ck_attempts_finished_at_when_finished")
        ),
        sa.CheckConstraint(
            "status IN ('running', 'completed', 'lost', 'handed-back', 'error', 'superseded')",
            name=op.f("ck_attempts_status_known"),
        ),
        sa.CheckConstraint("number >= 1", name=op.f("ck_attempts_number_valid")),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name=op.f("fk_attempts_evaluation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["workers.id"], name=op.f("fk_attempts_worker_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("evaluation_id", "number", name=op.f("uq_attempts_evaluation_id_number")),
        sa.UniqueConstraint("token", name=op.f("uq_attempts_token")),
    )
    op.create_index(
        "uq_attempts_completed",
        "attempts",
        ["evaluation_id"],
        unique=True,
        sqlite_where=sa.text("status = 'completed'"),
        postgresql_where=sa.text("status = 'completed'"),
    )
    op.create_index(
        "uq_attempts_running",
        "attempts",
        ["evaluation_id"],
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    )


def _make_epochs() -> None:
    op.create_table(
        "epochs",
        sa.Column("evaluation_id", ID, nullable=False),
        sa.Column("phase", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("training_loss", sa.Double(), nullable=True),
        sa.Column("training_psnr", sa.Double(), nullable=True),
        sa.Column("validation_loss", sa.Double(), nullable=True),
        sa.Column("validation_psnr", sa.Double(), nullable=True),
        sa.Column("alpha", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name=op.f("fk_epochs_evaluation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("evaluation_id", "phase", "epoch", name=op.f("pk_epochs")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuses: without this schema nothing of the database would be left."""
    refuse_downgrade(revision)
