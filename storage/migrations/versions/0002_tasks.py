"""Tasks: scores of any metric, hyperparameters and settings by name, and the fingerprint of the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from storage.migrations import refuse_downgrade

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Rows written at a time.
PART = 10_000

HYPERPARAMETERS: dict[str, sa.types.TypeEngine[Any]] = {
    "parameter_learning_rate": sa.Double(),
    "parameter_weight_decay": sa.Double(),
    "parameter_warm_up": sa.Boolean(),
    "alpha_learning_rate": sa.Double(),
    "alpha_weight_decay": sa.Double(),
    "alpha_warm_up": sa.Boolean(),
    "alpha_scheduler": sa.String(length=32),
    "alpha_optimizer": sa.String(length=32),
}

#: What was the same name in every run; the choices lie beside it.
PROBLEM = ("space", "operations", "data", "method")

#: A campaign of these methods searches with ``das``, or nothing at all.
METHODS = ("das", "das-single")

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
       CASE WHEN runs.metric = 'PSNR' THEN evaluations.one_shot_score END AS one_shot_psnr,
       CASE WHEN runs.metric = 'PSNR' THEN evaluations.architecture_score END AS architecture_psnr,
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
       evaluations.sequence AS sequence,
       runs.task AS task,
       runs.metric AS metric,
       evaluations.one_shot_score AS one_shot_score,
       evaluations.architecture_score AS architecture_score,
       runs.task_settings AS settings,
       configurations.hyperparameters AS hyperparameters,
       evaluations.extras AS extras,
       evaluations.fingerprint AS fingerprint
FROM evaluations
JOIN configurations ON configurations.run_id = evaluations.run_id AND configurations.id = evaluations.configuration_id
JOIN runs ON runs.id = evaluations.run_id
LEFT JOIN workers ON workers.id = evaluations.worker_id
"""


def upgrade() -> None:
    """Renames PSNRs to scores, and puts hyperparameters and settings into JSON; nothing is lost."""
    op.execute("DROP VIEW results")
    for name, kind, default in (
        ("task", sa.String(length=64), "'inverse-1d'"),
        ("metric", sa.String(length=64), "'PSNR'"),
        ("metric_unit", sa.String(length=64), "'dB'"),
        ("larger_is_better", sa.Boolean(), "true"),
        ("task_settings", sa.JSON(), "'{}'"),
    ):
        default = "1" if default == "true" and op.get_bind().dialect.name == "sqlite" else default
        op.add_column("runs", sa.Column(name, kind, server_default=sa.text(default), nullable=False))
    op.add_column("runs", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    op.add_column(
        "configurations", sa.Column("hyperparameters", sa.JSON(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("evaluations", sa.Column("extras", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
    op.add_column("evaluations", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    _fill_hyperparameters()
    _fill_settings()
    _let_hyperparameters_be_missing()
    for table, names in (("evaluations", ("one_shot", "architecture")), ("epochs", ("training", "validation"))):
        for name in names:
            op.execute(f"ALTER TABLE {table} RENAME COLUMN {name}_psnr TO {name}_score")
    op.execute(RESULTS)


def _let_hyperparameters_be_missing() -> None:
    """Other tasks have other ones. SQLite cannot alter a column, nor make the table anew without losing its rows."""
    if op.get_bind().dialect.name != "sqlite":
        for name in HYPERPARAMETERS:
            op.alter_column("configurations", name, nullable=True)
        return
    for name, kind in HYPERPARAMETERS.items():
        op.execute(f"ALTER TABLE configurations RENAME COLUMN {name} TO old_{name}")
        op.add_column("configurations", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE configurations SET " + ", ".join(f"{name} = old_{name}" for name in HYPERPARAMETERS))
    for name in HYPERPARAMETERS:
        op.drop_column("configurations", f"old_{name}")


def _fill_hyperparameters() -> None:
    """In Python, as SQLite's own JSON functions may round numbers."""
    columns: list[Any] = [sa.column("id"), *(sa.column(name, kind) for name, kind in HYPERPARAMETERS.items())]
    table = sa.table("configurations", *columns, sa.column("hyperparameters", sa.JSON()))
    connection = op.get_bind()
    change = sa.update(table).where(table.c.id == sa.bindparam("of_id"))
    for rows in _parts(sa.select(*(table.c[column.name] for column in columns)), table.c.id):
        connection.execute(
            change,
            [
                {"of_id": row.id, "hyperparameters": {name: getattr(row, name) for name in HYPERPARAMETERS}}
                for row in rows
            ],
        )


def _fill_settings() -> None:
    """The settings of ``inverse-1d``: its four names, and the choices that the run's settings hold."""
    names: list[Any] = [sa.column(name) for name in ("id", *PROBLEM)]
    table = sa.table("runs", *names, sa.column("settings", sa.JSON()), sa.column("task_settings", sa.JSON()))
    connection = op.get_bind()
    for row in connection.execute(sa.select(*(table.c[n] for n in ("id", *PROBLEM, "settings")))).all():
        settings: dict[str, Any] = {name: getattr(row, name) for name in PROBLEM}
        if settings["method"] not in METHODS:
            settings["method"] = "das"
        held = row.settings if isinstance(row.settings, dict) else json.loads(row.settings or "{}")
        settings |= held.get("choices") or {}
        connection.execute(sa.update(table).where(table.c.id == row.id).values(task_settings=settings))


def _parts(query: sa.Select[Any], key: sa.ColumnElement[Any]) -> Iterator[list[Any]]:
    last = -1
    while True:
        rows = list(op.get_bind().execute(query.where(key > last).order_by(key).limit(PART)).all())
        if not rows:
            return
        yield rows
        last = rows[-1].id


def downgrade() -> None:
    """Refuses: scores of other metrics have no place in the older schema."""
    refuse_downgrade(revision)
