"""Subjects of a comparison: a run, a campaign or a preset, with its best configurations, its cost and its sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.comparison.agreement import (
    PROBLEM,
    agreeing,
    criteria_in,
    differing,
    options,
    sequential,
    with_settings,
)
from das_hpo.analysis.comparison.rows import (
    Best,
    Cost,
    best_under,
    cost_of,
    hyperparameters_of,
    matching,
    trials_of,
)
from das_hpo.analysis.comparison.trajectory import Step, trajectory
from das_hpo.analysis.statistics import Correlation, Summary, Trials, correlation, summarise
from das_hpo.analysis.statistics.samples import finished
from spaces.errors import InvalidValueError
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS
from spaces.identity import ConfigurationId
from spaces.task import PSNR, Metric
from spaces.trial import SCORE_OF

if TYPE_CHECKING:
    import pandas

    from storage.records import RunRecord

#: What the rows of a subject's sample are.
TRIALS = "trials"
INCUMBENT_TRIALS = "trials of the incumbent"
EVALUATIONS = "evaluations of different configurations"
RUNS = "re-evaluated incumbents"

#: The kind of a subject that is several runs of the same settings.
GROUP = "group"


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A stored run or campaign that is to be compared.

    Attributes:
        name: Its name.
        frame: Its rows of the view ``results``.
        kind: ``run`` or ``campaign``.
        optimizer: How a run chose its configurations.
        aggregate: How scores of replicates make one: ``mean``, ``median`` or ``max``.
        metric: What its scores are.
        hyperparameters: The names of its hyperparameters.
        settings: In which its repetitions agree.
    """

    name: str
    frame: pandas.DataFrame
    kind: str = "run"
    optimizer: str = ""
    aggregate: str = "mean"
    metric: Metric = PSNR
    hyperparameters: Sequence[str] = HYPERPARAMETERS
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, record: RunRecord, frame: pandas.DataFrame) -> ComparedRun:
        """A run with its rows, as :func:`storage.frames.load_results` gives them."""
        return cls(
            name=record.name,
            frame=with_settings(frame, record),
            kind=record.kind,
            optimizer=record.optimizer,
            aggregate=str(record.settings.get("aggregate", "mean")),
            metric=record.metric,
            hyperparameters=frame.attrs["hyperparameters"],
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """One of the subjects of a comparison.

    Attributes:
        name: A run's, group's or preset's name.
        kind: ``run``, ``campaign``, ``preset`` or :data:`GROUP`.
        objective: What it optimised; for trials the objective of their campaign.
        optimizer: How a run chose its configurations; empty otherwise.
        problem: ``space, operations, data`` in words.
        method: ``das`` or ``das-single``.
        best: The best configuration under each objective that it has scores for.
        cost: What it cost.
        correlation: Pearson's correlation of one-shot and architecture score over ``sample``.
        rank_correlation: Spearman's correlation of the same.
        source: :data:`TRIALS`, :data:`INCUMBENT_TRIALS`, :data:`RUNS` or :data:`EVALUATIONS`: what the rows of
            ``sample`` are. Evaluations are described, and never tested.
        sample: Architecture scores with their seeds, NaN for diverged trials; trials that were not retrained are not
            in it. Of a group, the scores of its runs.
        summary: Of the sample.
        budget: Epochs of the sample's trials.
        frame: All its rows.
        metric: What its scores are.
        aggregate: How scores of replicates make one.
        settings: Of a run, in which its repetitions agree.
        members: The runs of a group.
        steps: The incumbents of a run, each from the cost on at which it became that.
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
    aggregate: str = "mean"
    settings: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Subject, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def own_best(self) -> Best | None:
        """Its incumbent: the best under its own objective."""
        return next((best for best in self.best if best.objective == self.objective), None)


def run_subject(run: ComparedRun, campaigns: pandas.DataFrame | None = None, *, level: float = 0.95) -> Subject:
    """The subject of a run or campaign.

    Args:
        run: The run.
        campaigns: Rows of all campaigns, in which trials of a run's incumbent are looked for.
        level: Confidence level.

    Raises:
        InvalidValueError: If nothing is finished yet.
    """
    done = finished(trials_of(run.frame, run.metric.larger_is_better))
    if done.empty:
        raise InvalidValueError(f"{run.name} has no finished evaluation yet, so that there is nothing to compare")
    objective = str(run.frame["objective"].iloc[0])
    best = _best_of_each(run.frame, run.metric, run.aggregate)
    sample, source = _sample(
        run, done, next((found for found in best if found.objective == objective), None), campaigns
    )
    found = _subject(
        run.frame,
        best,
        sample,
        level,
        run.metric,
        name=run.name,
        kind=run.kind,
        objective=objective,
        optimizer=run.optimizer,
        source=source,
        aggregate=run.aggregate,
    )
    steps = _steps(run, done, found.own_best, campaigns) if run.kind == "run" else ()
    return replace(found, settings=run.settings, steps=steps)


def preset_subject(
    name: str,
    campaigns: pandas.DataFrame,
    problem: Mapping[str, Any],
    *,
    level: float = 0.95,
    values: Mapping[str, Any] | None = None,
    metric: Metric = PSNR,
) -> Subject:
    """The subject of a preset: its trials in all campaigns, which must agree in problem, method, budget and settings.

    Args:
        name: One of the presets.
        campaigns: Rows of all campaigns, with the further settings of each.
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
    words = {"name": name, "kind": "preset", "objective": "architecture", "optimizer": "", "source": TRIALS}
    return _subject(rows, _best_of_each(rows, metric), rows, level, metric, **words)


def _best_of_each(rows: pandas.DataFrame, metric: Metric, how: str = "mean") -> tuple[Best, ...]:
    """The best configuration under each objective under which there is one."""
    found = (best_under(rows, objective, how, metric.larger_is_better) for objective in SCORE_OF)
    return tuple(best for best in found if best is not None)


def _subject(
    frame: pandas.DataFrame,
    best: tuple[Best, ...],
    sample: pandas.DataFrame,
    level: float,
    metric: Metric,
    **words: Any,
) -> Subject:
    """The subject of a sample; ``words`` are its name, kind, objective, optimizer, source and aggregate."""
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
        sample=Trials(words["name"], psnr, None if words["source"] == EVALUATIONS else seeds, sequential(sample)),
        summary=summarise(psnr, level=level, larger_is_better=metric.larger_is_better),
        budget=budget,
        frame=frame,
    )


