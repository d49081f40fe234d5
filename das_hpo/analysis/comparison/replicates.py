"""Groups of runs as subjects of a comparison: the run is the unit, and its score is that of its incumbent's trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from das_hpo.analysis.comparison.orientation import turned
from das_hpo.analysis.comparison.rows import Cost
from das_hpo.analysis.comparison.subjects import EVALUATIONS, GROUP, RUNS, Subject
from das_hpo.analysis.statistics import Comparison, Decision, Trials, compare, correlation, holm, summarise
from das_hpo.analysis.statistics.decisions import UNDECIDED
from das_hpo.analysis.statistics.replication import Runs, compare_runs, typical_score
from das_hpo.analysis.statistics.samples import as_values
from das_hpo.declaration import declarations
from das_hpo.groups import settings_alike
from das_hpo.settings import RunSettings
from spaces.errors import InvalidValueError, UsageError
from storage.records import RunRecord

#: Why groups with such trials are not compared.
STOPPED = (
    "trials of an incumbent were added until something was decided (--until-decided), which an interval over runs does "
    "not allow for: choose the number of trials before, under another --seed."
)


def settings_of_run(record: RunRecord) -> dict[str, Any]:
    """The settings of a stored run in which repetitions of it agree, those that it was stored without at the default.

    What older code did not store under its present name is left as it is.
    """
    try:
        stored = RunSettings.from_mapping(record.settings).to_dict()
    except UsageError:  # of a task or plug-in that this process does not have
        stored = record.settings
    return {**settings_alike(stored), "objective": record.objective, "optimizer": record.optimizer}


def differing_options(settings: Mapping[str, Mapping[str, Any]], ignored: Sequence[str] = ()) -> str:
    """In which settings runs differ, as options, each value with the runs that have it; empty if they agree."""
    declared = declarations(RunSettings)
    said = []
    for key in dict.fromkeys(key for values in settings.values() for key in values):
        holders: dict[str, list[str]] = {}
        for run, values in settings.items():
            holders.setdefault(str(values.get(key)), []).append(run)
        if len(holders) > 1 and key not in ignored:
            option = declared[key].option if key in declared else key
            values_said = (f"{value} ({', '.join(runs)})" for value, runs in holders.items())
            said.append(f"{option} {' or '.join(values_said)}")
    return "; ".join(said)


def group_subject(name: str, members: Sequence[Subject], *, level: float = 0.95) -> Subject:
    """The subject of several runs of the same settings.

    Args:
        name: The group's.
        members: Its runs.
        level: Confidence level.

    Raises:
        InvalidValueError: If they are not all runs, or no repetitions of each other.
    """
    import pandas

    wrong = [member.name for member in members if member.kind != "run"]
    if wrong:
        raise InvalidValueError(f"a group has runs alone, and {', '.join(wrong)} is none (in {name})")
    found = differing_options({member.name: member.settings for member in members})
    if found:
        raise InvalidValueError(
            f"the runs of {name} are no repetitions of each other, which differ in the seed: {found}"
        )
    first = members[0]
    evaluated = all(member.source != EVALUATIONS for member in members)
    scores = [_score(member) for member in members] if evaluated else []
    nothing = correlation([], [])
    return replace(
        first,
        name=name,
        kind=GROUP,
        best=(),
        cost=_cost_of_all([member.cost for member in members]),
        correlation=nothing,
        rank_correlation=nothing,
        source=RUNS if evaluated else EVALUATIONS,
        sample=Trials(name, scores),
        summary=summarise(scores, level=level),
        frame=pandas.concat([member.frame for member in members], ignore_index=True),
        members=tuple(members),
    )


def _score(member: Subject) -> float:
    """The run's score, NaN where its incumbent diverges too often to have one."""
    sign = 1 if member.metric.larger_is_better else -1
    score = sign * typical_score(sign * as_values(member.sample.values))
    return math.nan if math.isinf(score) else score


def _cost_of_all(costs: Sequence[Cost]) -> Cost:
    """The cost of several runs; the wall time of runs that may have overlapped is unknown."""
    return Cost(
        evaluations=sum(cost.evaluations for cost in costs),
        failed=sum(cost.failed for cost in costs),
        epochs=sum(cost.epochs for cost in costs),
        worker_s=sum(cost.worker_s for cost in costs),
        wall_s=math.nan,
    )


