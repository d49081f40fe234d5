"""Samples: the values of trials, NaN where a trial diverged, and the intervals that are said of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaces.errors import InvalidValueError
from spaces.trial import OUTCOME_STATUSES

if TYPE_CHECKING:
    import pandas

FloatArray: TypeAlias = NDArray[np.float64]

#: Anything that reads as a list of numbers: a list, an array, a pandas Series; None and NA are NaN.
Values: TypeAlias = "Sequence[float | None] | FloatArray | Any"


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; both ends are NaN where the data do not support one.

    Attributes:
        low: Lower end.
        high: Upper end.
        level: Confidence level, for example 0.95.
        method: How it was made, for example ``bca``.
    """

    low: float
    high: float
    level: float
    method: str

    @property
    def defined(self) -> bool:
        """Whether there is an interval at all."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __format__(self, form: str) -> str:
        """Both ends in brackets, each in the form (default: two decimals), or a dash: ``f"{interval:+.2f}"``."""
        form = form or ".2f"
        return f"[{self.low:{form}}, {self.high:{form}}]" if self.defined else "-"

    @classmethod
    def undefined(cls, level: float, method: str = "none") -> Interval:
        """No interval: too few data."""
        return cls(math.nan, math.nan, level, method)


def finished(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The rows of a ``results`` frame that are trials: completed or diverged, and not failed ones (infrastructure)."""
    return frame[frame["status"].isin(OUTCOME_STATUSES)]


def as_values(values: Values) -> FloatArray:
    """One-dimensional floats of shape [trials]; None and pandas' NA become NaN, which means diverged.

    Raises:
        InvalidValueError: For text, an infinity or more than one dimension.
    """
    try:
        if hasattr(values, "to_numpy"):
            array = np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
        else:
            array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValueError("a sample is a list of numbers (None or NaN for a diverged trial)") from None
    if array.ndim != 1:
        raise InvalidValueError(f"a sample has one dimension, got {array.ndim}")
    if np.isinf(array).any():
        raise InvalidValueError("a sample is finite (NaN for a diverged trial), got an infinity")
    return array


def finite(values: Values) -> FloatArray:
    """The values of the trials that did not diverge, in their order."""
    array = as_values(values)
    return array[~np.isnan(array)]


def finite_pairs(x: Values, y: Values) -> tuple[FloatArray, FloatArray]:
    """The pairs of which both values exist.

    Raises:
        InvalidValueError: If the lengths differ.
    """
    first, second = as_values(x), as_values(y)
    if len(first) != len(second):
        raise InvalidValueError(f"pairs need equal lengths, got {len(first)} and {len(second)}")
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]


def worst_last(values: Values) -> FloatArray:
    """The values with minus infinity for diverged trials, for whatever looks at ranks alone."""
    array = as_values(values)
    return np.where(np.isnan(array), -np.inf, array)


def check_level(level: float) -> float:
    """The confidence level itself.

    Raises:
        InvalidValueError: If it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InvalidValueError(f"a confidence level lies between 0 and 1, got {level}")
    return level


def rejects(p_value: float, level: float) -> bool:
    """Whether p is below 1 - level. A p that equals it is not, though in floats 0.05 is below 1 - 0.95."""
    return p_value < (1 - level) * (1 - 1e-9)


def power_of_two(sample: FloatArray) -> float:
    """A power of two near the largest score: squares of huge scores are no numbers, those of scaled ones are exact."""
    return math.ldexp(1.0, math.frexp(float(np.abs(sample).max()))[1] - 1)


def is_constant(sample: FloatArray) -> bool:
    """Whether all values are equal but for rounding, so that what varies is noise in the last bit."""
    spread = float(sample.max() - sample.min())
    return spread <= 1e-13 * float(np.abs(sample).max())
