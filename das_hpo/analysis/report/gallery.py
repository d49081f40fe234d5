"""The figures of stored runs, by name: what the pages of a report show, and ``das_hpo.figure`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.figure import Figure

from das_hpo.analysis.figures.architectures import architectures
from das_hpo.analysis.figures.configurations import importance, parallel_coordinates
from das_hpo.analysis.figures.curves import alpha_trajectories, learning_curves
from das_hpo.analysis.figures.distributions import best_of_k_curves, distributions
from das_hpo.analysis.figures.progress import best_so_far, budget_pairs, rungs
from das_hpo.analysis.figures.scatter import Panel, Series, scatter
from das_hpo.analysis.figures.style import label_of
from das_hpo.analysis.figures.workers import Use, worker_use
from das_hpo.analysis.report.run_data import RunData
from das_hpo.analysis.statistics.importance import hyperparameter_importance
from spaces.errors import InvalidValueError, UnknownNameError
from spaces.inverse_1d.trial import split_settings
from spaces.task_registry import DEFAULT_TASK
from storage.entries import ATTEMPT_FAILURES


def draw(name: str, runs: Sequence[RunData]) -> Figure:
    """The figure of that name of some runs.

    Raises:
        UnknownNameError: If there is no such figure.
        InvalidValueError: If the runs are none, of several tasks, or more than the figure shows.
    """
    check(name, [run.name for run in runs])
    tasks = dict.fromkeys(run.summary.run.task for run in runs)
    if len(tasks) > 1:
        raise InvalidValueError(f"scores of different tasks are not drawn in one figure, got {', '.join(tasks)}")
    return FIGURES[name](runs)


def check(name: str, runs: Sequence[str]) -> None:
    """Refuses an unknown figure, no run at all, and more runs than the figure shows; see :func:`draw`."""
    if name not in FIGURES:
        raise UnknownNameError("figure", name, FIGURES)
    if not runs:
        raise InvalidValueError(f"the figure {name!r} needs a run, got none")
    if name in OF_ONE_RUN and len(runs) > 1:
        raise InvalidValueError(f"the figure {name!r} shows one run, got {', '.join(runs)}")


def _best_so_far(runs: Sequence[RunData]) -> Figure:
    return best_so_far({run.name: run.frame for run in runs}, {run.name: run.value for run in runs}, runs[0].metric)


def _scatter(runs: Sequence[RunData]) -> Figure:
    trials = {run.name: run.trials for run in runs}
    series = tuple(Series(name, rows["one_shot_score"], rows["architecture_score"]) for name, rows in trials.items())
    budgets = dict.fromkeys(f"{rows['budget'].max():.4g}" for rows in trials.values() if len(rows))
    title = f"{runs[0].name if len(runs) == 1 else 'trials'}, {' and '.join(budgets) or 'no'} epochs"
    return scatter([Panel(title, series)], runs[0].metric)


def _column(runs: Sequence[RunData]) -> str:
    """The scores that are shown: those of architectures, unless a run has none."""
    every = all(run.trials["architecture_score"].notna().any() for run in runs)
    return "architecture_score" if every else "one_shot_score"


def _distributions(runs: Sequence[RunData]) -> Figure:
    column = _column(runs)
    return distributions({run.name: run.trials[column] for run in runs}, label=label_of(column, runs[0].metric))


def _best_of_k(runs: Sequence[RunData]) -> Figure:
    column, metric = _column(runs), runs[0].metric
    samples = {run.name: run.trials[column] for run in runs}
    return best_of_k_curves(samples, label=label_of(column, metric), larger_is_better=metric.larger_is_better)


def _rungs(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    return rungs(run.finished, run.value, run.metric)


def _short_against_long(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    return budget_pairs(run.finished, run.value, run.metric)


def _importance(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    larger = run.metric.larger_is_better
    result = hyperparameter_importance(run.frame, run.value, run.hyperparameters, larger_is_better=larger)
    return importance(result, run.value, run.metric)


def _parallel_coordinates(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    return parallel_coordinates(run.finished, run.value, run.hyperparameters, run.metric)


def _learning_curves(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    return learning_curves(run.curves, run.metric)


def _alpha(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    stored = run.summary.run
    return alpha_trajectories(next(iter(run.curves.values()), ()), stored.space, stored.operations)


def _architectures(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    if run.summary.run.task != DEFAULT_TASK:
        raise InvalidValueError(f"architectures are drawn of {DEFAULT_TASK} alone, got {run.summary.run.task}")
    column, ranked = run.ranked_architectures()
    word = "architecture" if column == "architecture_score" else "one-shot"
    chosen = {"best": ranked[:1], "worst": ranked[1:][-1:]}
    drawn = [(f"{which}: {score:.2f} dB {word} PSNR", text) for which, rows in chosen.items() for score, text in rows]
    _, choices = split_settings(run.summary.run.task_settings)
    return architectures(drawn, residual=choices.residual)


def _workers(runs: Sequence[RunData]) -> Figure:
    (run,) = runs
    return worker_use(
        [
            Use(
                placed.attempt.worker.name,
                placed.budget,
                placed.attempt.started_at,
                placed.attempt.finished_at,
                placed.attempt.status in ATTEMPT_FAILURES,
            )
            for placed in run.attempts
        ]
    )


#: Figures that show one run; the others take several.
OF_ONE_RUN: dict[str, Callable[[Sequence[RunData]], Figure]] = {
    "rungs": _rungs,
    "short-against-long": _short_against_long,
    "importance": _importance,
    "parallel-coordinates": _parallel_coordinates,
    "learning-curves": _learning_curves,
    "alpha": _alpha,
    "architectures": _architectures,
    "workers": _workers,
}

FIGURES: dict[str, Callable[[Sequence[RunData]], Figure]] = {
    "best-so-far": _best_so_far,
    "scatter": _scatter,
    "distributions": _distributions,
    "best-of-k": _best_of_k,
    **OF_ONE_RUN,
}
