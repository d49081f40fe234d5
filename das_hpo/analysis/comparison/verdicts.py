"""Verdicts: sentences that say what the data of a comparison support, and what they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from das_hpo.analysis.comparison.agreement import differing_settings
from das_hpo.analysis.comparison.compare import SideBySide
from das_hpo.analysis.comparison.subjects import EVALUATIONS, INCUMBENT_TRIALS, Subject
from das_hpo.analysis.statistics import Comparison, Interval, holm

#: With fewer trials than this the verdict warns that intervals are rough.
FEW = 10


def verdicts(compared: SideBySide) -> list[str]:
    """One or two sentences for each question. The paper's main question comes first: one-shot or architecture?"""
    by_name = {subject.name: subject for subject in compared.subjects}
    said = _title_question(compared)
    for comparison in compared.comparisons:
        others = [other.p_value for other in compared.comparisons if other is not comparison]
        said.append(pair_verdict(comparison, by_name, others, compared.level))
    said += [correlation_verdict(subject) for subject in compared.subjects]
    said += _equal_cost(compared)
    said += _warnings(compared.subjects)
    return said


def pair_verdict(comparison: Comparison, by_name: dict[str, Subject], others: Sequence[float], level: float) -> str:
    """Whether A or B is better, or the data cannot tell; ``others`` are the p values of the other tests."""
    a, b = by_name[comparison.first], by_name[comparison.second]
    names = f"{a.name} against {b.name}"
    if math.isnan(comparison.p_value):
        without = " and ".join(subject.name for subject in (a, b) if not subject.summary.trials)
        return f"{names}: not comparable, {without} has no architecture {a.metric.name} (run with --retrain always)."
    numbers = (
        f"{_medians(comparison, a, b)}, one of {a.name} is the "
        f"better with probability {comparison.improvement:.2f} {comparison.improvement_interval}, "
        f"{_test(comparison)}"
    )
    alpha = 1 - level
    if comparison.p_holm < alpha:
        word = "better" if comparison.direction > 0 else "worse"
        return f"{names}: the {a.source} of {a.name} are {word}. {numbers[0].upper()}{numbers[1:]}."
    # With the smallest possible p, Holm's factor may be another one.
    least = holm([smallest_p(comparison, a.summary.trials, b.summary.trials), *others])[0]
    if least >= alpha:
        return (
            f"{names}: too few trials to tell. With these {_counts(comparison, a, b)} no outcome could have been "
            f"significant (the smallest possible p is {min(1.0, least):.2g}); {numbers}."
        )
    return (
        f"{names}: the data do not tell which is better; that is no proof that they are equal"
        f"{_still_possible(comparison.difference_interval, a)}. {numbers[0].upper()}{numbers[1:]}."
    )


def _medians(comparison: Comparison, a: Subject, b: Subject) -> str:
    gone = [subject.name for subject in (a, b) if not subject.summary.completed]
    if gone:
        return f"every trial of {' and of '.join(gone)} diverged"
    digits, unit = a.metric.digits, a.metric.of_unit
    medians = f"medians {a.summary.median:{digits}} and {b.summary.median:{digits}}{unit}"
    interval = f"{comparison.difference_interval:+{digits}}"
    if 0 < comparison.pairs < max(a.summary.trials, b.summary.trials):
        medians += f" over all {a.summary.trials} and {b.summary.trials} trials, over the {comparison.pairs} pairs a"
        return f"{medians} difference of {comparison.difference:+{digits}}{unit} {interval}"
    return f"{medians}, difference {comparison.difference:+{digits}}{unit} {interval}"


