"""What is said of two subjects of which one at least is a group of runs."""

from __future__ import annotations

import math

from das_hpo.analysis.comparison.orientation import decided
from das_hpo.analysis.comparison.phrases import difference_of, more_trials, significance, within
from das_hpo.analysis.comparison.replicates import STOPPED, more_runs, spread
from das_hpo.analysis.comparison.subjects import INCUMBENT_TRIALS, Subject
from das_hpo.analysis.statistics import Comparison
from das_hpo.analysis.statistics.decisions import AS_GOOD, UNDECIDED
from das_hpo.analysis.statistics.replication import LEAST_RUNS, LEAST_TRIALS


def group_verdict(comparison: Comparison, a: Subject, b: Subject, margin: float) -> str:
    """Whether the runs of A are better, as good or worse than those of B, or than the one configuration that B is."""
    short = too_few(a, b)
    if short:
        return f"not decided. {short}"
    metric = a.metric
    decision = decided(comparison, metric, margin)
    numbers = numbers_over_runs(comparison, a)
    if decision.verdict == UNDECIDED:
        return (
            "the runs do not tell which is better; that is no proof that they are equal. "
            f"{numbers}{more(comparison, a, margin)}"
        )
    verdict = f"as good {within(margin, metric)}" if decision.verdict == AS_GOOD else decision.verdict
    single = next((subject for subject in (a, b) if not subject.members), None)
    limits = "" if single is None else f" {_of_one(single)}"
    return f"the incumbents of {a.name} are {verdict}. {numbers}{limits}"


def too_few(a: Subject, b: Subject) -> str:
    """Why there are too few runs or trials to say anything, as a sentence; empty if there are enough."""
    groups = [subject for subject in (a, b) if subject.members]
    few = [f"{group.name} has {len(group.members)}" for group in groups if len(group.members) < LEAST_RUNS]
    if few:
        return f"A group is judged by {LEAST_RUNS} runs or more, and {' and '.join(few)} (das-hpo run --seeds)."
    runs = [run for subject in (a, b) for run in (subject.members or (subject,))]
    if any(run.sample.sequential for run in runs):
        return f"{STOPPED[0].upper()}{STOPPED[1:]}"
    short = [run.name for run in runs if len(run.sample.values) < LEAST_TRIALS]
    if short:
        return (
            f"An incumbent is judged by {LEAST_TRIALS} trials or more, and {', '.join(short)} "
            f"{'has' if len(short) == 1 else 'have'} fewer: das-hpo evaluate {' '.join(short)} --trials 20."
        )
    return ""


def numbers_over_runs(comparison: Comparison, a: Subject) -> str:
    """The difference, its test and what it is made of."""
    unit = a.metric.of_unit
    said = f"{difference_of(comparison, a.metric, 'an incumbent')}, {significance(comparison, 'runs')}."
    return said + spread(comparison, unit)


def more(comparison: Comparison, a: Subject, margin: float) -> str:
    """How many more runs or trials would decide."""
    decision = decided(comparison, a.metric, margin)
    if comparison.runs is None:
        return more_trials(decision, comparison.difference_interval).replace("trial", "run")
    if not math.isnan(comparison.p_value) and 0 not in comparison.difference_interval:
        return more_trials(decision, comparison.difference_interval)
    return more_runs(comparison, decision, margin)


def _of_one(single: Subject) -> str:
    """What a single run or preset cannot stand for."""
    if single.source == INCUMBENT_TRIALS:
        return f"{single.name} is one run: this speaks of its incumbent, not of its settings."
    return f"{single.name} is one configuration and stands for itself."
