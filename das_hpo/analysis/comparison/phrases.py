"""The numbers of a comparison in words: differences, intervals, p values, and how many more trials would decide."""

from __future__ import annotations

import math

from das_hpo.analysis.statistics import Comparison, Decision, Interval
from das_hpo.analysis.statistics.replication import OVER_RUNS
from das_hpo.analysis.statistics.significance import BRUNNER_MUNZEL
from spaces.task import Metric

NO_INTERVAL = "(no interval)"

#: Tests as people call them.
TESTS = {BRUNNER_MUNZEL: "Brunner-Munzel", OVER_RUNS: "t test"}


def bounds(interval: Interval, form: str) -> str:
    """Both ends in brackets, in the form; an infinite end is no limit, and words say if there is no interval."""
    if not interval.defined or (math.isinf(interval.low) and math.isinf(interval.high)):
        return NO_INTERVAL
    low = "no lower limit" if math.isinf(interval.low) else f"{interval.low:{form}}"
    high = "no upper limit" if math.isinf(interval.high) else f"{interval.high:{form}}"
    return f"[{low}, {high}]"


def typical(comparison: Comparison, metric: Metric, what: str = "a trial") -> str:
    """By how much a trial of A differs from one of B; that no number can be given where one diverges too often."""
    if math.isnan(comparison.difference):
        return f"every trial of {comparison.first} and of {comparison.second} diverged"
    digits, unit = metric.digits, metric.of_unit
    if math.isinf(comparison.difference):
        number = f"difference in {metric.unit}" if unit else "difference"
        said = f"{diverging(comparison, metric)} diverges so often that no {number} can be given"
        limit = _one_sided(comparison.difference_interval, metric)
        return said + (f" ({comparison.first} - {comparison.second} is {limit})" if limit else "")
    return (
        f"{what} of {comparison.first} typically differs from one of {comparison.second} by "
        f"{comparison.difference:+z{digits}}{unit} {bounds(comparison.difference_interval, f'+z{digits}')}"
    )


def difference_of(comparison: Comparison, metric: Metric, what: str) -> str:
    """As :func:`typical`, as the beginning of a sentence unless it begins with a name."""
    said = typical(comparison, metric, what)
    return f"{said[0].upper()}{said[1:]}" if said.startswith((what, "every trial")) else said


def diverging(comparison: Comparison, metric: Metric) -> str:
    """The name of the sample whose diverged trials make the difference infinite."""
    return comparison.first if (comparison.difference < 0) == metric.larger_is_better else comparison.second


def _one_sided(interval: Interval, metric: Metric) -> str:
    """The end of the interval that is a number, if one alone is."""
    if math.isfinite(interval.high):
        return f"at most {interval.high:+z{metric.digits}}{metric.of_unit}"
    if math.isfinite(interval.low):
        return f"at least {interval.low:+z{metric.digits}}{metric.of_unit}"
    return ""


def difference_cell(comparison: Comparison, metric: Metric) -> str:
    """The difference and its interval in a table."""
    if math.isnan(comparison.difference):
        return "-"
    if math.isinf(comparison.difference):
        limit = _one_sided(comparison.difference_interval, metric)
        return f"none, {diverging(comparison, metric)} diverges" + (f" ({limit})" if limit else "")
    return f"{metric.text(comparison.difference, '+z')} {bounds(comparison.difference_interval, f'+z{metric.digits}')}"


def chance(comparison: Comparison, what: str = "one", counted: str = "trials") -> str:
    """The probability that A is better, and the test of so many trials or runs."""
    return (
        f"{what} of {comparison.first} is the better with probability {comparison.improvement:.2f} "
        f"{bounds(comparison.improvement_interval, '.2f')}, {significance(comparison, counted)}"
    )


def significance(comparison: Comparison, counted: str = "trials") -> str:
    """The corrected p value, its test, and of how many trials or runs it is."""
    first, second = comparison.trials
    pairs = f", {comparison.pairs} pairs" if comparison.pairs else ""
    when = ", valid whenever one stops" if comparison.sequential else ""
    test = TESTS[comparison.test]
    return f"{p_text(comparison.p_holm)} ({test}, {first} and {second} {counted}{pairs}, Holm{when})"


def p_text(p: float) -> str:
    """A p value for people: two digits, or only that it is very small."""
    if math.isnan(p):
        return "no p"
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def within(margin: float, metric: Metric) -> str:
    """The margin with its unit, such as ``within 0.25 dB``."""
    return f"within {margin:g}{metric.of_unit}"


def more_trials(decision: Decision, interval: Interval) -> str:
    """How many trials more would decide, as a sentence; empty where the data do not say."""
    if interval.defined and 0 not in interval:
        return " The interval alone excludes 0; the correction for the number of comparisons leaves it open."
    if not decision.more_trials:
        return ""
    return (
        f" About {decision.more_trials} more {'trial' if decision.more_trials == 1 else 'trials'} of each would decide "
        "it in four of five cases, if the difference is as estimated."
    )
