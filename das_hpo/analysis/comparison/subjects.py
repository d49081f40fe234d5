"""A run, a campaign or a preset as one of the things compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.comparison.agreement import PROBLEM, agreeing, criteria_in, differing, options
from das_hpo.analysis.comparison.rows import (
    SCORE_OF,
    Best,
    Cost,
    best_under,
    cost_of,
    finished,
    hyperparameters_of,
    matching,
    trials_of,
)
from das_hpo.analysis.statistics import Correlation, Summary, Trials, correlation, summarise
from spaces.errors import InvalidValueError
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    import pandas

#: Where a subject's trials come from.
TRIALS = "trials"
INCUMBENT_TRIALS = "trials of the incumbent"
EVALUATIONS = "evaluations of different configurations"


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the things compared.

    Attributes:
        name: A run's or preset's name.
        kind: ``run``, ``campaign`` or ``preset``.
        objective: What it optimised; for trials the objective of their campaign.
        optimizer: How a run chose its configurations; empty otherwise.
        problem: ``space, operations, data`` in words.
        method: ``das`` or ``das-single``.
        best: The best configuration under each objective that it has scores for.
        cost: What it cost.
        correlation: Pearson's, of one-shot and architecture score over ``sample``.
        rank_correlation: Spearman's, of the same.
        source: :data:`TRIALS`, :data:`INCUMBENT_TRIALS` or :data:`EVALUATIONS`: what the tests are about.
        sample: Architecture scores with their seeds, NaN for diverged; what was not retrained is not in it.
        summary: Of the sample.
        budget: Epochs of the sample's trials.
        frame: All its rows.
    """

    name: str
    kind: str
    objective: str
    optimizer: str
    problem: str
    method: str
    best: tuple[Best, ...]
    cost: Cost
    correlation: Correlation
    rank_correlation: Correlation
    source: str
    sample: Trials
    summary: Summary
    budget: float
    frame: pandas.DataFrame
    metric: Metric = PSNR

    @property
    def own_best(self) -> Best | None:
        """Its incumbent: the best under its own objective."""
        return next((best for best in self.best if best.objective == self.objective), None)


def run_subject(
    frame: pandas.DataFrame,
    *,
    name: str,
    kind: str = "run",
    optimizer: str = "",
    aggregate: str = "mean",
    campaigns: pandas.DataFrame | None = None,
    level: float = 0.95,
    metric: Metric = PSNR,
    hyperparameters: Sequence[str] = HYPERPARAMETERS,
) -> Subject:
    """A run or campaign as something to compare.

    Args:
        frame: Its rows of the view ``results``.
        name: Its name.
        kind: ``run`` or ``campaign``.
        optimizer: How a run chose its configurations.
        aggregate: How its replicates make one number: ``mean``, ``median`` or ``max``.
        campaigns: Rows of all campaigns, in which trials of a run's incumbent are looked for.
        level: Confidence level.
        metric: What its scores are.
        hyperparameters: The names of its hyperparameters.

    Raises:
        InvalidValueError: If nothing is finished yet.
    """
    larger = metric.larger_is_better
    done = finished(trials_of(frame, larger))
    if done.empty:
        raise InvalidValueError(f"{name} has no finished evaluation to compare yet")
    objective = str(frame["objective"].iloc[0])
    best = tuple(
        found
        for found in (best_under(frame, objective, aggregate, larger) for objective in SCORE_OF)
        if found is not None
    )
    sample, source = _sample(done, kind, objective, best, campaigns, hyperparameters)
    return _subject(
        frame,
        best,
        sample,
        level,
        metric,
        name=name,
        kind=kind,
        objective=objective,
        optimizer=optimizer,
        source=source,
    )


