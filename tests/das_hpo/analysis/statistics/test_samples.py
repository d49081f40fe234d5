"""Samples: what reads as one and what does not."""

import math

import numpy as np
import pandas as pd
import pytest

from das_hpo.analysis.statistics.samples import Interval, as_values, finite, finite_pairs, power_of_two, worst_last
from spaces.errors import InvalidValueError


@pytest.mark.parametrize(
    "values",
    [
        [1.0, None, 3.0],
        (1, math.nan, 3),
        np.array([1.0, np.nan, 3.0]),
        pd.Series([1.0, None, 3.0]),
        pd.Series([1, pd.NA, 3], dtype="Int64"),
    ],
    ids=["list", "tuple", "array", "series", "nullable"],
)
def test_none_nan_and_na_are_diverged(values: object) -> None:
    """Lists, arrays and Series read alike, with NaN for what is missing."""
    read = as_values(values)
    assert read.tolist()[0::2] == [1.0, 3.0]
    assert math.isnan(read[1])
    assert finite(values).tolist() == [1.0, 3.0]
    assert worst_last(values).tolist() == [1.0, -math.inf, 3.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [(["20 dB"], "list of numbers"), ([[1.0], [2.0]], "one dimension"), ([1.0, math.inf], "infinity")],
    ids=["text", "matrix", "infinity"],
)
def test_what_is_no_sample_is_refused(values: object, message: str) -> None:
    """Text, tables and infinities are errors that say what is valid."""
    with pytest.raises(InvalidValueError, match=message):
        as_values(values)


def test_pairs_need_both_values() -> None:
    """A pair with one diverged trial is left out; unequal lengths are an error."""
    x, y = finite_pairs([1, None, 3, 4], [5, 6, math.nan, 8])
    assert x.tolist() == [1, 4]
    assert y.tolist() == [5, 8]
    with pytest.raises(InvalidValueError, match="equal lengths, got 1 and 2"):
        finite_pairs([1], [1, 2])


def test_an_interval_holds_its_ends() -> None:
    """Membership includes the ends; an undefined interval holds nothing."""
    assert 2.0 in Interval(1.0, 2.0, 0.95, "bca")
    assert 2.1 not in Interval(1.0, 2.0, 0.95, "bca")
    assert 0.0 not in Interval.undefined(0.95)
    assert not Interval.undefined(0.95).defined


def test_scores_are_scaled_by_a_power_of_two() -> None:
    """So that scaling changes no digit, for every number that a score may be."""
    for largest, expected in ((20.0, 16.0), (-1.0, 1.0), (0.0, 0.5), (1.7e308, 2.0**1023)):
        assert power_of_two(np.array([0.0, largest])) == expected
