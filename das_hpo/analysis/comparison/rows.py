"""Reads rows of the view ``results``: the best configuration, the cost, and which rows make one trial."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.statistics.samples import finished
from spaces.identity import ConfigurationId
from spaces.trial import SCORE_OF
from storage.entries import FINISHED_STATUSES
from storage.ranking import aggregate, counted, ranked

if TYPE_CHECKING:
    import pandas

log = logging.getLogger(__name__)


def warn_of_mixed_code(name: str, frame: pandas.DataFrame) -> None:
    """Logs a warning if the rows were computed by different code of their task."""
    codes = sorted(set(frame["fingerprint"].dropna()))
    if len(codes) > 1:
        log.warning(
            "the evaluations of %s were computed by %d versions of its task's code (%s): the column fingerprint of "
            "das-hpo results --all tells them apart",
            *(name, len(codes), ", ".join(codes)),
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a subject.

    Attributes:
        evaluations: Finished evaluations: completed, diverged and failed.
        failed: Those given up after lost attempts.
        epochs: Epochs of searches (a retraining is not counted again).
        worker_s: Workers' seconds, summed.
        wall_s: From the first start to the last end, pauses included; NaN without times.
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
        configuration: Its id.
        budget: Epochs.
        one_shot_score: Aggregated over its replicates as the run does it; NaN if unknown.
        architecture_score: The same of the architecture scores; NaN if unknown.
        replicates: How many replicates the scores are aggregated over.
        rivals: Number of configurations it was chosen from. The more there are, the larger its luck may be.
    """

    objective: str
    configuration: ConfigurationId
    budget: float
    one_shot_score: float
    architecture_score: float
    replicates: int
    rivals: int


def best_under(
    frame: pandas.DataFrame, objective: str, how: str = "mean", larger_is_better: bool = True
) -> Best | None:
    """The configuration with the best score at the largest budget at which any competes; None if none does.

    The ranking is that of ``das-hpo incumbent``: :func:`storage.ranking.ranked`.

    Args:
        frame: Rows of a run or campaign.
        objective: ``one-shot`` or ``architecture``.
        how: How scores of replicates make one: ``mean``, ``median`` or ``max``.
        larger_is_better: Whether the best is the largest score, or the smallest.
    """
    with_score = frame[frame[SCORE_OF[objective]].notna()]
    for budget in sorted(with_score["budget"].unique(), reverse=True):
        rows = frame[frame["budget"] == budget]
        ranking = _ranking(rows, objective, how, larger_is_better)
        if not ranking:
            continue
        best = ranking[0][0]
        chosen = [row for row in _replicates(finished(rows)) if row[0] == best]
        one_shot, architecture = (
            aggregate([counted(status, scores[name]) for _, status, scores in chosen], how, larger_is_better)
            for name in SCORE_OF
        )
        return Best(
            objective=objective,
            configuration=best,
            budget=float(budget),
            one_shot_score=_number(one_shot),
            architecture_score=_number(architecture),
            replicates=len(chosen),
            rivals=len(ranking),
        )
    return None


def best_at_cost(
    frame: pandas.DataFrame, best: Best | None, worker_s: float, how: str = "mean", larger_is_better: bool = True
) -> float:
    """The score of the incumbent by the time that workers had spent so many seconds; NaN if there was none.

    What finished later counts as unfinished, so that the whole cost gives the score of the incumbent itself.

    Args:
        frame: Rows of a run.
        best: The run's incumbent at the end, whose budget and objective count.
        worker_s: Workers' seconds.
        how: As for :func:`best_under`.
        larger_is_better: Whether the best is the largest score, or the smallest.
    """
    if best is None:
        return math.nan
    done = finished(frame).sort_values("finished_at", kind="stable")
    late = done.index[done["duration_s"].fillna(0).cumsum() > worker_s * (1 + 1e-9)]
    rows = frame[frame["budget"] == best.budget]
    rows = rows.assign(status=rows["status"].mask(rows.index.isin(late), "running"))
    ranking = _ranking(rows, best.objective, how, larger_is_better)
    return ranking[0][1] if ranking else math.nan


def _ranking(
    rows: pandas.DataFrame, objective: str, how: str, larger_is_better: bool
) -> list[tuple[ConfigurationId, float]]:
    """The configurations of one budget's rows with their scores, the best first."""
    replicates = ((key, status, scores[objective]) for key, status, scores in _replicates(rows))
    return ranked(replicates, how, larger_is_better, lambda keys: {key: key for key in keys})


def _replicates(rows: pandas.DataFrame) -> Iterator[tuple[ConfigurationId, str, dict[str, float]]]:
    """Each row's configuration, status, and scores by objective."""
    ids = (rows[name].astype(int) for name in ConfigurationId._fields)
    scores = (rows[column].astype(float) for column in SCORE_OF.values())
    for *key, status, one_shot, architecture in zip(*ids, rows["status"], *scores, strict=True):
        yield ConfigurationId(*key), status, {"one-shot": one_shot, "architecture": architecture}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def trials_of(frame: pandas.DataFrame, larger_is_better: bool = True) -> pandas.DataFrame:
    """One row per trial. A trial of a random search is the best of several draws, whose rows are joined.

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
    """The cost of the rows."""
    import pandas

    ended = frame[frame["status"].isin(FINISHED_STATUSES)]
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
    """The rows with those hyperparameters; numbers may differ by rounding."""
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
    """The hyperparameters of one row as builtin values; those that are missing there are left out."""
    values = {name: row[name].item() if hasattr(row[name], "item") else row[name] for name in names if name in row}
    return {name: value for name, value in values.items() if value is not None and value == value}