def preset_subject(
    name: str,
    campaigns: pandas.DataFrame,
    problem: Mapping[str, Any],
    *,
    level: float = 0.95,
    values: Mapping[str, Any] | None = None,
    metric: Metric = PSNR,
) -> Subject:
    """The trials of a preset in all campaigns, which agree in problem, method, budget and choices.

    Args:
        name: One of the presets.
        campaigns: Rows of all campaigns, with their choices.
        problem: Values of some of the columns of :func:`criteria_in` that the trials must have.
        level: Confidence level.
        values: The preset's hyperparameters; by default those of the paper's preset of that name.
        metric: What the scores are.

    Raises:
        UnknownNameError: For an unknown preset.
        InvalidValueError: If there are no such trials, or they do not agree.
    """
    if values is None:
        values = PRESETS[name].to_dict()
    rows = finished(matching(campaigns, values))
    rows = rows[rows["origin"] == "preset"]
    rows = agreeing(rows, problem)
    if rows.empty:
        raise InvalidValueError(
            f"no trials of preset {name} are in this database: das-hpo evaluate {name} {options(problem)}".strip()
        )
    several = differing({name: rows})
    if several:
        raise InvalidValueError(
            f"the trials of preset {name} do not agree, say which are meant: {several.replace(f' ({name})', '')}; "
            "or name a campaign (das-hpo runs)"
        )
    rows = _each_seed_once(rows)
    best = tuple(found for found in _each_best(rows, metric) if found is not None)
    return _subject(
        rows, best, rows, level, metric, name=name, kind="preset", objective="architecture", optimizer="", source=TRIALS
    )


def _each_best(rows: pandas.DataFrame, metric: Metric) -> list[Best | None]:
    return [best_under(rows, objective, larger_is_better=metric.larger_is_better) for objective in SCORE_OF]


def _subject(
    frame: pandas.DataFrame,
    best: tuple[Best, ...],
    sample: pandas.DataFrame,
    level: float,
    metric: Metric,
    **words: str,
) -> Subject:
    """A subject; ``words`` are its name, kind, objective, optimizer and source."""
    budget = float(sample["budget"].max()) if len(sample) else math.nan
    sample = _retrained(sample)
    psnr = sample["architecture_score"].to_numpy(dtype=float, na_value=np.nan)
    one_shot = sample["one_shot_score"]
    seeds = [int(seed) for seed in sample["seed"]]
    return Subject(
        **words,
        metric=metric,
        problem=", ".join(str(frame[column].iloc[0]) for column in PROBLEM),
        method=str(frame["method"].iloc[0]),
        best=best,
        cost=cost_of(frame),
        correlation=correlation(one_shot, psnr, level=level),
        rank_correlation=correlation(one_shot, psnr, "spearman", level=level),
        sample=Trials(words["name"], psnr, None if words["source"] == EVALUATIONS else seeds),
        summary=summarise(psnr, level=level),
        budget=budget,
        frame=frame,
    )


def _retrained(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Rows that say something of an architecture: it has a score, or the trial diverged."""
    return rows[rows["architecture_score"].notna() | (rows["status"] == "diverged")]


def _each_seed_once(rows: pandas.DataFrame) -> pandas.DataFrame:
    """A trial that was computed in several campaigns counts once, retrained if it was anywhere."""
    told = rows.assign(untold=~rows.index.isin(_retrained(rows).index)).sort_values("untold", kind="stable")
    return told.drop(columns="untold").drop_duplicates(subset=["seed"])


def _sample(
    done: pandas.DataFrame,
    kind: str,
    objective: str,
    best: Sequence[Best],
    campaigns: pandas.DataFrame | None,
    hyperparameters: Sequence[str],
) -> tuple[pandas.DataFrame, str]:
    """The rows that the tests are about, and what they are."""
    if kind == "campaign":
        return done[done["budget"] == done["budget"].max()], TRIALS
    own = next((found for found in best if found.objective == objective), None)
    if own is None:
        return done[done["budget"] == done["budget"].max()], EVALUATIONS
    here = done[done["budget"] == own.budget]
    chosen = here.set_index(["iteration", "stage", "number"]).loc[[tuple(own.configuration)]].iloc[0]
    if campaigns is not None and len(campaigns):
        rows = finished(matching(campaigns, hyperparameters_of(chosen, hyperparameters)))
        rows = agreeing(rows, {name: here[name].iloc[0] for name in criteria_in(here)})
        rows = _each_seed_once(rows)
        if len(rows):
            return rows, INCUMBENT_TRIALS
    return here, EVALUATIONS
