"""A run as hpbandster's own log: ``configs.json``, ``results.json`` and ``configspace.json`` in a folder.

``hpbandster.core.result.logged_results_to_HBS_result`` reads it, and so does what knows BOHB's logs (DeepCAVE).
Both files have one JSON value a line. The loss of several replicates is what the optimiser was told.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from das_hpo.analysis.exports.source import ExportedRun, id_of, seconds
from das_hpo.analysis.exports.writing import ExportFormat, write_lines
from spaces.identity import ConfigurationId
from spaces.trial import WORST_LOSS
from storage.ranking import AGGREGATES

if TYPE_CHECKING:
    from storage.records import ResultRecord


def write(run: ExportedRun, draft: Path, target: Path) -> str:
    """Writes the folder."""
    draft.mkdir()
    groups: dict[tuple[ConfigurationId, float], list[ResultRecord]] = defaultdict(list)
    for evaluation in run.evaluations:
        groups[id_of(evaluation), evaluation.budget].append(evaluation)
    # In the order in which they ended: hpbandster's plots over time read it so.
    ordered = sorted(groups.items(), key=lambda item: max(row.sequence or 0 for row in item[1]))
    used = dict.fromkeys(identifier for (identifier, _), _ in ordered)
    write_lines(
        draft / "configs.json",
        ([list(each), run.points.get(each, _plain(run, each)), run.configurations[each].info] for each in used),
    )
    write_lines(draft / "results.json", (_result(run, *key, rows) for key, rows in ordered))
    run.space.to_json(draft / "configspace.json")
    return ""


def _plain(run: ExportedRun, identifier: ConfigurationId) -> dict[str, Any]:
    """The hyperparameters of a configuration outside the space, as they were evaluated."""
    return dict(run.configurations[identifier].hyperparameters)


def _result(run: ExportedRun, identifier: ConfigurationId, budget: float, rows: list[ResultRecord]) -> list[Any]:
    """One line: id, budget, times, result or None, error or None."""
    begun = min(seconds(row.started_at) or seconds(row.finished_at) for row in rows)
    times = {"submitted": begun, "started": begun, "finished": max(seconds(row.finished_at) for row in rows)}
    losses = [WORST_LOSS if row.status == "diverged" else row.loss for row in rows if row.status != "failed"]
    told = [loss for loss in losses if loss is not None]
    if not told:
        return [list(identifier), budget, times, None, rows[-1].message or "the evaluation failed"]
    how = run.record.settings.get("aggregate", "mean")
    loss = min(told) if how == "max" else AGGREGATES.get(how, AGGREGATES["mean"])(told)
    last = rows[-1]
    info = {
        "one_shot_score": last.one_shot_score,
        "architecture_score": last.architecture_score,
        "architecture": last.architecture,
        "replicates": len(rows),
        "seed": last.seed,
        "status": last.status,
        "extras": last.extras,
    }
    return [list(identifier), budget, times, {"loss": loss, "info": info}, None]


FORMAT = ExportFormat(
    summary="a folder with hpbandster's configs.json, results.json and configspace.json",
    write=write,
    opens=lambda target: f"hpbandster.core.result.logged_results_to_HBS_result({str(target)!r})",
)
