"""The numbers of a comparison in words: differences, intervals, p values, and how many more trials would decide."""

from __future__ import annotations

import math

from das_hpo.analysis.statistics import Comparison, Decision, Interval
from das_hpo.analysis.statistics.decisions import diverges_oftener
from das_hpo.analysis.statistics.replication import OVER_RUNS
from das_hpo.analysis.statistics.significance import ANY_TIME, BRUNNER_MUNZEL
from spaces.task import HUGE, Metric

NO_INTERVAL = "(no interval)"

#: Tests as people call them.
TESTS = {BRUNNER_MUNZEL: "Brunner-Munzel", ANY_TIME: "Brunner-Munzel", OVER_RUNS: "t test"}


def bounds(interval: Interval, form: str, excluded: float | None = None) -> str:
    """Both ends in brackets, in the form; an infinite end is no limit, and words say if there is no interval.

    Args:
        interval: What is written.
        form: Of its ends, such as ``+z.2f``.
        excluded: A value that no end may look like that is not equal to it.
    """
    if not interval.defined or (math.isinf(interval.low) and math.isinf(interval.high)):
        return NO_INTERVAL
    low = "no lower limit" if math.isinf(interval.low) else apart(interval.low, form, excluded)
    high = "no upper limit" if math.isinf(interval.high) else apart(interval.high, form, excluded)
    return f"[{low}, {high}]"


def apart(value: float, form: str, excluded: float | None = None) -> str:
    """The value in the form, with more digits where it would look like another that it is not; huge ones shorter."""
    if abs(value) >= HUGE:
        return f"{value:{form.replace('.2f', '.4g')}}"
    said = f"{value:{form}}"
    if excluded is None or value == excluded or said != f"{excluded:{form}}":
        return said
    for digits in (3, 4):
        if f"{value:z.{digits}f}" != f"{excluded:z.{digits}f}":
            return f"{value:{form.replace('.2f', f'.{digits}f')}}"
    return f"{'above' if value > excluded else 'below'} {said}"


def counted(number: int, noun: str) -> str:
    """A number of things, such as ``1 trial`` and ``75 trials``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def typical(comparison: Comparison, metric: Metric, what: str = "a trial") -> str:
    """By how much a trial of A differs from one of B; that no number can be given where one diverges too often."""
    if math.isnan(comparison.difference):
        return f"every trial of {comparison.first} and of {comparison.second} diverged"
    unit = metric.of_unit
    if math.isinf(comparison.difference):
        number = f"difference in {metric.unit}" if unit else "difference"
        said = f"{diverging(comparison, metric)} diverges so often that no {number} can be given"
        limit = _one_sided(comparison, metric)
        return said + (f" ({comparison.first} is {limit})" if limit else "")
    form = f"+z{metric.digits}"
    return (
        f"{what} of {comparison.first} typically differs from one of {comparison.second} by "
        f"{apart(comparison.difference, form, 0.0)}{unit} {bounds(comparison.difference_interval, form, 0.0)}"
    )


def difference_of(comparison: Comparison, metric: Metric, what: str) -> str:
    """As :func:`typical`, as the beginning of a sentence unless it begins with a name."""
    said = typical(comparison, metric, what)
    return f"{said[0].upper()}{said[1:]}" if said.startswith((what, "every trial")) else said


def diverging(comparison: Comparison, metric: Metric) -> str:
    """The name of the sample whose diverged trials make the difference infinite."""
    return comparison.first if (comparison.difference < 0) == metric.larger_is_better else comparison.second


def _one_sided(comparison: Comparison, metric: Metric) -> str:
    """How good A is by the end of the interval that is a number, if one alone is."""
    interval = comparison.difference_interval
    ends = [end for end in (interval.low, interval.high) if math.isfinite(end)]
    if len(ends) != 1:
        return ""
    gain = ends[0] if metric.larger_is_better else -ends[0]
    number = f"{apart(abs(gain), metric.digits, 0.0)}{metric.of_unit}"
    if diverging(comparison, metric) == comparison.first:
        return f"worse by {number} or more" if gain <= 0 else f"at best {number} better"
    return f"better by {number} or more" if gain >= 0 else f"at worst {number} worse"


def difference_cell(comparison: Comparison, metric: Metric) -> str:
    """The difference and its interval in a table."""
    if math.isnan(comparison.difference):
        return "-"
    if math.isinf(comparison.difference):
        limit = _one_sided(comparison, metric)
        return f"none, {diverging(comparison, metric)} diverges" + (f" (A is {limit})" if limit else "")
    form = f"+z{metric.digits}"
    return f"{apart(comparison.difference, form, 0.0)} {bounds(comparison.difference_interval, form, 0.0)}"


def chance(comparison: Comparison, what: str = "one", units: str = "trials") -> str:
    """The probability that A is better, and the test of so many trials or runs."""
    return (
        f"{what} of {comparison.first} is the better with probability {comparison.improvement:.2f} "
        f"{bounds(comparison.improvement_interval, '.2f', 0.5)}, {significance(comparison, units)}"
    )


def significance(comparison: Comparison, units: str = "trials") -> str:
    """The corrected p value, its test, and of how many trials or runs it is."""
    first, second = comparison.trials
    pairs = f", {comparison.pairs} pairs" if comparison.pairs else ""
    when = ", valid whenever one stops" if comparison.sequential else ""
    test = TESTS[comparison.test]
    return f"{p_text(comparison.p_holm)} ({test}, {first} and {second} {units}{pairs}, Holm{when})"


def p_text(p: float) -> str:
    """A p value for people: two digits, or only that it is very small."""
    if math.isnan(p):
        return "no p"
    short = f"{p:.2g}"
    return "p < 0.0001" if p < 1e-4 else f"p = {f'{p:.3g}' if short == '0.05' else short}"


def within(margin: float, metric: Metric) -> str:
    """The margin with its unit, such as ``within 0.25 dB``."""
    return f"within {margin:g}{metric.of_unit}"


def reach(comparison: Comparison, metric: Metric, margin: float) -> str:
    """Whether a sure difference is surely larger than the margin; empty without a margin or a number."""
    interval = comparison.family_interval if comparison.family_interval.defined else comparison.difference_interval
    if margin <= 0 or not math.isfinite(comparison.difference) or not interval.defined:
        return ""
    nearest = min(abs(interval.low), abs(interval.high))
    if 0 not in interval and nearest > margin:
        return f" by more than {margin:g}{metric.of_unit}"
    return f"; whether by more than {margin:g}{metric.of_unit} is open"


def diverged(comparison: Comparison) -> str:
    """How many trials of each diverged, as a sentence; empty if none did."""
    (a, b), (first, second) = comparison.diverged, comparison.trials
    if not (a or b):
        return ""
    oftener = diverges_oftener(comparison)
    more = comparison.first if oftener > 0 else comparison.second
    tail = f": {more} diverges more often than chance explains" if oftener else ""
    return f" {a} of {first} trials of {comparison.first} and {b} of {second} of {comparison.second} diverged{tail}."


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
