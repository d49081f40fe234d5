"""By how much is a trial of A better than one of B: the median over all pairs of trials, and its interval.

It is the shift of A at which the test of superiority finds A and B equally good (Hodges and Lehmann 1963), and the
interval holds the shifts that the test does not reject: number, interval and test answer one question. A diverged
trial is minus infinity in all three, so an end may be infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.samples import FloatArray, Interval, rejects
from das_hpo.analysis.statistics.superiority import (
    Design,
    Effect,
    effect_of,
    needs_permutations,
    observed,
    permutations,
)

#: The ends are looked for among the differences of all pairs of trials, of at most so many trials a sample.
MOST_TRIALS = 1000

#: Bits to which values are rounded, so that a sample shifted by a difference of two values ties with the other.
BITS = 44


def rounded(*samples: FloatArray) -> tuple[FloatArray, ...]:
    """The samples on one grid so fine that nobody sees it, and on which sums and differences are exact."""
    finite = np.concatenate([sample[np.isfinite(sample)] for sample in samples])
    largest = float(np.abs(finite).max(initial=0.0))
    bits = BITS - math.frexp(largest)[1]
    return tuple(np.ldexp(np.rint(np.ldexp(sample, bits)), -bits) for sample in samples)


def median_difference(first: FloatArray, second: FloatArray) -> float:
    """The median of the differences of all pairs of trials, minus infinity for diverged.

    Pairs that both diverged say nothing and are left out; NaN where no other is there.
    """
    difference = _differences(first, second)
    if len(difference) == 0:
        return math.nan
    lower, upper = np.sort(difference)[[(len(difference) - 1) // 2, len(difference) // 2]]
    return float(lower) if lower == upper else float((lower + upper) / 2)


def difference_interval(
    first: FloatArray, second: FloatArray, design: Design, level: float, p_value: float
) -> Interval:
    """The shifts of A that the test does not reject; 0 is among them exactly if ``p_value`` says so.

    Without ends where the trials are too few to reject any shift; both ends are infinite where every shift is
    rejected, because one sample diverges more often than the other.
    """
    decided, middle = rejects(p_value, level), median_difference(first, second)
    differences = np.unique(_differences(first, second))
    differences = differences[np.isfinite(differences)]
    if len(differences) == 0:
        return Interval(middle, middle, level, "brunner-munzel") if decided else Interval.undefined(level)
    # The statistic is constant between two differences: cell 2 i + 1 is the i-th difference, 2 i what is below it.
    cells = 2 * len(differences) + 1

    def shift_of(cell: int) -> float:
        place = cell // 2
        if cell % 2:
            return float(differences[place])
        if place in (0, len(differences)):
            return float(differences[0] - 1 if place == 0 else differences[-1] + 1)
        return float((differences[place - 1] + differences[place]) / 2)

    def statistic(cell: int) -> float:
        return float(effect(first, second, design, shift_of(cell)).statistic())

    centre = 2 * int(np.searchsorted(differences, middle)) + int(middle in differences)
    least, most = _critical_values(first, second, design, level, shift_of(centre))
    if not least <= statistic(centre) <= most and math.isinf(middle) and decided:
        return Interval(middle, middle, level, "brunner-munzel")
    zero = 2 * int(np.searchsorted(differences, 0.0)) + int(0.0 in differences)
    lowest = _first(lambda cell: statistic(cell) <= most, 0, centre)
    highest = cells - 1 - _first(lambda cell: statistic(cells - 1 - cell) >= least, 0, cells - 1 - centre)
    if not decided:
        lowest, highest = min(lowest, zero), max(highest, zero)
    elif zero < centre:
        lowest = max(lowest, zero + 1)
    else:
        highest = min(highest, zero - 1)
    low = -math.inf if lowest == 0 else float(differences[(lowest - 1) // 2])
    high = math.inf if highest == cells - 1 else float(differences[highest // 2])
    if math.isinf(low) and math.isinf(high):
        return Interval.undefined(level)
    return Interval(low, high, level, "brunner-munzel")


def effect(first: FloatArray, second: FloatArray, design: Design, shift: float = 0.0) -> Effect:
    """The effect of A shifted down against B."""
    return effect_of(np.concatenate([first - shift, second]), observed(design), design)


def _critical_values(
    first: FloatArray, second: FloatArray, design: Design, level: float, centre: float
) -> tuple[float, float]:
    """Between which values the statistic lies with the level's probability, of samples shifted onto each other."""
    values = np.concatenate([first - centre, second])
    if not needs_permutations(values, design):
        degrees = max(1.0, float(effect_of(values, observed(design), design).degrees))
        quantile = float(stats.t.ppf((1 + level) / 2, degrees))
        return -quantile, quantile
    drawn = np.sort(effect_of(values, permutations(design)[0], design).statistic())
    outside = int((1 - level) / 2 * len(drawn) + 1e-9)
    return float(drawn[outside]), float(drawn[-1 - outside])


def _differences(first: FloatArray, second: FloatArray) -> FloatArray:
    if max(len(first), len(second)) > MOST_TRIALS:
        first, second = (_thinned(sample) for sample in (first, second))
    with np.errstate(invalid="ignore"):
        difference: FloatArray = np.subtract.outer(first, second).ravel()
    there: FloatArray = difference[~np.isnan(difference)]
    return there


def _thinned(sample: FloatArray) -> FloatArray:
    if len(sample) <= MOST_TRIALS:
        return sample
    places = (np.arange(MOST_TRIALS) + 0.5) / MOST_TRIALS * len(sample)
    thinned: FloatArray = np.sort(sample)[places.astype(int)]
    return thinned


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The first place from ``low`` on where it holds, which it does at ``high``; by bisection."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
