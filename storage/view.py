"""The view ``results``, for users who write SQL, and the same rows with typed columns for das-hpo's own queries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, case, func, select

from storage.statements import CONFIGURATIONS, EVALUATIONS, RUNS, WORKERS

#: The hyperparameters that have a column of their own beside the JSON ``hyperparameters``: those of ``inverse-1d``.
HYPERPARAMETER_COLUMNS: dict[str, type] = {
    "parameter_learning_rate": float,
    "parameter_weight_decay": float,
    "parameter_warm_up": bool,
    "alpha_learning_rate": float,
    "alpha_weight_decay": float,
    "alpha_warm_up": bool,
    "alpha_scheduler": str,
    "alpha_optimizer": str,
}


def _sources() -> dict[str, str]:
    """Where each column of the view comes from, in the view's order."""
    psnr = "CASE WHEN runs.metric = 'PSNR' THEN evaluations.{} END"
    return {
        "run": "runs.name",
        **{name: f"runs.{name}" for name in ("objective", "space", "operations", "data", "method")},
        **{name: f"configurations.{name}" for name in ("iteration", "stage", "number")},
        **{name: f"evaluations.{name}" for name in ("budget", "replicate", "seed", "status", "loss")},
        "one_shot_psnr": psnr.format("one_shot_score"),
        "architecture_psnr": psnr.format("architecture_score"),
        # The architecture of a baseline is given, so it is known before it is trained.
        "architecture": "coalesce(evaluations.architecture, configurations.architecture)",
        "origin": "configurations.origin",
        "worker": "workers.name",
        **{name: f"evaluations.{name}" for name in ("attempts", "started_at", "finished_at", "duration_s")},
        **{name: f"configurations.{name}" for name in HYPERPARAMETER_COLUMNS},
        **{name: f"evaluations.{name}" for name in ("message", "kernel", "device", "parameters", "sequence")},
        **{name: f"runs.{name}" for name in ("task", "metric")},
        **{name: f"evaluations.{name}" for name in ("one_shot_score", "architecture_score")},
        "settings": "runs.task_settings",
        "hyperparameters": "configurations.hyperparameters",
        **{name: f"evaluations.{name}" for name in ("extras", "fingerprint")},
    }


SOURCES = _sources()

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

_TABLES = {"runs": RUNS, "configurations": CONFIGURATIONS, "evaluations": EVALUATIONS, "workers": WORKERS}


def select_results() -> Select[Any]:
    """Selects what the view has, with typed columns, except ``settings``, which are read once for all rows of a run.

    The inner joins follow the order of the indexes, configuration by configuration, so that the first hundred rows of a
    run are found without reading the others.
    """
    psnr = RUNS.c.metric == "PSNR"
    special = {
        "one_shot_psnr": case((psnr, EVALUATIONS.c.one_shot_score)),
        "architecture_psnr": case((psnr, EVALUATIONS.c.architecture_score)),
        "architecture": func.coalesce(EVALUATIONS.c.architecture, CONFIGURATIONS.c.architecture),
    }
    columns = []
    for name, source in SOURCES.items():
        if name == "settings":
            continue
        table, _, plain = source.partition(".")
        columns.append((special[name] if name in special else _TABLES[table].c[plain]).label(name))
    return (
        select(*columns)
        .select_from(RUNS)
        .join(CONFIGURATIONS, CONFIGURATIONS.c.run_id == RUNS.c.id)
        .join(EVALUATIONS, EVALUATIONS.c.configuration_id == CONFIGURATIONS.c.id)
        .outerjoin(WORKERS, WORKERS.c.id == EVALUATIONS.c.worker_id)
    )


#: The columns of the view that are times, JSON, and numbers.
TIME_COLUMNS = ("started_at", "finished_at")
JSON_COLUMNS = ("settings", "hyperparameters", "extras")
FLOAT_COLUMNS = (
    "budget",
    "loss",
    "one_shot_psnr",
    "architecture_psnr",
    "one_shot_score",
    "architecture_score",
    "duration_s",
    *(name for name, kind in HYPERPARAMETER_COLUMNS.items() if kind is float),
)
BOOLEAN_COLUMNS = tuple(name for name, kind in HYPERPARAMETER_COLUMNS.items() if kind is bool)
INTEGER_COLUMNS = ("iteration", "stage", "number", "replicate", "seed", "attempts")
NULLABLE_INTEGER_COLUMNS = ("parameters", "sequence")