def _retrained(rows: pandas.DataFrame) -> pandas.DataFrame:
    """The rows that count for architectures: there is an architecture score, or the trial diverged."""
    return rows[rows["architecture_score"].notna() | (rows["status"] == "diverged")]


def _each_seed_once(rows: pandas.DataFrame) -> pandas.DataFrame:
    """One row per seed: of a trial that several campaigns computed, one that was retrained, if there is any."""
    told = rows.assign(untold=~rows.index.isin(_retrained(rows).index)).sort_values("untold", kind="stable")
    return told.drop(columns="untold").drop_duplicates(subset=["seed"])


def _sample(
    run: ComparedRun, done: pandas.DataFrame, best: Best | None, campaigns: pandas.DataFrame | None
) -> tuple[pandas.DataFrame, str]:
    """The rows that are tested, and what they are."""
    if run.kind == "campaign":
        return done[done["budget"] == done["budget"].max()], TRIALS
    if best is None:
        return done[done["budget"] == done["budget"].max()], EVALUATIONS
    rows = _trials_anew(run, done, best, best.configuration, campaigns)
    return (rows, INCUMBENT_TRIALS) if len(rows) else (done[done["budget"] == best.budget], EVALUATIONS)


def _trials_anew(
    run: ComparedRun,
    done: pandas.DataFrame,
    best: Best,
    configuration: ConfigurationId,
    campaigns: pandas.DataFrame | None,
) -> pandas.DataFrame:
    """The trials of one of a run's configurations on fresh seeds, at the run's problem and its incumbent's budget."""
    if campaigns is None or not len(campaigns):
        return done.iloc[:0]
    here = done[done["budget"] == best.budget]
    chosen = done[(done[list(ConfigurationId._fields)] == list(configuration)).all(axis=1)].iloc[0]
    rows = finished(matching(campaigns, hyperparameters_of(chosen, run.hyperparameters)))
    return _each_seed_once(agreeing(rows, {name: here[name].iloc[0] for name in criteria_in(here)}))


def _steps(
    run: ComparedRun, done: pandas.DataFrame, best: Best | None, campaigns: pandas.DataFrame | None
) -> tuple[Step, ...]:
    """The run's incumbents with their trials on fresh seeds, as far as there are any."""
    if best is None:
        return ()
    larger = run.metric.larger_is_better
    trials: dict[ConfigurationId, Trials | None] = {}
    steps = trajectory(run.frame, best.objective, run.aggregate, larger)
    for step in steps:
        if step.configuration not in trials:
            rows = _retrained(_trials_anew(run, done, best, step.configuration, campaigns))
            scores = rows["architecture_score"].to_numpy(dtype=float, na_value=np.nan)
            seeds = [int(seed) for seed in rows["seed"]]
            trials[step.configuration] = Trials(run.name, scores, seeds) if len(rows) else None
    return tuple(replace(step, trials=trials[step.configuration]) for step in steps)