def correlation_verdict(subject: Subject) -> str:
    """Whether one-shot and architecture score are related."""
    word = subject.metric.name
    found = subject.correlation
    over = f"over {found.pairs} {subject.source}"
    if math.isnan(found.coefficient):
        return f"{subject.name}: no correlation can be computed {over} with both scores."
    ranks = f"Spearman's is {subject.rank_correlation.coefficient:+.2f} {subject.rank_correlation.interval:+.2f}"
    text = f"r = {found.coefficient:+.2f} {found.interval:+.2f} {over}; {ranks}"
    interval = found.interval
    if not interval.defined:
        return f"{subject.name}: {found.pairs} pairs of scores are too few to say whether they are related."
    if 0 in interval:
        return f"{subject.name}: the data do not show that one-shot and architecture {word} are related ({text})."
    if found.coefficient < 0:
        return f"{subject.name}: a better one-shot {word} goes with a worse architecture {word} ({text})."
    share = found.coefficient**2
    return (
        f"{subject.name}: a better one-shot {word} goes with a better architecture {word}, of whose variance it "
        f"explains {share:.0%} ({text})."
    )


def smallest_p(comparison: Comparison, first: int, second: int) -> float:
    """The smallest two-sided p value that samples of these sizes can have, without ties."""
    if comparison.pairs:
        return float(2.0 ** (1 - comparison.pairs))
    return 2 / math.comb(first + second, first)


def _title_question(compared: SideBySide) -> list[str]:
    """Does optimising the one-shot objective give as good an architecture as optimising the architecture?"""
    runs = [subject for subject in compared.subjects if subject.kind == "run"]
    said = []
    for one in (run for run in runs if run.objective == "one-shot"):
        for other in (run for run in runs if run.objective == "architecture" and run.problem == one.problem):
            comparison, sign = _between(compared.comparisons, one.name, other.name)
            said.append(_answer(one, other, comparison, sign, compared.level))
    return said


def _answer(one: Subject, other: Subject, comparison: Comparison, sign: int, level: float) -> str:
    question = f"Does optimising the one-shot objective ({one.name}) give as good an architecture as {other.name}?"
    missing = [run.name for run in (one, other) if run.source != INCUMBENT_TRIALS]
    if missing:
        commands = ", ".join(f"das-hpo evaluate {name} --trials 75" for name in missing)
        best = one.own_best
        single = (
            "" if best is None or math.isnan(best.architecture_score) else f" ({_chosen(one)} against {_chosen(other)})"
        )
        return (
            f"{question} These runs alone cannot say: an incumbent is the luckiest of many evaluations{single}. "
            f"Trials of the incumbents can: {commands}."
        )
    if math.isnan(comparison.p_value):
        lacking = f"architecture {one.metric.name} (run with --retrain always)"
        return f"{question} Not decided: the trials of one have no {lacking}."
    interval = comparison.difference_interval
    low, high = (interval.low, interval.high) if sign > 0 else (-interval.high, -interval.low)
    digits, unit = one.metric.digits, one.metric.of_unit
    bounds = f"[{low:+{digits}}, {high:+{digits}}]"
    numbers = f"{sign * comparison.difference:+{digits}}{unit} {bounds} in the median, {_test(comparison)}"
    if math.isnan(comparison.difference):
        numbers = f"{_medians(comparison, one, other)}, {_test(comparison)}"
    if comparison.p_holm >= 1 - level:
        return f"{question} Not decided: {numbers}."
    better = comparison.direction * sign > 0
    return f"{question} {'Yes, a better one' if better else 'No, a worse one'}: {numbers}."


def _chosen(run: Subject) -> str:
    best = run.own_best
    if best is None or math.isnan(best.architecture_score):
        return f"{run.name} without an architecture {run.metric.name}"
    return f"{run.metric.text(best.architecture_score)}{run.metric.of_unit}, chosen from {best.rivals}"


