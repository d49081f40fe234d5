"""A run as MLflow's tracking store: a SQLite database (through MLflow itself), or a folder of MLflow's file store.

An experiment is a run, a run of MLflow's is one evaluation: hyperparameters and budget are its parameters, scores and
learning curves its metrics (steps are epochs), everything else its tags. The file store is written by its definition,
without MLflow; current versions of MLflow read it with ``MLFLOW_ALLOW_FILE_STORE=true``, or take it over with ``mlflow
migrate-filestore``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.exports.source import ExportedRun, id_of, key_of, seconds
from das_hpo.analysis.exports.writing import ExportFormat
from spaces.errors import UsageError

if TYPE_CHECKING:
    from storage.records import ResultRecord

#: Endings of files that are written as a SQLite database; everything else is a folder.
SQLITE = (".db", ".sqlite", ".sqlite3")

#: MLflow's numbers of statuses in the file store.
STATUSES = {"FINISHED": 3, "FAILED": 4}

_CURVES = ("training_loss", "training_score", "validation_loss", "validation_score")

#: The longest value of a parameter or tag.
_MOST = 5000


@dataclass(frozen=True, slots=True)
class MlflowRun:
    """One evaluation in MLflow's words; a metric's points are (value, milliseconds since 1970, step)."""

    name: str
    status: str
    begun_ms: int
    ended_ms: int
    params: Mapping[str, str]
    metrics: Mapping[str, list[tuple[float, int, int]]]
    tags: Mapping[str, str]


def write(run: ExportedRun, draft: Path, target: Path) -> str:
    """Writes the store."""
    if target.suffix.lower() in SQLITE:
        _write_database(run, draft)
    else:
        _write_folder(run, draft, target)
    return ""


def runs(run: ExportedRun) -> Iterator[MlflowRun]:
    """The evaluations, in the order in which they ended."""
    for row in sorted(run.evaluations, key=lambda one: one.sequence or 0):
        ended = round(1000 * seconds(row.finished_at))
        params = {**row.hyperparameters, "budget": row.budget, "replicate": row.replicate, "seed": row.seed}
        yield MlflowRun(
            name=f"{id_of(row)} at {row.budget:g} epochs" + (f", {row.replicate}" if row.replicate else ""),
            status="FINISHED" if row.status == "completed" else "FAILED",
            begun_ms=round(1000 * seconds(row.started_at)) or ended,
            ended_ms=ended,
            params={_word(name): _text(value) for name, value in params.items() if value is not None},
            metrics=_metrics(run, row, ended),
            tags={f"das_hpo.{name}": _text(value) for name, value in _tags(run, row).items() if value is not None},
        )


def _metrics(run: ExportedRun, row: ResultRecord, ended_ms: int) -> dict[str, list[tuple[float, int, int]]]:
    named = {name: getattr(row, name) for name in ("one_shot_score", "architecture_score", "loss", "duration_s")}
    metrics = {
        _word(name): [(float(value), ended_ms, round(row.budget))]
        for name, value in {**row.extras, **named}.items()
        if value is not None
    }
    for point in run.curves.get(key_of(row), ()):
        for name in _CURVES:
            value = getattr(point, name)
            if value is not None:
                metrics.setdefault(_word(f"{point.phase}.{name}"), []).append((value, ended_ms, point.epoch))
    return metrics


def _tags(run: ExportedRun, row: ResultRecord) -> dict[str, Any]:
    names = ("status", "origin", "architecture", "worker", "device", "kernel", "message", "fingerprint", "parameters")
    record = run.record
    more = {"run": record.name, "kind": record.kind, "objective": record.objective, "task": record.task}
    return {**more, "configuration": id_of(row), **{name: getattr(row, name) for name in names}}


def _experiment_tags(run: ExportedRun) -> dict[str, str]:
    record = run.record
    found = {"metric": record.metric, "optimizer": record.optimizer, "note": record.note, "seed": record.seed}
    tags = {f"das_hpo.{name}": _text(value) for name, value in found.items() if value is not None}
    return {**tags, **{f"das_hpo.setting.{_word(n)}": _text(v) for n, v in record.task_settings.items()}}


def _word(name: str) -> str:
    """A name that MLflow takes, and that is one file of its file store."""
    return re.sub(r"[^\w. -]", "_", name)[:250].lstrip(".") or "_"


def _text(value: object) -> str:
    return str(value)[:_MOST]


def _write_database(run: ExportedRun, draft: Path) -> None:
    try:
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise UsageError(
            "a SQLite store is written through MLflow, which is not installed here: pip install 'das-hpo[mlflow]', or "
            "give -o a name without .db for a folder of MLflow's file store, which needs nothing"
        ) from None
    for name in ("mlflow", "alembic"):  # which tell of every table that they make
        logging.getLogger(name).setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=f"sqlite:///{draft.resolve()}")
    experiment = client.create_experiment(run.record.name, tags=_experiment_tags(run))
    for one in runs(run):
        made = client.create_run(
            experiment, start_time=one.begun_ms, run_name=one.name, tags=dict(one.tags)
        ).info.run_id
        metrics = [Metric(name, value, at, step) for name, points in one.metrics.items() for value, at, step in points]
        params = [Param(name, value) for name, value in one.params.items()]
        for first in range(0, max(len(metrics), 1), 900):
            client.log_batch(made, metrics[first : first + 900], params if first == 0 else (), ())
        client.set_terminated(made, one.status, end_time=one.ended_ms)


def _write_folder(run: ExportedRun, draft: Path, target: Path) -> None:
    """MLflow's file store: a folder an experiment, in it one a run, with a file for each parameter, metric and tag."""
    experiment = str(int.from_bytes(_digest(run.record.name)[:7], "big"))
    place = target.resolve() / experiment
    begun = round(1000 * seconds(run.record.created_at))
    folder = draft / experiment
    folder.mkdir(parents=True)
    _write_yaml(
        folder / "meta.yaml",
        artifact_location=place.as_uri(),
        creation_time=begun,
        experiment_id=experiment,
        last_update_time=begun,
        lifecycle_stage="active",
        name=run.record.name,
    )
    _write_values(folder / "tags", _experiment_tags(run))
    for number, one in enumerate(runs(run)):
        identifier = _digest(f"{run.record.name}\n{number}").hex()[:32]
        made = folder / identifier
        for name in ("artifacts", "metrics"):
            (made / name).mkdir(parents=True)
        _write_yaml(
            made / "meta.yaml",
            artifact_uri=f"{place.as_uri()}/{identifier}/artifacts",
            end_time=one.ended_ms,
            entry_point_name="",
            experiment_id=experiment,
            lifecycle_stage="active",
            run_id=identifier,
            run_name=one.name,
            source_name="",
            source_type=4,
            source_version="",
            start_time=one.begun_ms,
            status=STATUSES[one.status],
            tags=[],
            user_id="das-hpo",
        )
        _write_values(made / "params", one.params)
        _write_values(made / "tags", {"mlflow.runName": one.name, **one.tags})
        for name, points in one.metrics.items():
            lines = "".join(f"{at} {value!r} {step}\n" for value, at, step in points)
            (made / "metrics" / name).write_text(lines)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _write_yaml(path: Path, **values: Any) -> None:
    """One ``name: value`` a line; JSON is YAML."""
    path.write_text("".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items()))


def _write_values(folder: Path, values: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, value in values.items():
        (folder / name).write_text(value)


def opens(target: Path) -> str:
    """How to look at it."""
    if target.suffix.lower() in SQLITE:
        return f"mlflow ui --backend-store-uri sqlite:///{target.resolve()}"
    return f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {target.resolve()}"


FORMAT = ExportFormat(
    summary="MLflow's tracking store: a SQLite file if PATH ends with .db (needs mlflow), else a folder",
    write=write,
    opens=opens,
)
