"""Comparisons seen from the other side."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest

from das_hpo.analysis.comparison.orientation import decided, default_margin, swapped, turned
from das_hpo.analysis.statistics import Trials, compare
from spaces.task import PSNR, Metric
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW

A, B = Trials("A", [*LOW[:4], None]), Trials("B", [*HIGH[:7], None])  # few enough for all permutations
ERROR = Metric("error", "dB", larger_is_better=False)


def test_swapped_is_the_comparison_of_the_other_order() -> None:
    """Every number of B against A."""
    expected, found = compare(B, A), swapped(compare(A, B))
    assert (found.first, found.second, found.direction, found.trials) == ("B", "A", expected.direction, (8, 5))
    for got, wanted in (
        (found.statistic, expected.statistic),
        (found.improvement, expected.improvement),
        (found.difference, expected.difference),
        (found.medians, expected.medians),
        (astuple(found.difference_interval)[:2], astuple(expected.difference_interval)[:2]),
        (astuple(found.improvement_interval)[:2], astuple(expected.improvement_interval)[:2]),
    ):
        assert got == pytest.approx(wanted)


def test_turned_negates_scores_and_twice_is_nothing() -> None:
    """Differences, their interval and the medians change sign; a median of diverged trials is infinitely large."""
    found = compare(Trials("A", [None] * 8 + [20.0] * 4), Trials("B", HIGH))
    other = turned(found)
    assert (other.difference, other.medians) == (math.inf, (math.inf, pytest.approx(-np.median(np.array(HIGH)))))
    assert other.difference_interval.low == -found.difference_interval.high
    assert turned(other) == found


def test_decisions_are_of_the_better_and_not_of_the_larger() -> None:
    """HIGH is worse where it is an error."""
    found = compare(Trials("A", HIGH), Trials("B", LOW))
    assert decided(found, PSNR, 0.25).verdict == "better"
    assert decided(found, ERROR, 0.25).verdict == "worse"


def test_only_decibels_have_a_margin_of_their_own() -> None:
    """A quarter of an accuracy would be absurd."""
    assert (default_margin(PSNR), default_margin(ERROR)) == (0.25, 0.25)
    assert default_margin(Metric("accuracy")) == 0
