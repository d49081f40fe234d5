"""Runs and groups at equal cost: the incumbents of that time, by their trials on fresh seeds and by nothing else."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from das_hpo.analysis.comparison.agreement import differing_settings
from das_hpo.analysis.comparison.orientation import decided
from das_hpo.analysis.comparison.phrases import difference_of, more_trials, significance, within
from das_hpo.analysis.comparison.replicates import more_runs, tested
from das_hpo.analysis.comparison.sides import Side, sides_of, trials_or_none
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.comparison.trajectory import at_cost
from das_hpo.analysis.statistics import Comparison
from das_hpo.analysis.statistics.decisions import AS_GOOD, UNDECIDED
from das_hpo.analysis.statistics.replication import Runs, typical_score
from das_hpo.analysis.statistics.samples import as_values


@dataclass(frozen=True, slots=True)
class EqualCost:
    """The incumbents of two sides at the time at which the cheapest run of both had ended.

    Attributes:
        first: What A is called.
        second: What B is called.
        worker_s: The cheapest run's workers' seconds.
        objective: What both optimise.
        score: By run: the score of its incumbent by then, from trials on fresh seeds; NaN if there are none.
        to_evaluate: The subjects whose incumbents by then have no trials on fresh seeds yet.
        without: The runs that had no incumbent by then.
        as_at_the_end: Whether all these incumbents are those of the end.
        comparison: The test; None if trials are missing.
    """

    first: str
    second: str
    worker_s: float
    objective: str
    score: Mapping[str, float]
    to_evaluate: tuple[str, ...]
    without: tuple[str, ...]
    as_at_the_end: bool
    comparison: Comparison | None = None


def equal_cost(subjects: Sequence[Subject], level: float) -> tuple[EqualCost, ...]:
    """Each pair of sides of one objective, problem, method and settings at its own equal cost, corrected together."""
    pairs = [
        (one, other)
        for one, other in itertools.combinations(sides_of(subjects), 2)
        if _of_one(one.first, other.first)
        and not differing_settings({run.name: run.frame for run in (*one.runs, *other.runs)})
    ]
    found = [_pair(one, other) for one, other in pairs]
    if not found:
        return ()
    larger = subjects[0].metric.larger_is_better
    tests = iter(tested([sides for _, sides in found if sides], level=level, larger_is_better=larger))
    return tuple(replace(each, comparison=next(tests) if sides else None) for each, sides in found)


def _of_one(one: Subject, other: Subject) -> bool:
    return (one.objective, one.problem, one.method) == (other.objective, other.problem, other.method)


def _pair(one: Side, other: Side) -> tuple[EqualCost, tuple[Runs, Runs] | None]:
    """The pair without its test, and what is tested; None if trials are missing."""
    runs = (*one.runs, *other.runs)
    least = min(run.cost.worker_s for run in runs)
    larger = one.first.metric.larger_is_better
    steps = {run.name: at_cost(run.steps, least) for run in runs}
    trials = {name: None if step is None else step.trials for name, step in steps.items()}
    first, second = (Runs(s.name, trials_or_none([trials[run.name] for run in s.runs])) for s in (one, other))
    sign = 1 if larger else -1
    pair = EqualCost(
        first=one.name,
        second=other.name,
        worker_s=least,
        objective=one.first.objective,
        score={
            name: math.nan if sample is None else sign * typical_score(sign * as_values(sample.values))
            for name, sample in trials.items()
        },
        to_evaluate=tuple(
            name
            for side in (one, other)
            if any(steps[run.name] is not None and trials[run.name] is None for run in side.runs)
            for name in side.subjects
        ),
        without=tuple(name for name, step in steps.items() if step is None),
        as_at_the_end=all(run.steps and steps[run.name] is run.steps[-1] for run in runs),
    )
    return pair, (first, second) if first.trials and second.trials else None


def at_equal_cost(compared: Sequence[EqualCost], metric_of: Subject, margin: float) -> list[str]:
    """A sentence for each pair that can be compared, and one for all that cannot."""
    metric = metric_of.metric
    said = []
    for each in compared:
        c = each.comparison
        if each.without and not each.to_evaluate:
            said.append(
                f"{each.first} against {each.second} at equal cost: when the cheapest run had ended, after "
                f"{each.worker_s:.0f} s of workers' time, {', '.join(each.without)} had no incumbent yet."
            )
        if c is None or each.as_at_the_end:
            continue
        decision = decided(c, metric, margin)
        if decision.verdict == UNDECIDED:
            verdict = "it is not decided which is better"
        elif decision.verdict == AS_GOOD:
            verdict = f"the incumbents of {c.first} are as good {within(margin, metric)}"
        else:
            verdict = f"the incumbents of {c.first} are {decision.verdict}"
        more = more_runs(c, decision, margin) if c.runs else more_trials(decision, c.difference_interval)
        said.append(
            f"At equal cost ({each.worker_s:.0f} s of workers' time, the whole of the cheapest run), "
            f"{c.first} against {c.second}: {verdict}. "
            f"{difference_of(c, metric, 'an incumbent')}, {significance(c, _counted(c))}.{more}"
        )
    missing = list(dict.fromkeys(name for each in compared if each.comparison is None for name in each.to_evaluate))
    if missing:
        said.append(
            "At equal cost nothing is decided: the best of many noisy evaluations is the luckiest, and of more the "
            "luckier. Trials of the incumbents of that time can: "
            f"das-hpo evaluate {' '.join(missing)} --trajectory --trials 20."
        )
    return said


def _counted(comparison: Comparison) -> str:
    return "runs" if comparison.runs else "trials"