def trials_of(subject: Subject) -> tuple[Trials, ...]:
    """What is tested of a subject: its trials, or those of each of its runs' incumbents; none if one has none."""
    if subject.source == EVALUATIONS:
        return ()
    return tuple(member.sample for member in subject.members) or (subject.sample,)


def tested(pairs: Sequence[tuple[Runs, Runs]], *, level: float, larger_is_better: bool) -> list[Comparison]:
    """The tests of pairs of sides: single ones by their trials, groups by their runs. Differences are of the scores.

    Corrected for all of them: p by Holm, ``family_interval`` by Bonferroni. A side without trials is compared with
    nothing.
    """
    if not larger_is_better:
        mirrored = [(_negated(a), _negated(b)) for a, b in pairs]
        return [turned(found) for found in tested(mirrored, level=level, larger_is_better=True)]
    asked = max(1, sum(bool(_is_asked(a) and _is_asked(b)) for a, b in pairs))
    wide = 1 - (1 - level) / asked
    found = [_tested(a, b, level, asked) for a, b in pairs]
    if asked > 1:
        found = [
            one if one.sequential else replace(one, family_interval=_tested(a, b, wide, 1).difference_interval)
            for one, (a, b) in zip(found, pairs, strict=True)
        ]
    corrected = holm([one.p_value for one in found])
    return [replace(one, p_holm=p) for one, p in zip(found, corrected, strict=True)]


def _is_asked(side: Runs) -> bool:
    return any(len(as_values(trials.values)) for trials in side.trials)


def _tested(first: Runs, second: Runs, level: float, questions: int) -> Comparison:
    if first.trials and second.trials and max(len(first.trials), len(second.trials)) > 1:
        return compare_runs(first, second, level=level)
    a, b = (replace(s.trials[0], name=s.name) if s.trials else Trials(s.name, []) for s in (first, second))
    return compare(a, b, level=level, questions=questions)


def _negated(side: Runs) -> Runs:
    return Runs(side.name, [replace(trials, values=-as_values(trials.values)) for trials in side.trials])


def to_evaluate(subjects: Sequence[Subject]) -> str:
    """The command that evaluates the incumbents anew of which there are no trials yet; empty if there are all."""
    names = []
    for subject in subjects:
        if subject.source == EVALUATIONS:
            short = [member.name for member in subject.members if member.source == EVALUATIONS]
            names += [subject.name] if "=" not in subject.name and len(short) == len(subject.members) else short
            names += [] if subject.members else [subject.name]
    return f"das-hpo evaluate {' '.join(dict.fromkeys(names))} --trials 20" if names else ""


def more_runs(comparison: Comparison, decision: Decision, margin: float) -> str:
    """How many more runs, or more trials, would decide between groups, as a sentence; empty where nothing says it."""
    variance, level = comparison.runs, comparison.difference_interval.level
    if variance is None or decision.verdict != UNDECIDED or 0 not in comparison.difference_interval:
        return ""
    runs = variance.more_runs(comparison.difference, margin, level)
    trials = variance.more_trials(comparison.difference, margin, level)
    what = [
        *([f"{runs} more {'run' if runs == 1 else 'runs'} of each group"] if runs else []),
        *([f"{trials} more {'trial' if trials == 1 else 'trials'} of each incumbent"] if trials else []),
    ]
    if not what:
        return ""
    no_use = "; more trials of these incumbents alone would not" if not trials else ""
    return (
        f" About {' or '.join(what)} would decide it in four of five cases, if the difference is as estimated{no_use}."
    )


def spread(comparison: Comparison, unit: str) -> str:
    """By how much runs differ, and what of it is the luck of trials, as a sentence."""
    if comparison.runs is None:
        return ""
    runs = comparison.runs
    parts = [
        f"{sd:.2f}{unit} in {name}"
        for name, sd, n in zip((comparison.first, comparison.second), runs.between_sd, runs.runs, strict=True)
        if n > 1
    ]
    luck = math.sqrt(float(np.mean([w for w, n in zip(runs.within, runs.runs, strict=True) if n > 1])))
    return (
        f" Between runs the standard deviation is {' and '.join(parts)}, without the luck of the trials, which is "
        f"{luck:.2f}{unit} in the score of one run."
    )
