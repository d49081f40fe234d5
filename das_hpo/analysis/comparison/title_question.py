"""The paper's main question: does optimising the one-shot score give as good an architecture?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from das_hpo.analysis.comparison.agreement import differing
from das_hpo.analysis.comparison.compare import SideBySide
from das_hpo.analysis.comparison.orientation import decided, swapped
from das_hpo.analysis.comparison.phrases import more_trials, significance, typical, within
from das_hpo.analysis.comparison.subjects import INCUMBENT_TRIALS, Subject
from das_hpo.analysis.statistics import Comparison, holm
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, UNDECIDED


def title_question(compared: SideBySide) -> tuple[list[str], set[frozenset[str]]]:
    """A sentence for each one-shot and architecture run of one problem, and the pairs that these answer.

    The tests are corrected for these questions alone: what else is compared does not change the answer.
    """
    runs = [subject for subject in compared.subjects if subject.kind == "run"]
    asked = [
        (one, other)
        for one in runs
        for other in runs
        if (one.objective, other.objective) == ("one-shot", "architecture") and one.problem == other.problem
    ]
    able = [pair for pair in asked if not _obstacle(*pair)]
    found = [_between(compared.comparisons, one.name, other.name) for one, other in able]
    corrected = holm([comparison.p_value for comparison in found])
    said = [
        f"{_question(one, other)} {_answer(one, replace(comparison, p_holm=p), compared.margin)}"
        for (one, other), comparison, p in zip(able, found, corrected, strict=True)
    ]
    said += [f"{_question(one, other)} {obstacle}" for one, other in asked if (obstacle := _obstacle(one, other))]
    return said, {frozenset((one.name, other.name)) for one, other in able}


def _question(one: Subject, other: Subject) -> str:
    return f"Does optimising the one-shot objective ({one.name}) give as good an architecture as {other.name}?"


def _obstacle(one: Subject, other: Subject) -> str:
    """Why the two runs do not answer the question; empty if they do."""
    samples = {run.name: run.frame.assign(budget=run.budget) for run in (one, other)}
    differences = differing(samples)
    if differences:
        return f"These runs cannot say, because more than their objective differs: {differences}."
    missing = [run.name for run in (one, other) if run.source != INCUMBENT_TRIALS]
    if missing:
        commands = ", ".join(f"das-hpo evaluate {name} --trials 75" for name in missing)
        best = one.own_best
        single = (
            "" if best is None or math.isnan(best.architecture_score) else f" ({_chosen(one)} against {_chosen(other)})"
        )
        return (
            f"These runs alone cannot say: an incumbent is the luckiest of many evaluations{single}. "
            f"Trials of the incumbents can: {commands}."
        )
    if not (one.summary.trials and other.summary.trials):
        return f"Not decided: the trials of one have no architecture {one.metric.name} (run with --retrain always)."
    return ""


def _answer(one: Subject, comparison: Comparison, margin: float) -> str:
    """The answer from trials of both incumbents, the one-shot run's being A."""
    metric = one.metric
    decision = decided(comparison, metric, margin, one_sided=True)
    numbers = f"{typical(comparison, metric)}, {significance(comparison)}."
    if decision.verdict == UNDECIDED:
        return f"Not decided: {numbers}{more_trials(decision, comparison.difference_interval)}"
    if decision.verdict == AS_GOOD:
        word = f"Yes, as good {within(margin, metric)}"
    else:
        word = "Yes, a better one" if decision.verdict == BETTER else "No, a worse one"
    return f"{word}: {numbers} This holds for the incumbents of these two runs; runs with other seeds may find others."


def _between(comparisons: Sequence[Comparison], first: str, second: str) -> Comparison:
    for comparison in comparisons:
        if (comparison.first, comparison.second) == (first, second):
            return comparison
        if (comparison.first, comparison.second) == (second, first):
            return swapped(comparison)
    raise LookupError(f"{first} and {second} were not compared")


def _chosen(run: Subject) -> str:
    best = run.own_best
    if best is None or math.isnan(best.architecture_score):
        return f"{run.name} without an architecture {run.metric.name}"
    return f"{run.metric.text(best.architecture_score)}{run.metric.of_unit}, chosen from {best.rivals}"
