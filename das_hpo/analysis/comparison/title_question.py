"""The paper's main question: does optimising the one-shot score give as good an architecture?"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from das_hpo.analysis.comparison.agreement import differing
from das_hpo.analysis.comparison.compare import SideBySide
from das_hpo.analysis.comparison.orientation import decided
from das_hpo.analysis.comparison.phrases import more_trials, significance, typical, within
from das_hpo.analysis.comparison.replicates import (
    STOPPED,
    differing_options,
    more_runs,
    spread,
    tested,
    to_evaluate,
)
from das_hpo.analysis.comparison.sides import Side, sides_of
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.statistics import Comparison
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, UNDECIDED
from das_hpo.analysis.statistics.replication import LEAST_RUNS, LEAST_TRIALS

#: In these settings the runs of both objectives may differ: they follow from the objective.
OF_THE_OBJECTIVE = ("objective", "retrain")


def title_question(compared: SideBySide) -> tuple[list[str], set[frozenset[str]]]:
    """A sentence for each one-shot and architecture side of one problem, and the pairs of subjects it answers.

    A side is a group, or the single runs that are repetitions of each other. The tests are corrected for these
    questions alone: what else is compared does not change the answer.
    """
    sides = sides_of(compared.subjects)
    asked = [
        (one, other)
        for one in sides
        for other in sides
        if (one.first.objective, other.first.objective) == ("one-shot", "architecture")
        and one.first.problem == other.first.problem
    ]
    able = [pair for pair in asked if not _obstacle(*pair)]
    larger = compared.subjects[0].metric.larger_is_better
    tests = [(one.incumbents(), other.incumbents()) for one, other in able]
    found = tested(tests, level=compared.level, larger_is_better=larger)
    said = [
        f"{_question(one, other)} {_answer(one, other, comparison, compared.margin)}"
        for (one, other), comparison in zip(able, found, strict=True)
    ]
    said += [f"{_question(one, other)} {obstacle}" for one, other in asked if (obstacle := _obstacle(one, other))]
    said_of = [pair for pair in asked if pair in able or to_evaluate((*pair[0].runs, *pair[1].runs))]
    answered = {frozenset(pair) for one, other in said_of for pair in itertools.product(one.subjects, other.subjects)}
    return said, answered


def _question(one: Side, other: Side) -> str:
    return f"Does optimising the one-shot objective ({one.name}) give as good an architecture as {other.name}?"


def _obstacle(one: Side, other: Side) -> str:
    """Why the runs do not answer the question; empty if they do."""
    runs = (*one.runs, *other.runs)
    differences = [
        differing({run.name: run.frame.assign(budget=run.budget) for run in runs}),
        differing_options({side.name: side.first.settings for side in (one, other)}, _ignored(one, other)),
    ]
    if any(differences):
        more = "; ".join(filter(None, differences))
        return f"These runs cannot say, because more than their objective differs: {more}."
    command = to_evaluate(runs)
    if command:
        single = ""
        if len(runs) == 2 and (best := one.first.own_best) and not math.isnan(best.architecture_score):
            single = f" ({_chosen(one.first)} against {_chosen(other.first)})"
        return (
            f"These runs alone cannot say: an incumbent is the luckiest of many evaluations{single}. "
            f"Trials of the incumbents on fresh seeds can: {command}."
        )
    if not all(run.summary.trials for run in runs):
        return (
            f"Not decided: the trials of one have no architecture {one.first.metric.name} (run with --retrain always)."
        )
    counts = (len(one.runs), len(other.runs))
    if max(counts) > 1 and min(counts) < LEAST_RUNS:
        return (
            f"Not decided: an objective is judged by {LEAST_RUNS} runs or more of each, here are {counts[0]} and "
            f"{counts[1]} (das-hpo run --seeds)."
        )
    if max(counts) > 1 and any(run.sample.sequential for run in runs):
        return f"Not decided: {STOPPED}"
    if max(counts) > 1 and any(len(run.sample.values) < LEAST_TRIALS for run in runs):
        return f"Not decided: the incumbents need {LEAST_TRIALS} trials or more each (das-hpo evaluate --trials 20)."
    return ""


def _ignored(one: Side, other: Side) -> Sequence[str]:
    """Settings that may differ: all of them, where those of one side are unknown."""
    known = [set(side.first.settings) for side in (one, other)]
    return OF_THE_OBJECTIVE if all(known) else sorted(set.union(*known))


def _answer(one: Side, other: Side, comparison: Comparison, margin: float) -> str:
    """The answer from trials of the incumbents, the one-shot side being A."""
    metric = one.first.metric
    replicated = len(one.runs) > 1
    decision = decided(comparison, metric, margin, one_sided=True)
    what, counted = ("an incumbent", "runs") if replicated else ("a trial", "trials")
    numbers = f"{typical(comparison, metric, what)}, {significance(comparison, counted)}."
    numbers += spread(comparison, metric.of_unit)
    if decision.verdict == UNDECIDED:
        more = (
            more_runs(comparison, decision, margin)
            if comparison.runs
            else more_trials(decision, comparison.difference_interval)
        )
        return f"Not decided: {numbers}{more}"
    if decision.verdict == AS_GOOD:
        word = f"Yes, as good {within(margin, metric)}"
    else:
        word = "Yes, a better one" if decision.verdict == BETTER else "No, a worse one"
    if replicated:
        return f"{word}: {numbers} This is said of the objectives with these settings, from runs with different seeds."
    return (
        f"{word}: {numbers} This is said of the incumbents of these two runs, not of the objectives: runs with other "
        "seeds may find others (das-hpo run --seeds 0..4)."
    )


def _chosen(run: Subject) -> str:
    best = run.own_best
    if best is None or math.isnan(best.architecture_score):
        return f"{run.name} without an architecture {run.metric.name}"
    return f"{run.metric.text(best.architecture_score)}{run.metric.of_unit}, chosen from {best.rivals}"
