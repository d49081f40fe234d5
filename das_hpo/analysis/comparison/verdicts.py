"""Verdicts: sentences that say what the data of a comparison support, and what they do not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from das_hpo.analysis.comparison.agreement import differing
from das_hpo.analysis.comparison.compare import SideBySide
from das_hpo.analysis.comparison.equal_cost import at_equal_cost
from das_hpo.analysis.comparison.group_verdicts import group_verdict
from das_hpo.analysis.comparison.orientation import decided
from das_hpo.analysis.comparison.phrases import (
    apart,
    bounds,
    chance,
    counted,
    diverged,
    more_trials,
    p_text,
    reach,
    typical,
    within,
)
from das_hpo.analysis.comparison.replicates import to_evaluate
from das_hpo.analysis.comparison.stopping import stopping
from das_hpo.analysis.comparison.subjects import EVALUATIONS, Subject
from das_hpo.analysis.comparison.title_question import title_question
from das_hpo.analysis.statistics import Comparison, Correlation, holm
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, WORSE, diverges_oftener
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
    single = [subject for subject in compared.subjects if not subject.members]
    found = [judging(subject) for subject in single]
    corrected = holm([each.p_value if each.interval.defined else math.nan for each in found])
    said += [correlation_verdict(subject, p) for subject, p in zip(single, corrected, strict=True)]
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
    if not (a.summary.completed or b.summary.completed):
        first, second = comparison.trials
        return f"{names}: not decided. Every trial of both diverged ({first} and {second} trials)."
    numbers = f"{_typical(comparison, a, b)}, {chance(comparison)}"
    sentence = (
        f"{numbers[0].upper()}{numbers[1:]}." if numbers.startswith(("a trial", "every trial")) else f"{numbers}."
    )
    sentence += diverged(comparison) + unlike(a, b)
    decision = decided(comparison, metric, margin)
    if decision.verdict in (BETTER, WORSE):
        far = reach(comparison, metric, margin)
        return f"{names}: the {a.source} of {a.name} are {decision.verdict}{far}. {sentence}"
    interval = comparison.difference_interval
    if decision.verdict == AS_GOOD:
        there = "" if 0 in interval else "; a difference is there, but it is smaller"
        return f"{names}: the {a.source} of {a.name} are as good {within(margin, metric)}{there}. {sentence}"
    # With the smallest possible p, Holm's factor may be another one.
    least = holm([smallest_p(comparison), *others])[0]
    if not rejects(least, interval.level):
        first, second = comparison.trials
        return (
            f"{names}: not decided, too few trials to tell. With these {first} and {second} trials no outcome could "
            f"have been significant (the smallest possible p is {min(1.0, least):.2g}). {sentence}"
            f"{more_trials(decision, interval)}"
        )
    still = ""
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        low, high = (apart(end, f"+z{metric.digits}", 0.0) for end in (interval.low, interval.high))
        still = f": a difference of {low} to {high}{metric.of_unit} agrees with them"
        if max(-interval.low, interval.high) < margin and not diverges_oftener(comparison):
            still += ", but not so surely that it holds for all these comparisons at once"
    return (
        f"{names}: not decided, the data do not tell which is better; that is no proof that they are equal{still}. "
        f"{sentence}{more_trials(decision, interval)}"
    )


def _typical(comparison: Comparison, a: Subject, b: Subject) -> str:
    gone = [subject.name for subject in (a, b) if not subject.summary.completed]
    return f"every trial of {' and of '.join(gone)} diverged" if gone else typical(comparison, a.metric)


def unlike(a: Subject, b: Subject) -> str:
    """What A and B differ in besides what is compared, as a sentence; empty if in nothing."""
    found = [differing({subject.name: subject.frame.assign(budget=subject.budget) for subject in (a, b)})]
    codes = {subject.name: sorted(set(subject.frame["fingerprint"].dropna())) for subject in (a, b)}
    if codes[a.name] != codes[b.name]:
        words = " or ".join(f"{', '.join(map(str, code)) or 'unknown'} ({name})" for name, code in codes.items())
        found.append(f"the task's code {words}")
    found = [words for words in found if words]
    return f" They differ in {'; '.join(found)}: the difference may come from that." if found else ""


def margin_sentence(margin: float, metric: Metric) -> str:
    """What the margin of all these verdicts is."""
    if margin > 0:
        return f"Differences of less than {margin:g}{metric.of_unit} are taken to be of no consequence (--margin)."
    return (
        f"No margin is set for the {metric.name}, so that nothing can be found as good: --margin takes the difference "
        f"that is of no consequence{f', in {metric.unit}' if metric.unit else ''}."
    )


def correlation_verdict(subject: Subject, p_corrected: float | None = None) -> str:
    """Whether one-shot and architecture score are related; p is corrected (Holm) for all subjects.

    Pearson's coefficient tells, or Spearman's where pairs are too few for an interval of Pearson's.
    """
    word, found, ranks = subject.metric.name, subject.correlation, subject.rank_correlation
    over = f"over {found.pairs} {subject.source}"
    if found.pairs < 2:
        return f"{subject.name}: no correlation can be computed, {counted(found.pairs, 'trial')} with both scores."
    if math.isnan(found.coefficient):
        return f"{subject.name}: no correlation can be computed {over}: one of the scores is always the same."
    text = (
        f"r = {found.coefficient:+.2f} {bounds(found.interval, '+.2f', 0.0)} {over}; "
        f"Spearman's is {ranks.coefficient:+.2f} {bounds(ranks.interval, '+.2f', 0.0)}"
    )
    basis = judging(subject)
    if not basis.interval.defined:
        return f"{subject.name}: {found.pairs} pairs of scores are too few to say whether they are related."
    p_value = basis.p_value if p_corrected is None else p_corrected
    if 0 in basis.interval or not rejects(p_value, basis.interval.level):
        why = "" if 0 in basis.interval else f"; corrected for the number of correlations, {p_text(p_value)}"
        return f"{subject.name}: the data do not show that one-shot and architecture {word} are related ({text}{why})."
    if basis.coefficient < 0:
        return f"{subject.name}: a better one-shot {word} goes with a worse architecture {word} ({text})."
    share = f", of whose variance it explains {found.coefficient**2:.0%}" if basis is found else ""
    return f"{subject.name}: a better one-shot {word} goes with a better architecture {word}{share} ({text})."


def judging(subject: Subject) -> Correlation:
    """The correlation that tells whether the scores are related: Pearson's if it has an interval, else Spearman's."""
    return subject.correlation if subject.correlation.interval.defined else subject.rank_correlation


def smallest_p(comparison: Comparison) -> float:
    """The smallest two-sided p value that samples of these sizes can have, without ties."""
    k = comparison.pairs
    first, second = (count - k for count in comparison.trials)
    least = min(1.0, 2 / (math.comb(first + second, first) << k))
    return any_time_p(least, *comparison.trials) if comparison.sequential else least


def _warnings(subjects: Sequence[Subject]) -> list[str]:
    said = []
    for subject in subjects:
        if subject.source == EVALUATIONS and not subject.members:
            said.append(
                f"{subject.name}: its numbers are of its evaluations at {subject.budget:g} epochs, which are of "
                "different configurations that its optimiser chose: they tell where it looked, not how good its "
                f"incumbent is ({to_evaluate([subject])} does)."
            )
        if subject.summary.diverged:
            said.append(
                f"{subject.name}: {subject.summary.diverged} of {counted(subject.summary.trials, 'trial')} diverged: "
                "tests, probabilities, differences, median and quartiles take them as worse than all others; maximum, "
                "mean, SD and correlations are over the others alone."
            )
        if subject.members:
            continue
        if 0 < subject.summary.trials < FEW:
            said.append(f"{subject.name}: only {counted(subject.summary.trials, 'trial')}, its intervals are rough.")
        if subject.cost.failed:
            said.append(f"{subject.name}: {subject.cost.failed} evaluations failed (lost attempts) and count nowhere.")
    return said
