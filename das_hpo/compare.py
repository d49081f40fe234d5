"""Runs, campaigns and presets side by side: incumbents, cost, correlation and tests between their trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.statistics import Comparison, Correlation, Summary, Trials, compare_all, correlation, summarise
from spaces.errors import InvalidValueError
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS, RANGES

if TYPE_CHECKING:
    import pandas


#: The column of each objective's PSNR.
PSNR_OF = {"one-shot": "one_shot_psnr", "architecture": "architecture_psnr"}

#: What makes two samples comparable.
PROBLEM = ("space", "operations", "data")

#: How the replicates of a configuration make one number.
AGGREGATES: dict[str, Callable[[Any], float]] = {"mean": np.mean, "median": np.median, "max": np.max}

#: Where a subject's trials come from.
TRIALS = "trials"
INCUMBENT_TRIALS = "trials of the incumbent"
EVALUATIONS = "evaluations of different configurations"


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
        one_shot_psnr: Mean over its replicates, in dB; NaN if unknown.
        architecture_psnr: Mean over its replicates, in dB; NaN if unknown.
        replicates: How many.
        rivals: Configurations it was chosen from: the more, the luckier.
    """

    objective: str
    configuration: tuple[int, int, int]
    budget: float
    one_shot_psnr: float
    architecture_psnr: float
    replicates: int
    rivals: int


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
        best: The best configuration under each objective that it has PSNRs for.
        cost: What it cost.
        correlation: Pearson's, of one-shot and architecture PSNR over ``sample``.
        rank_correlation: Spearman's, of the same.
        source: :data:`TRIALS`, :data:`INCUMBENT_TRIALS` or :data:`EVALUATIONS`: what the tests are about.
        sample: Architecture PSNRs with their seeds.
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

    @property
    def own_best(self) -> Best | None:
        """Its incumbent: the best under its own objective."""
        return next((best for best in self.best if best.objective == self.objective), None)


@dataclass(frozen=True, slots=True)
class EqualCost:
    """The best of each run by the time the cheapest of them had ended.

    Attributes:
        worker_s: The cheapest run's workers' seconds.
        objective: Whose PSNR.
        psnr: By run: the best at the largest budget by then, in dB; NaN if there was none.
        optimizers: Tests between optimisers, of which each run is one draw; empty unless two have two runs.
    """

    worker_s: float
    objective: str
    psnr: Mapping[str, float]
    optimizers: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything compared.

    Attributes:
        subjects: In the order asked for.
        comparisons: Every pair, on the architecture PSNR, corrected together (Holm).
        equal_cost: Between runs of one objective and problem; None if there are no two.
        level: Confidence level.
    """

    subjects: tuple[Subject, ...]
    comparisons: tuple[Comparison, ...]
    equal_cost: EqualCost | None
    level: float


def compare_subjects(subjects: Sequence[Subject], *, level: float = 0.95) -> Report:
    """Tests between all pairs of subjects.

    Raises:
        InvalidValueError: If a name occurs twice.
    """
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        raise InvalidValueError(
            f"each name once: {', '.join(sorted({n for n in names if names.count(n) > 1}))} repeats"
        )
    comparisons = compare_all([subject.sample for subject in subjects], level=level)
    return Report(tuple(subjects), tuple(comparisons), _equal_cost(subjects), level)


def run_subject(
    frame: pandas.DataFrame,
    *,
    name: str,
    kind: str = "run",
    optimizer: str = "",
    aggregate: str = "mean",
    campaigns: pandas.DataFrame | None = None,
    level: float = 0.95,
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

    Raises:
        InvalidValueError: If nothing is finished yet.
    """
    done = finished(trials_of(frame))
    if done.empty:
        raise InvalidValueError(f"{name} has no finished evaluation to compare yet")
    objective = str(frame["objective"].iloc[0])
    best = tuple(
        found for found in (best_under(frame, objective, aggregate) for objective in PSNR_OF) if found is not None
    )
    sample, source = _sample(done, kind, objective, best, campaigns)
    return _subject(name, kind, objective, optimizer, frame, best, sample, source, level)


def preset_subject(
    name: str, campaigns: pandas.DataFrame, problem: Mapping[str, str], *, level: float = 0.95
) -> Subject:
    """The trials of a preset in all campaigns of one problem, at their largest budget.

    Args:
        name: One of the presets.
        campaigns: Rows of all campaigns.
        problem: Values of some of :data:`PROBLEM` and ``method`` that the trials must have.
        level: Confidence level.

    Raises:
        UnknownNameError: For an unknown preset.
        InvalidValueError: If there are no such trials, or they are of several problems.
    """
    values = PRESETS[name].to_dict()
    rows = finished(matching(campaigns, values))
    rows = rows[rows["origin"] == "preset"]
    for column, value in problem.items():
        rows = rows[rows[column] == value]
    if rows.empty:
        asked = " ".join(f"--{column} {value}" for column, value in problem.items())
        raise InvalidValueError(
            f"no trials of preset {name} are in this database: das-hpo evaluate {name} {asked}".strip()
        )
    kinds = rows[[*PROBLEM, "method"]].drop_duplicates()
    if len(kinds) > 1:
        found = "; ".join(" ".join(f"--{c} {v}" for c, v in row.items()) for row in kinds.to_dict("records"))
        raise InvalidValueError(f"preset {name} has trials of several problems, say which: {found}")
    rows = rows[rows["budget"] == rows["budget"].max()].drop_duplicates(subset=["seed"])
    best = tuple(found for found in (best_under(rows, objective) for objective in PSNR_OF) if found is not None)
    return _subject(name, "preset", "architecture", "", rows, best, rows, TRIALS, level)


