"""Groups of runs compared: the unit is the run, whose score is that of its incumbent, evaluated anew in several trials.

A run's score is the pseudo-median of its incumbent's trials (Hodges and Lehmann 1963: the median of the means of all
pairs), a diverged one counting as worse than all others. The difference of two groups is that of the means over their
runs; :mod:`das_hpo.analysis.statistics.run_variance` has its variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from das_hpo.analysis.statistics.run_variance import RunVariance
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, check_level, worst_last
from das_hpo.analysis.statistics.significance import Comparison, Trials, compare
from spaces.errors import InvalidValueError

#: The test of groups of runs.
OVER_RUNS = "t over runs"

#: Runs that a group needs before anything is said of what it stands for.
LEAST_RUNS = 3

#: Trials that an incumbent needs before the luck of its trials can be judged.
LEAST_TRIALS = 3


@dataclass(frozen=True, slots=True)
class Runs:
    """A group of runs.

    Attributes:
        name: Of the group.
        trials: Of each run's incumbent. A single one is a configuration that stands for itself alone.
    """

    name: str
    trials: Sequence[Trials]


def typical_score(values: Values) -> float:
    """The pseudo-median of trials; minus infinity where more than about 3 in 10 diverged, NaN of none."""
    sample = worst_last(values)
    if not len(sample):
        return math.nan
    return float(_median(_pair_means(sample)))


def compare_runs(first: Runs, second: Runs, *, level: float = 0.95) -> Comparison:
    """Compares two groups of runs, of which one may be a single configuration.

    Where a run's score is minus infinity, the ranks of the runs are compared as those of trials are
    (:func:`das_hpo.analysis.statistics.compare`). Probabilities are not given beside the test of means.

    Args:
        first: A; positive differences mean that it is better.
        second: B.
        level: Confidence level.

    Returns:
        A comparison whose ``trials`` are numbers of runs, and whose ``runs`` are the parts of the variance. Nothing is
        decided in it where a group has fewer than :data:`LEAST_RUNS` runs, or an incumbent fewer than
        :data:`LEAST_TRIALS` trials.

    Raises:
        InvalidValueError: For two single configurations, or a level outside (0, 1).
    """
    check_level(level)
    groups = (first, second)
    if max(len(group.trials) for group in groups) < 2:
        raise InvalidValueError("a group has two runs or more: single configurations are compared by their trials")
    scores = [np.array([typical_score(trials.values) for trials in group.trials]) for group in groups]
    counts = (len(scores[0]), len(scores[1]))
    few = any(1 < count < LEAST_RUNS for count in counts)
    few = few or any(len(worst_last(t.values)) < LEAST_TRIALS for group in groups for t in group.trials)
    if not few and not all(np.isfinite(score).all() for score in scores):
        return compare(*(Trials(g.name, _diverged_as_nan(s)) for g, s in zip(groups, scores, strict=True)), level=level)
    none = Interval.undefined(level)
    unknown = Comparison(
        first=first.name, second=second.name, test=OVER_RUNS, pairs=0, statistic=math.nan, p_value=math.nan,
        p_holm=math.nan, improvement=math.nan, improvement_interval=none, difference=math.nan,
        difference_interval=none, medians=(float(np.median(scores[0])), float(np.median(scores[1]))), trials=counts,
    )  # fmt: skip
    if few:
        return unknown
    difference = float(scores[0].mean() - scores[1].mean())
    variance = _variance(groups, scores)
    found = replace(unknown, difference=difference, runs=variance)
    if variance.total <= 0:
        return found
    error = math.sqrt(variance.total)
    half = error * variance.quantile(level)
    p_value = variance.p_value(difference / error)
    return replace(
        found,
        statistic=difference / error,
        p_value=p_value,
        p_holm=p_value,
        difference_interval=Interval(difference - half, difference + half, level, OVER_RUNS),
        direction=int(np.sign(difference)),
    )


def _diverged_as_nan(scores: FloatArray) -> FloatArray:
    return np.where(np.isneginf(scores), np.nan, scores)


def _pair_means(sample: FloatArray) -> FloatArray:
    """The means of all pairs of trials, each trial with itself, too."""
    first, second = np.triu_indices(len(sample))
    means: FloatArray = (sample[first] + sample[second]) / 2
    return means


@lru_cache(maxsize=32)
def _pairs_without(n: int) -> NDArray[np.intp]:
    """Which of the pairs of n trials are left without the first trial, without the second, ..., [n, n (n - 1) / 2]."""
    first, second = np.triu_indices(n)
    return np.array([np.flatnonzero((first != i) & (second != i)) for i in range(n)])


def _median(values: FloatArray) -> FloatArray:
    """Over the last axis; of two middle values that are both minus infinity it is minus infinity."""
    ends = [(values.shape[-1] - 1) // 2, values.shape[-1] // 2]
    middle = np.partition(values, ends, axis=-1)
    lower, upper = middle[..., ends[0]], middle[..., ends[1]]
    return np.asarray(np.where(lower == upper, lower, (lower + upper) / 2))


def _variance(groups: tuple[Runs, Runs], scores: Sequence[FloatArray]) -> RunVariance:
    """The parts of the variance of the difference of means."""
    places: dict[int, int] = {}
    lonely = -1  # a trial whose seed is unknown shares it with none
    influences = []
    for group in groups:
        rows = []
        for trials in group.trials:
            sample = worst_last(trials.values)
            seeds = trials.seeds if trials.seeds is not None else range(lonely, lonely - len(sample), -1)
            lonely -= len(sample) if trials.seeds is None else 0
            columns = [places.setdefault(int(seed), len(places)) for seed in seeds]
            rows.append((columns, _influence(sample)))
        influences.append(rows)
    tables = [np.zeros((len(rows), len(places))) for rows in influences]
    for table, rows in zip(tables, influences, strict=True):
        for row, (columns, values) in zip(table, rows, strict=True):
            np.add.at(row, columns, values)
    own = [float((table**2).sum(axis=1).mean()) for table in tables]
    means = [table.mean(axis=0) for table in tables]
    common = [
        # Of one run: all that its trials vary. Of several: what is common to two of them, on average.
        own[side] if n == 1 else (n * float(means[side] @ means[side]) - own[side]) / (n - 1)
        for side, n in enumerate(len(score) for score in scores)
    ]
    first, second = ((0.0 if len(score) == 1 else float(score.var(ddof=1))) for score in scores)
    return RunVariance(
        runs=(len(scores[0]), len(scores[1])),
        between=(first, second),
        within=(max(0.0, own[0] - common[0]), max(0.0, own[1] - common[1])),
        seeds=max(0.0, common[0] + common[1] - 2 * float(means[0] @ means[1])),
        trials=min(len(values) for rows in influences for _, values in rows),
    )


def _influence(sample: FloatArray) -> FloatArray:
    """What each trial moves the score by, scaled so that the squares add up to the score's variance (jackknife)."""
    n = len(sample)
    without = _median(_pair_means(sample)[_pairs_without(n)])
    # Without one trial a score may become infinite, or no more so; then the others judge how it varies.
    there = np.isfinite(without)
    moved = np.where(there, without, without[there].mean() if there.any() else 0.0)
    centred: FloatArray = (moved - moved.mean()) * math.sqrt((n - 1) / n)
    return -centred
