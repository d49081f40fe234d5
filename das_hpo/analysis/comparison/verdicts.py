"""Verdicts: sentences that say what the data of a comparison support, and what they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from das_hpo.analysis.comparison.agreement import differing_settings
from das_hpo.analysis.comparison.compare import SideBySide
from das_hpo.analysis.comparison.equal_cost import at_equal_cost
from das_hpo.analysis.comparison.group_verdicts import group_verdict
from das_hpo.analysis.comparison.orientation import decided
from das_hpo.analysis.comparison.phrases import bounds, chance, more_trials, typical, within
from das_hpo.analysis.comparison.replicates import to_evaluate
from das_hpo.analysis.comparison.stopping import stopping
from das_hpo.analysis.comparison.subjects import EVALUATIONS, Subject
from das_hpo.analysis.comparison.title_question import title_question
from das_hpo.analysis.statistics import Comparison, holm
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, WORSE
from das_hpo.analysis.statistics.samples import rejects
from das_hpo.analysis.statistics.sequential import any_time_p
from spaces.task import Metric

#: With fewer trials than this the verdict warns that intervals are rough.
FEW = 10


def verdicts(compared: SideBySide) -> list[str]:
    """One or two sentences for each question. The paper's main question comes first: one-shot or architecture?"""
    by_name = {subject.name: subject for subject in compared.subjects}
    said, answered = title_question(compared)
    for comparison in compared.comparisons:
        if frozenset((comparison.first, comparison.second)) in answered:
            continue
        others = [other.p_value for other in compared.comparisons if other is not comparison]
        said.append(pair_verdict(comparison, by_name, others, compared.margin))
    if compared.comparisons:
        said.append(margin_sentence(compared.margin, compared.subjects[0].metric))
    said += stopping(compared)
    said += [correlation_verdict(subject) for subject in compared.subjects if not subject.members]
    said += at_equal_cost(compared.equal_cost, compared.subjects[0], compared.margin)
    said += _warnings(compared.subjects)
    return said


def pair_verdict(comparison: Comparison, by_name: dict[str, Subject], others: Sequence[float], margin: float) -> str:
    """Whether A is better, as good or worse, or undecided; ``others`` are the p values of the other tests."""
    a, b = by_name[comparison.first], by_name[comparison.second]
    names, metric = f"{a.name} against {b.name}", a.metric
    if command := to_evaluate((a, b)):
        return (
            f"{names}: not decided. An incumbent is the luckiest of many evaluations; its trials can tell: {command}."
        )
    if a.members or b.members:
        return f"{names}: {group_verdict(comparison, a, b, margin)}"
    if math.isnan(comparison.p_value):
        without = " and ".join(subject.name for subject in (a, b) if not subject.summary.trials)
        return f"{names}: not comparable, {without} has no architecture {metric.name} (run with --retrain always)."
    numbers = f"{_typical(comparison, a, b)}, {chance(comparison)}"
    sentence = (
        f"{numbers[0].upper()}{numbers[1:]}." if numbers.startswith(("a trial", "every trial")) else f"{numbers}."
    )
    decision = decided(comparison, metric, margin)
    if decision.verdict in (BETTER, WORSE):
        return f"{names}: the {a.source} of {a.name} are {decision.verdict}. {sentence}"
    interval = comparison.difference_interval
    if decision.verdict == AS_GOOD:
        there = "" if 0 in interval else "; a difference is there, but it is smaller"
        return f"{names}: the {a.source} of {a.name} are as good {within(margin, metric)}{there}. {sentence}"
    # With the smallest possible p, Holm's factor may be another one.
    least = holm([smallest_p(comparison), *others])[0]
    if not rejects(least, interval.level):
        first, second = comparison.trials
        more = more_trials(decision, interval)
        return (
            f"{names}: too few trials to tell. With these {first} and {second} trials no outcome could have been "
            f"significant (the smallest possible p is {min(1.0, least):.2g}); {numbers}.{more}"
        )
    still = ""
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        digits, unit = metric.digits, metric.of_unit
        still = f": a difference of {interval.low:+{digits}} to {interval.high:+{digits}}{unit} agrees with them"
    return (
        f"{names}: the data do not tell which is better; that is no proof that they are equal{still}. "
        f"{sentence}{more_trials(decision, interval)}"
    )


