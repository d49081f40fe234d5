"""Comparisons seen from the other side: of negated scores, with A and B exchanged; and what is decided on them."""

from __future__ import annotations

from dataclasses import replace

from das_hpo.analysis.statistics import Comparison, Decision, Interval, decide
from das_hpo.analysis.statistics.decisions import MARGIN, UNDECIDED
from spaces.task import Metric


def turned(comparison: Comparison) -> Comparison:
    """The same comparison with all scores negated: differences and medians change their sign, and nothing else."""
    first, second = comparison.medians
    return replace(
        comparison,
        difference=0 - comparison.difference,  # 0 - 0 is 0, where -0.0 is printed with its sign
        difference_interval=_negated(comparison.difference_interval),
        family_interval=_negated(comparison.family_interval),
        medians=(0 - first, 0 - second),
    )


def swapped(comparison: Comparison) -> Comparison:
    """The comparison of B with A."""
    chance = comparison.improvement_interval
    return replace(
        comparison,
        first=comparison.second,
        second=comparison.first,
        statistic=0 - comparison.statistic,
        improvement=1 - comparison.improvement,
        improvement_interval=replace(chance, low=1 - chance.high, high=1 - chance.low),
        difference=0 - comparison.difference,
        difference_interval=_negated(comparison.difference_interval),
        family_interval=_negated(comparison.family_interval),
        direction=-comparison.direction,
        medians=comparison.medians[::-1],
        trials=comparison.trials[::-1],
        diverged=comparison.diverged[::-1],
        runs=comparison.runs and comparison.runs.swapped(),
    )


def decided(comparison: Comparison, metric: Metric, margin: float, *, one_sided: bool = False) -> Decision:
    """Whether A is better, as good, worse or undecided, whether larger scores are better or smaller ones.

    Args:
        comparison: With differences in the metric's unit and with the metric's sign.
        metric: What the scores are.
        margin: Differences smaller than this are of no consequence; 0 for none.
        one_sided: As for :func:`das_hpo.analysis.statistics.decide`.
    """
    oriented = comparison if metric.larger_is_better else turned(comparison)
    decision = decide(oriented, margin, one_sided=one_sided)
    if comparison.runs is None or decision.verdict != UNDECIDED:
        return decision
    more = comparison.runs.more_trials(comparison.difference, margin, comparison.difference_interval.level)
    return replace(decision, more_trials=more)


def default_margin(metric: Metric) -> float:
    """The margin where none is given: a quarter of a dB, and none for other units, which only their user knows."""
    return MARGIN if metric.unit == "dB" else 0.0


def _negated(interval: Interval) -> Interval:
    return replace(interval, low=0 - interval.high, high=0 - interval.low)
