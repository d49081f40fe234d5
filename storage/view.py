"""The view ``results`` for people who write SQL: one row per evaluation, and its typed columns for our queries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Double, Select, func, select
from sqlalchemy.types import TypeEngine

from spaces.hyperparameters import HYPERPARAMETERS
from storage.models import Configuration, UtcDateTime
from storage.statements import CONFIGURATIONS, EVALUATIONS, RUNS, WORKERS

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
    + "\nJOIN configurations ON configurations.run_id = evaluations.run_id"
    + " AND configurations.id = evaluations.configuration_id"
    + "\nJOIN runs ON runs.id = evaluations.run_id"
    + "\nLEFT JOIN workers ON workers.id = evaluations.worker_id"
)

_TYPES: dict[str, TypeEngine[Any]] = {
    **{name: Configuration.__table__.c[name].type for name in HYPERPARAMETERS},
    "started_at": UtcDateTime(),
    "finished_at": UtcDateTime(),
}

_TABLES = {"runs": RUNS, "configurations": CONFIGURATIONS, "evaluations": EVALUATIONS, "workers": WORKERS}


def select_results() -> Select[Any]:
    """What the view selects, with typed columns.

    The joins are inner ones in an order that the indexes follow: configuration by configuration, so that
    the first hundred rows of a run are found without a look at the others.
    """
    columns = []
    for name, source in SOURCES.items():
        table, _, plain = source.partition(".")
        given = func.coalesce(EVALUATIONS.c.architecture, CONFIGURATIONS.c.architecture)
        columns.append(given.label(name) if source.startswith("coalesce") else _TABLES[table].c[plain].label(name))
    return (
        select(*columns)
        .select_from(RUNS)
        .join(CONFIGURATIONS, CONFIGURATIONS.c.run_id == RUNS.c.id)
        .join(EVALUATIONS, EVALUATIONS.c.configuration_id == CONFIGURATIONS.c.id)
        .outerjoin(WORKERS, WORKERS.c.id == EVALUATIONS.c.worker_id)
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
