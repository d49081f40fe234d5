"""Compares subjects: tests between all pairs, and runs at equal cost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from das_hpo.analysis.comparison.equal_cost import EqualCost, equal_cost
from das_hpo.analysis.comparison.orientation import default_margin
from das_hpo.analysis.comparison.replicates import tested, trials_of
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.statistics import Comparison
from das_hpo.analysis.statistics.decisions import check_margin
from das_hpo.analysis.statistics.replication import Runs
from spaces.errors import InvalidValueError


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Everything that is compared, and the tests between all pairs.

    Attributes:
        subjects: In the order asked for.
        comparisons: Every pair, on the architecture score, corrected together (Holm).
        equal_cost: Each pair of runs or groups of one objective, problem and settings.
        level: Confidence level.
        margin: Differences smaller than this are of no consequence, in the metric's unit; 0 if there is no margin.
    """

    subjects: tuple[Subject, ...]
    comparisons: tuple[Comparison, ...]
    equal_cost: tuple[EqualCost, ...]
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
    sides = [Runs(subject.name, trials_of(subject)) for subject in subjects]
    pairs = list(itertools.combinations(sides, 2))
    comparisons = tested(pairs, level=level, larger_is_better=metric.larger_is_better)
    return SideBySide(
        subjects=tuple(subjects),
        comparisons=tuple(comparisons),
        equal_cost=equal_cost(subjects, level),
        level=level,
        margin=default_margin(metric) if margin is None else margin,
    )
