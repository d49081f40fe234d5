"""What rows of the view ``results`` say: which are finished, what they cost, which configuration is the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spaces.identity import ConfigurationId
from spaces.trial import to_loss
from storage import incumbents

if TYPE_CHECKING:
    import pandas

#: The column of each objective's score.
SCORE_OF = {"one-shot": "one_shot_score", "architecture": "architecture_score"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a subject cost.

    Attributes:
        evaluations: Finished evaluations: completed, diverged and failed.
        failed: Those given up after lost attempts.
        epochs: Epochs of searches (a retraining is not counted again).
        worker_s: Workers' seconds, summed.
        wall_s: From the first start to the last end, with whatever pauses there were; NaN without times.
    """

    evaluations: int
    failed: int
    epochs: float
    worker_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Best:
    """The best configuration of a subject under one objective, at its largest budget.

    Attributes:
        objective: ``one-shot`` or ``architecture``.
        configuration: ``iteration,stage,number``.
        budget: Epochs.
        one_shot_score: The run's aggregate over its replicates; NaN if unknown.
        architecture_score: The same of the architecture scores; NaN if unknown.
        replicates: How many.
        rivals: Configurations it was chosen from: the more, the luckier.
    """

    objective: str
    configuration: ConfigurationId
    budget: float
    one_shot_score: float
    architecture_score: float
    replicates: int
    rivals: int


def finished(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Rows that say something: completed or diverged."""
    return frame[frame["status"].isin(["completed", "diverged"])]


def best_under(
    frame: pandas.DataFrame, objective: str, aggregate: str = "mean", larger_is_better: bool = True
) -> Best | None:
    """The configuration with the best score at the largest budget at which one competes; None without one.

    As ``das-hpo incumbent``: replicates are aggregated as the run was told to, a configuration with an open
    replicate does not compete, a diverged replicate counts as infinitely bad and a failed one not at all.
    """
    column = SCORE_OF[objective]
    completed = frame[(frame["status"] == "completed") & frame[column].notna()]
    for budget in sorted(completed["budget"].unique(), reverse=True):
        best = _best_at(frame[frame["budget"] == budget], objective, aggregate, larger_is_better)
        if best is not None:
            return best
    return None


def _best_at(rows: pandas.DataFrame, objective: str, aggregate: str, larger_is_better: bool) -> Best | None:
    """:func:`best_under` of one budget's rows."""
    candidates: list[tuple[float, ConfigurationId, pandas.DataFrame]] = []
    for _, group in rows.groupby(["iteration", "stage", "number"], sort=True):
        counted = finished(group)
        if group["status"].isin(["queued", "running"]).any() or counted.empty:
            continue
        loss = to_loss(_aggregated(counted, objective, aggregate, larger_is_better), larger_is_better)
        if loss is not None:
            iteration, stage, number = (int(counted[name].iloc[0]) for name in ("iteration", "stage", "number"))
            candidates.append((loss, ConfigurationId(iteration, stage, number), counted))
    if not candidates:
        return None
    _, configuration, chosen = min(candidates, key=lambda candidate: candidate[0])
    return Best(
        objective=objective,
        configuration=configuration,
        budget=float(rows["budget"].iloc[0]),
        one_shot_score=_number(_aggregated(chosen, "one-shot", aggregate, larger_is_better)),
        architecture_score=_number(_aggregated(chosen, "architecture", aggregate, larger_is_better)),
        replicates=len(chosen),
        rivals=len(candidates),
    )


def _aggregated(replicates: pandas.DataFrame, objective: str, aggregate: str, larger_is_better: bool) -> float | None:
    """One score of a configuration's finished replicates, as ``das-hpo incumbent`` has it; None if there is none."""
    column = replicates[SCORE_OF[objective]]
    known = column.notna() & (replicates["status"] == "completed")
    scores = [float(value) if is_known else None for value, is_known in zip(column, known, strict=True)]
    return incumbents.aggregate(scores, aggregate, larger_is_better)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def trials_of(frame: pandas.DataFrame, larger_is_better: bool = True) -> pandas.DataFrame:
    """One row a trial: those of a random search, of which a trial is the best of several, are joined.

    The joined row is the draw with the best architecture score, with the time of all and the first draw's seed,
    by which trials are paired. A trial with an unfinished draw is left out.
    """
    searches = frame["method"] == "random-search"
    if not searches.any():
        return frame
    import pandas

    rows = [frame[~searches]] if (~searches).any() else []
    for _, draws in frame[searches].groupby(["run", "iteration"], sort=False):
        if draws["status"].isin(["queued", "running"]).any():
            continue
        order = (draws["architecture_score"] * (1 if larger_is_better else -1)).fillna(-math.inf)
        best = draws.loc[[order.idxmax()]].copy()
        best["duration_s"] = draws["duration_s"].sum()
        best["seed"] = draws.sort_values("number")["seed"].iloc[0]
        rows.append(best)
    return pandas.concat(rows) if rows else frame.iloc[:0]


def cost_of(frame: pandas.DataFrame) -> Cost:
    """What the rows cost."""
    import pandas

    ended = frame[frame["status"].isin(["completed", "diverged", "failed"])]
    started = pandas.to_datetime(ended["started_at"], utc=True)
    finish = pandas.to_datetime(ended["finished_at"], utc=True)
    wall = (finish.max() - started.min()).total_seconds() if len(ended) else math.nan
    return Cost(
        evaluations=len(ended),
        failed=int((ended["status"] == "failed").sum()),
        epochs=float(ended["budget"].sum()),
        worker_s=float(ended["duration_s"].sum()),
        wall_s=float(wall),
    )


def matching(frame: pandas.DataFrame, hyperparameters: Mapping[str, object]) -> pandas.DataFrame:
    """Rows of those hyperparameters; numbers are equal but for rounding."""
    same = np.ones(len(frame), dtype=bool)
    for name, wanted in hyperparameters.items():
        if name not in frame.columns:
            return frame.iloc[:0]
        if isinstance(wanted, float):
            values = frame[name].to_numpy(dtype=float, na_value=np.nan)
            same &= np.isclose(values, wanted, rtol=1e-9, atol=0)
        else:
            same &= (frame[name] == wanted).fillna(False).to_numpy(dtype=bool)
    return frame[same]


def hyperparameters_of(row: pandas.Series[Any], names: Sequence[str]) -> dict[str, Any]:
    """Those of one row, as Python's own values; what it does not have is left out."""
    values = {name: row[name].item() if hasattr(row[name], "item") else row[name] for name in names if name in row}
    return {name: value for name, value in values.items() if value is not None and value == value}


def best_at_cost(frame: pandas.DataFrame, column: str, worker_s: float, larger_is_better: bool = True) -> float:
    """The best score at the largest budget by the time that workers had spent so many seconds; NaN if none."""
    done = finished(frame).sort_values("finished_at", kind="stable")
    spent = done["duration_s"].fillna(0).cumsum()
    within = done[(spent <= worker_s * (1 + 1e-9)) & (done["budget"] == done["budget"].max())]
    best = within[column].max() if larger_is_better else within[column].min()
    return float(best) if len(within) else math.nan