def _equal_cost(compared: SideBySide) -> list[str]:
    equal = compared.equal_cost
    if equal is None:
        return []
    metric = compared.subjects[0].metric
    digits, unit = metric.digits, metric.of_unit
    found = ", ".join(
        f"{name} {'nothing yet' if math.isnan(score) else metric.text(score) + unit}"
        for name, score in equal.score.items()
    )
    said = [
        f"At equal cost ({equal.worker_s:.0f} s of workers' time, the cheapest run's whole) the best {equal.objective} "
        f"{metric.name} is: {found}. Each run is one draw of its optimiser."
    ]
    if not equal.optimizers:
        said[0] += " Only several runs of each, with other seeds, can rank the optimisers."
    for c in equal.optimizers:
        runs = [sum(run.optimizer == name for run in compared.subjects) for name in (c.first, c.second)]
        numbers = (
            f"the best differ by {c.difference:+{digits}}{unit} {c.difference_interval:+{digits}} in the median, "
            f"a run of {c.first} is the better with probability {c.improvement:.2f} {c.improvement_interval}, "
            f"{_test(c)}"
        )
        if c.p_holm < 1 - compared.level:
            verdict = f"{c.first} is {'better' if c.direction > 0 else 'worse'} at equal cost"
        else:
            verdict = "these runs do not tell which is better at equal cost"
        said.append(f"{c.first} against {c.second}, {runs[0]} and {runs[1]} runs: {verdict}; {numbers}.")
    return said


def _warnings(subjects: Sequence[Subject]) -> list[str]:
    said = []
    word = subjects[0].metric.name
    if len({subject.problem for subject in subjects}) > 1:
        kinds = "; ".join(f"{subject.name}: {subject.problem}" for subject in subjects)
        said.append(f"The problems differ ({kinds}): a difference in {word} may come from the problem.")
    budgets = {subject.name: subject.budget for subject in subjects}
    if len(set(budgets.values())) > 1:
        kinds = ", ".join(f"{name} {budget:g}" for name, budget in budgets.items())
        said.append(f"The trials are of different lengths in epochs ({kinds}): longer ones are usually better.")
    further = differing_settings({subject.name: subject.frame for subject in subjects})
    if further:
        said.append(f"The settings differ: {further}; a difference in {word} may come from them.")
    for subject in subjects:
        if subject.source == EVALUATIONS:
            said.append(
                f"{subject.name}: the tests use its evaluations at {subject.budget:g} epochs, which are of different "
                f"configurations that its optimiser chose: they tell where it looked, not how good its incumbent is "
                f"(das-hpo evaluate {subject.name} --trials 75 does)."
            )
        if subject.summary.diverged:
            said.append(
                f"{subject.name}: {subject.summary.diverged} of {subject.summary.trials} trials diverged; tests rank "
                f"them last, means and medians are over the others."
            )
        if 0 < subject.summary.trials < FEW:
            said.append(f"{subject.name}: only {subject.summary.trials} trials, its intervals are rough.")
        if subject.cost.failed:
            said.append(f"{subject.name}: {subject.cost.failed} evaluations failed (lost attempts) and count nowhere.")
    return said


def _between(comparisons: Sequence[Comparison], first: str, second: str) -> tuple[Comparison, int]:
    for comparison in comparisons:
        if (comparison.first, comparison.second) == (first, second):
            return comparison, 1
        if (comparison.first, comparison.second) == (second, first):
            return comparison, -1
    raise LookupError(f"{first} and {second} were not compared")


def _test(comparison: Comparison) -> str:
    name = f"Brunner-Munzel, {comparison.pairs} pairs" if comparison.pairs else "Brunner-Munzel"
    return f"{p_text(comparison.p_holm)} ({name}, Holm)"


def p_text(p: float) -> str:
    """A p value for people: two digits, or only that it is very small."""
    if math.isnan(p):
        return "no p"
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def _counts(comparison: Comparison, a: Subject, b: Subject) -> str:
    if comparison.pairs:
        return f"{comparison.pairs} pairs"
    return f"{a.summary.trials} and {b.summary.trials} trials"


def _still_possible(interval: Interval, subject: Subject) -> str:
    if not interval.defined:
        return ""
    digits, unit = subject.metric.digits, subject.metric.of_unit
    return f": a difference of {interval.low:+{digits}} to {interval.high:+{digits}}{unit} agrees with them"
