"""Signed correlations with intervals, and the regression line of the paper's scatter plots (Figures 3 to 8)."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from das_hpo.analysis.statistics.intervals import jackknife_interval, leave_one_out
from das_hpo.analysis.statistics.samples import FloatArray, Interval, Values, check_level, finite_pairs, is_constant
from spaces.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Correlation:
    """One correlation coefficient; never its absolute value.

    Attributes:
        kind: ``pearson``, ``spearman`` or ``kendall``.
        coefficient: In [-1, 1]; NaN for fewer than two pairs or a constant.
        interval: Confidence interval of the coefficient.
        p_value: Two-sided, of no correlation; below 1 - level exactly if the interval does not hold 0.
        pairs: Pairs of which both values exist.
    """

    kind: str
    coefficient: float
    interval: Interval
    p_value: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Line:
    """The least-squares line y = intercept + slope * x; NaN where it does not exist.

    Attributes:
        slope: dB per dB.
        intercept: dB.
        slope_interval: From 75 pairs on, with an error (HC3, MacKinnon and White 1985) that holds where the spread of
            y depends on x.
        residual_sd: Standard deviation of the residuals, with n - 2.
        r_squared: Share of y's variance on the line.
        pairs: Pairs of which both values exist.
    """

    slope: float
    intercept: float
    slope_interval: Interval
    residual_sd: float
    r_squared: float
    pairs: int

    def at(self, x: float) -> float:
        """The line's height at x."""
        return self.intercept + self.slope * x


#: Up to so many pairs, Spearman's p is over all orders.
EXACT_PAIRS = 7

#: Pairs that the slope's interval needs: a few failures far off turn the line.
LEAST_FOR_SLOPE = 75

#: Pairs that Pearson's interval needs: of 40 to 60 pairs of which 5 % fail together it covers 88 to 90 %.
LEAST_FOR_PEARSON = 70

#: More pairs than this are thinned for the jackknife's error, whose work grows with the square.
MOST_PAIRS = 500

#: By kind: scipy's test, and the pairs that an interval needs: ranks do not hang on a few extreme pairs.
KINDS: dict[str, tuple[Callable[..., Any], int]] = {
    "pearson": (stats.pearsonr, LEAST_FOR_PEARSON),
    "spearman": (stats.spearmanr, 10),
    "kendall": (stats.kendalltau, 10),
}


def correlation(x: Values, y: Values, kind: str = "pearson", *, level: float = 0.95) -> Correlation:
    """A signed correlation of two paired samples; pairs with a diverged trial are left out.

    Interval and p are by the jackknife on Fisher's z scale. They hold where the spread of y depends on x and where
    few trials fail, which Fisher's own, made for normal samples, do not. Where pairs are too few for an interval, p
    is that of independence.

    Args:
        x: One value a trial.
        y: The other value of the same trials.
        kind: ``pearson``, ``spearman`` or ``kendall`` (tau-b).
        level: Confidence level.

    Raises:
        UnknownNameError: For an unknown kind.
        InvalidValueError: If the lengths differ or the level is outside (0, 1).
    """
    check_level(level)
    if kind not in KINDS:
        raise UnknownNameError("correlation", kind, KINDS)
    first, second = finite_pairs(x, y)
    n = len(first)
    nothing = Interval.undefined(level)
    if n < 2 or is_constant(first) or is_constant(second):
        return Correlation(kind, math.nan, nothing, math.nan, n)
    test, needed = KINDS[kind]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = test(first, second)
    coefficient = float(result.statistic)
    if abs(coefficient) > 1 - 1e-12:
        coefficient = math.copysign(1.0, coefficient)  # perfect but for rounding
    # Two pairs are always on a line: scipy's p is then 1 or NaN, by kind.
    p_value = 1.0 if n == 2 else float(result.pvalue)
    if kind == "spearman" and 2 < n <= EXACT_PAIRS:
        p_value = _exact_spearman(first, second, coefficient)
    if n < needed:
        return Correlation(kind, coefficient, nothing, p_value, n)
    if abs(coefficient) == 1:  # a few ranks in order are no proof that all would be; a line is one
        certain = Interval(coefficient, coefficient, level, "jackknife")
        return Correlation(kind, coefficient, certain if kind == "pearson" else nothing, p_value, n)
    bounds, p_value = _jackknifed(first, second, kind, coefficient, level)
    return Correlation(kind, coefficient, bounds, p_value, n)


