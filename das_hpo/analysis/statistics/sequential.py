"""Tests and intervals that hold whenever one stops: for trials that were added until something was decided.

Who looks after every few trials and stops as soon as p is below 5 % is wrong far more often than in 5 %. Here the
fixed-sample p of any normal-based test is turned into one that may be looked at after every trial. The distance z of
the estimate from the null hypothesis in standard errors, seen while information grows, is a Brownian motion; mixed
over a normal distribution of true effects, it gives the e-value

    E = exp(z^2 x / (2 (1 + x))) / sqrt(1 + x),    x = trials / SCALE,

which exceeds 1 / alpha at any time with probability alpha at most if there is no effect (Robbins 1970; Howard,
Ramdas, McAuliffe and Sekhon 2021, Eq. 14). p at any time is 1 / E. For an estimate with an estimated standard error it
holds from the first look on as far as the normal distribution does (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
2024, asymptotic confidence sequences). How far that is, ``python -m benchmarks.coverage --only stopping`` counts.

No look has to be planned, nothing has to be remembered of the looks before, and there is no last one: everything
follows from the trials that are there.
"""

from __future__ import annotations

import math

from scipy import stats

from das_hpo.analysis.statistics.samples import check_level

#: Sets where intervals are narrowest compared with those of a fixed sample: 1.6 times as wide at 40 to 150 trials of
#: each sample, 1.7 times at 15 or 500, at the level 0.95. Any number is valid, if it is fixed before looking.
SCALE = 8.0


def information(first: int, second: int) -> float:
    """How many trials of each sample tell as much as these: the harmonic mean, as the variance has it."""
    return 2 * first * second / (first + second) if first and second else 0.0


def any_time_p(p_value: float, first: int, second: int) -> float:
    """The p value that may be looked at after every trial, from that of a sample of fixed size.

    Args:
        p_value: Two-sided; NaN stays NaN.
        first: Trials of A.
        second: Trials of B.
    """
    if math.isnan(p_value):
        return math.nan
    if p_value <= 0:
        return 0.0
    x = information(first, second) / SCALE
    z = float(stats.norm.isf(p_value / 2))
    return min(1.0, math.sqrt(1 + x) * math.exp(-(z**2) * x / (2 * (1 + x))))


def nominal_level(level: float, first: int, second: int) -> float:
    """The level at which the interval of a sample of fixed size holds at ``level`` whenever one stops.

    It holds 0 exactly if :func:`any_time_p` does not reject at ``level``. As good as 1 where the trials say nothing.
    """
    x = information(first, second) / SCALE
    if x <= 0:
        return check_level(level)
    z = math.sqrt((1 + 1 / x) * (math.log1p(x) - 2 * math.log(1 - check_level(level))))
    return 1 - 2 * float(stats.norm.sf(z))
