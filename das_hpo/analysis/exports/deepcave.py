"""A run as DeepCAVE's recorder writes it: ``meta.json``, ``configspace.json``, ``configs.json``, ``origins.json`` and
``history.jsonl`` in a folder.

A trial is one evaluation: configuration, budget, seed, costs, start and end (seconds since the run's start), status,
further information. Its costs are both scores, each an objective with its own direction, and the time. The format is
that of DeepCAVE 1.3, whose trials have seeds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.exports.source import ExportedRun, id_of, seconds
from das_hpo.analysis.exports.writing import ExportFormat, write_lines
from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from storage.records import ResultRecord

#: DeepCAVE's numbers of statuses: SUCCESS, CRASHED and ABORTED.
STATUSES = {"completed": 1, "diverged": 4, "failed": 5}

SCORES = ("one_shot_score", "architecture_score")


def write(run: ExportedRun, draft: Path, target: Path) -> str:
    """Writes the folder; configurations outside the space, which DeepCAVE cannot read, are left out."""
    shown = [row for row in run.evaluations if id_of(row) in run.points]
    if not shown:
        raise InvalidValueError(f"no configuration of {run.record.name!r} lies in its space: DeepCAVE can read none")
    draft.mkdir()
    numbers = {each: number for number, each in enumerate(dict.fromkeys(id_of(row) for row in shown))}
    scores = [name for name in SCORES if any(getattr(row, name) is not None for row in shown)]
    run.space.to_json(draft / "configspace.json")
    meta = {
        "objectives": [*(_objective(run, shown, name) for name in scores), _time(shown)],
        "budgets": sorted({row.budget for row in shown}),
        "seeds": sorted({row.replicate for row in shown}),
        "run": run.record.name,
        "task": run.record.task,
        "optimizer": run.record.optimizer,
    }
    (draft / "meta.json").write_text(json.dumps(meta, indent=4, allow_nan=False))
    configs = {number: run.points[each] for each, number in numbers.items()}
    (draft / "configs.json").write_text(json.dumps(configs, indent=4, allow_nan=False))
    origins = {number: run.configurations[each].origin for each, number in numbers.items()}
    (draft / "origins.json").write_text(json.dumps(origins, indent=4))
    begun = min(seconds(row.started_at) or seconds(row.finished_at) for row in shown)
    write_lines(draft / "history.jsonl", (_trial(row, numbers[id_of(row)], scores, begun) for row in shown))
    left = len(run.evaluations) - len(shown)
    return f"{left} evaluations of configurations outside the space" if left else ""


def _trial(row: ResultRecord, number: int, scores: list[str], begun: float) -> list[Any]:
    """One line of the history. A replicate is DeepCAVE's seed: evaluations of equal replicates are compared."""
    costs = [getattr(row, name) if row.status == "completed" else None for name in scores]
    start = max(0.0, (seconds(row.started_at) or seconds(row.finished_at)) - begun)
    end = max(start, seconds(row.finished_at) - begun)
    more = {"seed": row.seed, "architecture": row.architecture, "worker": row.worker, **row.extras}
    if row.message:
        more["traceback"] = row.message
    status = STATUSES[row.status]
    return [number, row.budget, row.replicate, [*costs, row.duration_s], round(start, 2), round(end, 2), status, more]


def _objective(run: ExportedRun, shown: list[ResultRecord], name: str) -> dict[str, Any]:
    values = [getattr(row, name) for row in shown if getattr(row, name) is not None]
    title = f"{name.removesuffix('_score').replace('_', '-')} {run.record.metric}"
    return _described(title, values, "upper" if run.record.metric.larger_is_better else "lower")


def _time(shown: list[ResultRecord]) -> dict[str, Any]:
    return _described("time", [row.duration_s for row in shown if row.duration_s is not None] or [0.0], "lower")


def _described(name: str, values: list[float], optimize: str) -> dict[str, Any]:
    """An objective in DeepCAVE's words, with the bounds that were seen."""
    bounds = {"lower": min(values), "upper": max(values), "lock_lower": False, "lock_upper": False}
    return {"name": name, **bounds, "optimize": optimize}


FORMAT = ExportFormat(
    summary="a folder as DeepCAVE's recorder writes it",
    write=write,
    opens=lambda target: f"deepcave --open, and there add the folder {target.resolve().parent}",
)