def _jackknifed(
    first: FloatArray, second: FloatArray, kind: str, coefficient: float, level: float
) -> tuple[Interval, float]:
    """The interval, and the two-sided p of no correlation that goes with it."""
    count = len(first)
    used = np.linspace(0, count - 1, min(count, MOST_PAIRS)).round().astype(int)
    others = leave_one_out(len(used))
    a, b = first[used], second[used]
    without = np.clip(_ALONG[kind](a[others], b[others]), -1 + 1e-9, 1 - 1e-9)
    centre = coefficient if len(used) == count else float(_ALONG[kind](a, b))
    bounds, error = jackknife_interval(centre, without, level=level, scale=(np.arctanh, np.tanh))
    if not bounds.defined or error == 0:
        return Interval.undefined(level), math.nan
    error *= math.sqrt(len(used) / count)
    z, degrees = math.atanh(coefficient), len(used) - 1
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    p_value = 2 * float(stats.t.sf(abs(z) / error, degrees))
    return Interval(math.tanh(z - half), math.tanh(z + half), level, "jackknife"), p_value


def _exact_spearman(first: FloatArray, second: FloatArray, coefficient: float) -> float:
    """Two-sided p over all orders of the second sample; Student's t calls three ranks in order certain."""
    a, b = stats.rankdata(first), stats.rankdata(second)
    a, b = a - a.mean(), b - b.mean()
    orders = np.array(list(itertools.permutations(b)))
    found = orders @ a / math.sqrt(float((a**2).sum() * (b**2).sum()))
    return float((np.abs(found) >= abs(coefficient) - 1e-9).mean())


def correlations(x: Values, y: Values, *, level: float = 0.95) -> dict[str, Correlation]:
    """All three kinds, by name."""
    return {kind: correlation(x, y, kind, level=level) for kind in KINDS}


def regression_line(x: Values, y: Values, *, level: float = 0.95) -> Line:
    """The least-squares line through the pairs of which both values exist.

    Raises:
        InvalidValueError: If the lengths differ or the level is outside (0, 1).
    """
    check_level(level)
    first, second = finite_pairs(x, y)
    n = len(first)
    none = Interval.undefined(level)
    if n < 2 or is_constant(first):
        return Line(math.nan, math.nan, none, math.nan, math.nan, n)
    fit = stats.linregress(first, second)
    slope, intercept = float(fit.slope), float(fit.intercept)
    r_squared = math.nan if is_constant(second) else min(1.0, float(fit.rvalue) ** 2)
    if n == 2:
        return Line(slope, intercept, none, math.nan, r_squared, n)
    residual = second - intercept - slope * first
    bounds = none
    if n >= LEAST_FOR_SLOPE:
        centred = first - first.mean()
        leverage = 1 / n + centred**2 / float(centred @ centred)
        parts = centred * residual / np.maximum(1 - leverage, 1e-9)
        half = float(stats.t.ppf((1 + level) / 2, n - 2)) * math.sqrt(float(parts @ parts)) / float(centred @ centred)
        bounds = Interval(slope - half, slope + half, level, "hc3")
    return Line(slope, intercept, bounds, math.sqrt(float(residual @ residual) / (n - 2)), r_squared, n)


def pearson_along(x: FloatArray, y: FloatArray, axis: int = -1) -> Any:
    """Pearson's coefficient along an axis; NaN where one is constant."""
    first = x - x.mean(axis=axis, keepdims=True)
    second = y - y.mean(axis=axis, keepdims=True)
    norm = np.sqrt((first * first).sum(axis=axis) * (second * second).sum(axis=axis))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (first * second).sum(axis=axis) / norm


def _spearman_along(x: FloatArray, y: FloatArray, axis: int = -1) -> Any:
    return pearson_along(stats.rankdata(x, axis=axis), stats.rankdata(y, axis=axis), axis=axis)


def _kendall_along(x: FloatArray, y: FloatArray, axis: int = -1) -> Any:
    """tau-b as the correlation of the signs of all pairs' differences (Kendall 1948)."""
    first, second = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
    numerator: Any = 0.0
    ties_x: Any = 0.0
    ties_y: Any = 0.0
    for shift in range(1, first.shape[-1]):
        a = np.sign(first[..., shift:] - first[..., :-shift])
        b = np.sign(second[..., shift:] - second[..., :-shift])
        numerator = numerator + (a * b).sum(axis=-1)
        ties_x = ties_x + (a * a).sum(axis=-1)
        ties_y = ties_y + (b * b).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return numerator / np.sqrt(ties_x * ties_y)


_ALONG: dict[str, Callable[..., Any]] = {
    "pearson": pearson_along,
    "spearman": _spearman_along,
    "kendall": _kendall_along,
}
