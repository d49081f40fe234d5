"""The ranking of configurations, against a slow and obvious one."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import UnknownNameError
from spaces.identity import ConfigurationId
from storage.ranking import AGGREGATES, aggregate, counted, ranked

STATUSES = ("queued", "running", "completed", "diverged", "failed")

#: Whole numbers, so that some are equal, and no order of summation matters.
REPLICATES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(STATUSES), st.integers(-8, 8).map(float)), max_size=12
)


def identify(keys: Collection[int]) -> dict[int, ConfigurationId]:
    """Ids whose order is not that of the keys."""
    return {key: ConfigurationId(0, 0, 9 - key) for key in keys}


def by_hand(replicates: list[tuple[int, str, float]], how: str, larger_is_better: bool) -> list[tuple[int, float]]:
    """The definition, one configuration after the other."""
    found = []
    for key in range(5):
        mine = [(status, score) for one, status, score in replicates if one == key]
        if any(status in ("queued", "running") for status, _ in mine):
            continue
        worst = -math.inf if larger_is_better else math.inf
        scores = [score if status == "completed" else worst for status, score in mine if status != "failed"]
        if not scores:
            continue
        best = max if larger_is_better else min
        value = {"mean": statistics.fmean, "median": statistics.median, "max": best}[how](scores)
        if math.isfinite(value):
            found.append((key, value))
    # The smallest id is that of the largest key.
    return sorted(found, key=lambda one: (-one[1] if larger_is_better else one[1], -one[0]))


@given(REPLICATES, st.sampled_from(sorted(AGGREGATES)), st.booleans(), st.integers(1, 6))
def test_the_ranking_is_as_by_hand(
    replicates: list[tuple[int, str, float]], how: str, larger_is_better: bool, top: int
) -> None:
    """All of it, and its first places, also where scores are equal."""
    expected = by_hand(replicates, how, larger_is_better)
    found = ranked(replicates, how, larger_is_better, identify)
    assert [key for key, _ in found] == [key for key, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])
    assert ranked(replicates, how, larger_is_better, identify, top) == found[:top]


def test_only_what_may_be_returned_is_identified() -> None:
    """The best, and those that are as good as the last of them."""
    asked: list[list[int]] = []

    def remember(keys: Collection[int]) -> dict[int, ConfigurationId]:
        asked.append(sorted(keys))
        return identify(keys)

    replicates = [(key, "completed", score) for key, score in enumerate((3.0, 1.0, 2.0, 2.0, 0.0))]
    assert [key for key, _ in ranked(replicates, "mean", True, remember, 2)] == [0, 3]
    assert asked == [[0, 2, 3]]


def test_what_a_replicate_counts_for() -> None:
    """Its score if it has one and completed; a NaN is no score."""
    assert counted("completed", 1.5) == 1.5
    assert counted("diverged", 1.5) is None
    assert counted("completed", None) is None
    assert counted("completed", math.nan) is None


def test_an_unknown_aggregate_is_refused() -> None:
    """The valid ones are listed."""
    with pytest.raises(UnknownNameError, match="valid are mean, median, max"):
        aggregate([1.0], "mode")


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=9))
def test_aggregates_of_whole_sets(scores: list[float]) -> None:
    """Against their definitions, worked by hand."""
    ordered = sorted(scores)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    assert aggregate(scores, "max") == ordered[-1]
    assert aggregate(scores, "max", larger_is_better=False) == ordered[0]
    assert aggregate(scores, "median") == pytest.approx(median)
    assert aggregate(scores, "mean") == pytest.approx(sum(scores) / len(scores))
    assert aggregate([*scores, None], "mean") is None
    assert aggregate([*scores, None], "max") == ordered[-1]
    assert aggregate([], "mean") is None
