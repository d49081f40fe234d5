"""The view ``results`` for people who write SQL: one row per evaluation, and its typed columns for our queries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnClause, Double, TableClause, column, table
from sqlalchemy.types import TypeEngine

from spaces.hyperparameters import HYPERPARAMETERS
from storage.models import Configuration, UtcDateTime
from storage.records import RESULT_COLUMNS

#: Where each column of the view comes from, in the view's order.
SOURCES: dict[str, str] = {
    "run": "runs.name",
    **{name: f"runs.{name}" for name in ("objective", "space", "operations", "data", "method")},
    **{name: f"configurations.{name}" for name in ("iteration", "stage", "number")},
    **{name: f"evaluations.{name}" for name in ("budget", "replicate", "seed", "status", "loss")},
    **{name: f"evaluations.{name}" for name in ("one_shot_psnr", "architecture_psnr")},
    # A baseline's given architecture is known before it is trained.
    "architecture": "coalesce(evaluations.architecture, configurations.architecture)",
    "origin": "configurations.origin",
    "worker": "workers.name",
    **{name: f"evaluations.{name}" for name in ("attempts", "started_at", "finished_at", "duration_s")},
    **{name: f"configurations.{name}" for name in HYPERPARAMETERS},
    **{name: f"evaluations.{name}" for name in ("message", "kernel", "device", "parameters", "sequence")},
}

#: The statement that makes the view; a migration that changes it drops it first.
CREATE_RESULTS = (
    "CREATE VIEW results AS\nSELECT "
    + ",\n       ".join(f"{source} AS {name}" for name, source in SOURCES.items())
    + "\nFROM evaluations"
    # Foreign keys hold that there is exactly one of each; LEFT lets databases leave out what a query does not use.
    + "\nLEFT JOIN configurations ON configurations.run_id = evaluations.run_id"
    + " AND configurations.id = evaluations.configuration_id"
    + "\nLEFT JOIN runs ON runs.id = evaluations.run_id"
    + "\nLEFT JOIN workers ON workers.id = evaluations.worker_id"
)

_TYPES: dict[str, TypeEngine[Any]] = {
    **{name: Configuration.__table__.c[name].type for name in HYPERPARAMETERS},
    "started_at": UtcDateTime(),
    "finished_at": UtcDateTime(),
}

#: The view as SQLAlchemy sees it.
RESULTS: TableClause = table(
    "results", *(ColumnClause(name, _TYPES[name]) if name in _TYPES else column(name) for name in RESULT_COLUMNS)
)

#: Columns of the view that are booleans, and those that are times.
BOOLEAN_COLUMNS = tuple(name for name, kind in _TYPES.items() if isinstance(kind, Boolean))
TIME_COLUMNS = tuple(name for name, kind in _TYPES.items() if isinstance(kind, UtcDateTime))
FLOAT_COLUMNS = (
    "budget",
    "loss",
    "one_shot_psnr",
    "architecture_psnr",
    "duration_s",
    *(name for name, kind in _TYPES.items() if isinstance(kind, Double)),
)
INTEGER_COLUMNS = ("iteration", "stage", "number", "replicate", "seed", "attempts")
NULLABLE_INTEGER_COLUMNS = ("parameters", "sequence")
TEXT_COLUMNS = tuple(
    name
    for name in RESULT_COLUMNS
    if name not in {*BOOLEAN_COLUMNS, *TIME_COLUMNS, *FLOAT_COLUMNS, *INTEGER_COLUMNS, *NULLABLE_INTEGER_COLUMNS}
)