def _typical(comparison: Comparison, a: Subject, b: Subject) -> str:
    gone = [subject.name for subject in (a, b) if not subject.summary.completed]
    return f"every trial of {' and of '.join(gone)} diverged" if gone else typical(comparison, a.metric)


def margin_sentence(margin: float, metric: Metric) -> str:
    """What the margin of all these verdicts is."""
    if margin > 0:
        return f"Differences of less than {margin:g}{metric.of_unit} are taken to be of no consequence (--margin)."
    return (
        f"No margin is set for the {metric.name}, so that nothing can be found as good: --margin takes the difference "
        f"that is of no consequence{f', in {metric.unit}' if metric.unit else ''}."
    )


def correlation_verdict(subject: Subject) -> str:
    """Whether one-shot and architecture score are related."""
    word = subject.metric.name
    found = subject.correlation
    over = f"over {found.pairs} {subject.source}"
    if math.isnan(found.coefficient):
        return f"{subject.name}: no correlation can be computed {over} with both scores."
    ranks = (
        f"Spearman's is {subject.rank_correlation.coefficient:+.2f} {bounds(subject.rank_correlation.interval, '+.2f')}"
    )
    text = f"r = {found.coefficient:+.2f} {bounds(found.interval, '+.2f')} {over}; {ranks}"
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


def smallest_p(comparison: Comparison) -> float:
    """The smallest two-sided p value that samples of these sizes can have, without ties."""
    k = comparison.pairs
    first, second = (count - k for count in comparison.trials)
    least = min(1.0, 2 / (math.comb(first + second, first) << k))
    return any_time_p(least, *comparison.trials) if comparison.sequential else least


def _warnings(subjects: Sequence[Subject]) -> list[str]:
    said = []
    word = subjects[0].metric.name
    if len({subject.problem for subject in subjects}) > 1:
        kinds = "; ".join(f"{subject.name}: {subject.problem}" for subject in subjects)
        said.append(f"The problems differ ({kinds}): a difference in {word} may come from the problem.")
    if len({subject.method for subject in subjects}) > 1:
        kinds = "; ".join(f"{subject.name}: {subject.method}" for subject in subjects)
        said.append(f"The methods differ ({kinds}): a difference in {word} may come from the method.")
    budgets = {subject.name: subject.budget for subject in subjects}
    if len(set(budgets.values())) > 1:
        kinds = ", ".join(f"{name} {budget:g}" for name, budget in budgets.items())
        said.append(f"The trials are of different lengths in epochs ({kinds}): longer ones are usually better.")
    further = differing_settings({subject.name: subject.frame for subject in subjects})
    if further:
        said.append(f"The settings differ: {further}; a difference in {word} may come from them.")
    for subject in subjects:
        if subject.source == EVALUATIONS and not subject.members:
            said.append(
                f"{subject.name}: its numbers are of its evaluations at {subject.budget:g} epochs, which are of "
                "different configurations that its optimiser chose: they tell where it looked, not how good its "
                f"incumbent is ({to_evaluate([subject])} does)."
            )
        if subject.summary.diverged:
            said.append(
                f"{subject.name}: {subject.summary.diverged} of {subject.summary.trials} trials diverged: tests, "
                "probabilities and differences take them as worse than all others; maximum, mean, median, IQR and SD "
                "are over the others alone."
            )
        if subject.members:
            continue
        if 0 < subject.summary.trials < FEW:
            said.append(f"{subject.name}: only {subject.summary.trials} trials, its intervals are rough.")
        if subject.cost.failed:
            said.append(f"{subject.name}: {subject.cost.failed} evaluations failed (lost attempts) and count nowhere.")
    return said
