"""Compares subjects: tests between all pairs, and runs at equal cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from das_hpo.analysis.comparison.agreement import differing_settings
from das_hpo.analysis.comparison.orientation import default_margin, turned
from das_hpo.analysis.comparison.rows import best_at_cost
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.statistics import Comparison, Trials, compare_all
from das_hpo.analysis.statistics.decisions import check_margin
from das_hpo.analysis.statistics.samples import as_values
from spaces.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class EqualCost:
    """The incumbent of each run at the time at which the cheapest of them had ended.

    Attributes:
        worker_s: The cheapest run's workers' seconds.
        objective: Whose score.
        score: By run: its incumbent's score by then, at the budget of its final incumbent; NaN if there was none.
        optimizers: Tests between optimisers, whose samples are the scores of their runs; empty unless two optimisers
            have two runs each.
    """

    worker_s: float
    objective: str
    score: Mapping[str, float]
    optimizers: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Everything that is compared, and the tests between all pairs.

    Attributes:
        subjects: In the order asked for.
        comparisons: Every pair, on the architecture score, corrected together (Holm).
        equal_cost: Between runs of one objective, problem and settings; None if there are no two.
        level: Confidence level.
        margin: Differences smaller than this are of no consequence, in the metric's unit; 0 if there is no margin.
    """

    subjects: tuple[Subject, ...]
    comparisons: tuple[Comparison, ...]
    equal_cost: EqualCost | None
    level: float
    margin: float


def compare_subjects(subjects: Sequence[Subject], *, level: float = 0.95, margin: float | None = None) -> SideBySide:
    """Tests between all pairs of subjects.

    Args:
        subjects: What is compared.
        level: Confidence level.
        margin: Differences smaller than this are of no consequence, in the metric's unit; 0 for no margin, None for
            that of the metric (:func:`default_margin`).

    Raises:
        InvalidValueError: If a name occurs twice, the subjects are of different tasks, or the margin is negative.
    """
    if margin is not None:
        check_margin(margin)
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise InvalidValueError(f"each name may be given once, got {', '.join(repeated)} again")
    kinds = {(str(subject.frame["task"].iloc[0]), str(subject.metric)) for subject in subjects}
    if len(kinds) > 1:
        found = "; ".join(f"{s.name}: {s.metric} of {s.frame['task'].iloc[0]}" for s in subjects)
        raise InvalidValueError(f"scores of different tasks cannot be compared ({found}): name runs of one task")
    metric = subjects[0].metric
    comparisons = _compared([subject.sample for subject in subjects], level, metric.larger_is_better)
    return SideBySide(
        subjects=tuple(subjects),
        comparisons=tuple(comparisons),
        equal_cost=_equal_cost(subjects, level),
        level=level,
        margin=default_margin(metric) if margin is None else margin,
    )


def _equal_cost(subjects: Sequence[Subject], level: float) -> EqualCost | None:
    runs = [subject for subject in subjects if subject.kind == "run"]
    if len(runs) < 2 or len({(run.objective, run.problem, run.method) for run in runs}) > 1:
        return None
    if differing_settings({run.name: run.frame for run in runs}):
        return None
    least = min(run.cost.worker_s for run in runs)
    larger = runs[0].metric.larger_is_better
    score = {run.name: best_at_cost(run.frame, run.own_best, least, run.aggregate, larger) for run in runs}
    draws: dict[str, list[float]] = {}
    for run in runs:
        draws.setdefault(run.optimizer, []).append(score[run.name])
    samples = [Trials(name, values) for name, values in draws.items() if len(values) > 1]
    return EqualCost(least, runs[0].objective, score, tuple(_compared(samples, level, larger)))


def _compared(samples: Sequence[Trials], level: float, larger_is_better: bool) -> list[Comparison]:
    """Tests between all pairs; of negated scores where smaller is better. Differences and medians are of the scores."""
    if larger_is_better:
        return compare_all(samples, level=level)
    negated = [replace(sample, values=-as_values(sample.values)) for sample in samples]
    return [turned(comparison) for comparison in compare_all(negated, level=level)]