def _subject(
    name: str,
    kind: str,
    objective: str,
    optimizer: str,
    frame: pandas.DataFrame,
    best: tuple[Best, ...],
    sample: pandas.DataFrame,
    source: str,
    level: float,
) -> Subject:
    psnr = sample["architecture_psnr"].to_numpy(dtype=float, na_value=np.nan)
    one_shot = sample["one_shot_psnr"]
    seeds = [int(seed) for seed in sample["seed"]]
    return Subject(
        name=name,
        kind=kind,
        objective=objective,
        optimizer=optimizer,
        problem=", ".join(str(frame[column].iloc[0]) for column in PROBLEM),
        method=str(frame["method"].iloc[0]),
        best=best,
        cost=cost_of(frame),
        correlation=correlation(one_shot, psnr, level=level),
        rank_correlation=correlation(one_shot, psnr, "spearman", level=level),
        source=source,
        sample=Trials(name, psnr, None if source == EVALUATIONS else seeds),
        summary=summarise(psnr, level=level),
        budget=float(sample["budget"].max()) if len(sample) else math.nan,
        frame=frame,
    )


def finished(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Rows that say something: completed or diverged."""
    return frame[frame["status"].isin(["completed", "diverged"])]


def best_under(frame: pandas.DataFrame, objective: str, aggregate: str = "mean") -> Best | None:
    """The configuration with the best PSNR at the largest budget that has that PSNR; None without one.

    As ``das-hpo incumbent``: replicates are aggregated as the run was told to, a configuration with an open
    replicate does not compete, a diverged replicate counts as minus infinity and a failed one not at all.
    """
    column = PSNR_OF[objective]
    budgets = frame.loc[frame[column].notna(), "budget"]
    if budgets.empty:
        return None
    rows = frame[frame["budget"] == budgets.max()]
    candidates: list[tuple[float, tuple[int, int, int], pandas.DataFrame]] = []
    for key, group in rows.groupby(["iteration", "stage", "number"], sort=True):
        counted = finished(group)
        if group["status"].isin(["queued", "running"]).any() or counted.empty:
            continue
        psnr = AGGREGATES[aggregate](counted[column].fillna(-math.inf))
        if math.isfinite(psnr):
            candidates.append((float(psnr), (int(key[0]), int(key[1]), int(key[2])), counted))
    if not candidates:
        return None
    _, configuration, chosen = max(candidates, key=lambda candidate: candidate[0])
    return Best(
        objective=objective,
        configuration=configuration,
        budget=float(budgets.max()),
        one_shot_psnr=float(chosen["one_shot_psnr"].mean()),
        architecture_psnr=float(chosen["architecture_psnr"].mean()),
        replicates=len(chosen),
        rivals=len(candidates),
    )


def trials_of(frame: pandas.DataFrame) -> pandas.DataFrame:
    """One row a trial: those of a random search, of which a trial is the best of several, are joined.

    The joined row is the draw with the best architecture PSNR, with the time of all and the first draw's seed,
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
        order = draws["architecture_psnr"].fillna(-math.inf)
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
    """Rows of those hyperparameters; rates are equal but for rounding."""
    same = np.ones(len(frame), dtype=bool)
    for name in HYPERPARAMETERS:
        if name in RANGES:
            same &= np.isclose(frame[name].to_numpy(dtype=float), float(str(hyperparameters[name])), rtol=1e-9, atol=0)
        else:
            same &= (frame[name] == hyperparameters[name]).to_numpy(dtype=bool)
    return frame[same]


def best_at_cost(frame: pandas.DataFrame, column: str, worker_s: float) -> float:
    """The best PSNR at the largest budget by the time that workers had spent so many seconds; NaN if none."""
    done = finished(frame).sort_values("finished_at", kind="stable")
    spent = done["duration_s"].fillna(0).cumsum()
    within = done[(spent <= worker_s * (1 + 1e-9)) & (done["budget"] == done["budget"].max())]
    return float(within[column].max()) if len(within) else math.nan


def _sample(
    done: pandas.DataFrame,
    kind: str,
    objective: str,
    best: Sequence[Best],
    campaigns: pandas.DataFrame | None,
) -> tuple[pandas.DataFrame, str]:
    """The rows that the tests are about, and what they are."""
    if kind == "campaign":
        return done[done["budget"] == done["budget"].max()], TRIALS
    own = next((found for found in best if found.objective == objective), None)
    if own is None:
        return done[done["budget"] == done["budget"].max()], EVALUATIONS
    here = done[done["budget"] == own.budget]
    chosen = here.set_index(["iteration", "stage", "number"]).loc[[own.configuration]].iloc[0]
    if campaigns is not None and len(campaigns):
        rows = finished(matching(campaigns, {name: chosen[name] for name in HYPERPARAMETERS}))
        for column in (*PROBLEM, "method"):
            rows = rows[rows[column] == done[column].iloc[0]]
        rows = rows[rows["budget"] == own.budget].drop_duplicates(subset=["seed"])
        if len(rows):
            return rows, INCUMBENT_TRIALS
    return here, EVALUATIONS


def _equal_cost(subjects: Sequence[Subject]) -> EqualCost | None:
    runs = [subject for subject in subjects if subject.kind == "run"]
    if len(runs) < 2 or len({(run.objective, run.problem, run.method) for run in runs}) > 1:
        return None
    least = min(run.cost.worker_s for run in runs)
    column = PSNR_OF[runs[0].objective]
    psnr = {run.name: best_at_cost(run.frame, column, least) for run in runs}
    draws: dict[str, list[float]] = {}
    for run in runs:
        draws.setdefault(run.optimizer, []).append(psnr[run.name])
    samples = [Trials(name, values) for name, values in draws.items() if len(values) > 1]
    return EqualCost(least, runs[0].objective, psnr, tuple(compare_all(samples)))
