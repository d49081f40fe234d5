"""Which runs are one side of a question."""

from __future__ import annotations

from dataclasses import replace

from das_hpo.analysis.comparison.sides import sides_of, trials_or_none
from das_hpo.analysis.statistics import Trials
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW, campaign_of, incumbent_of


def test_repetitions_are_one_side() -> None:
    """Runs of the same settings; runs whose settings are unknown are repetitions of none, and campaigns of nothing."""
    runs = [replace(incumbent_of(name, "one-shot", LOW), settings={"eta": 3}) for name in "abcd"]
    other = replace(incumbent_of("o", "one-shot", HIGH), settings={"eta": 4})
    unknown = [incumbent_of(name, "one-shot", LOW) for name in "xy"]
    sides = sides_of([runs[0], other, campaign_of("c", LOW), *runs[1:], *unknown])
    assert [side.name for side in sides] == ["the 4 runs a, ..., d", "o", "x", "y"]
    assert sides[0].subjects == ("a", "b", "c", "d")
    assert [trials.name for trials in sides[0].incumbents().trials] == ["a", "b", "c", "d"]
    assert sides[0].evaluated


def test_trials_of_all_or_none() -> None:
    """A side that lacks one incumbent's trials is not compared."""
    one = Trials("a", [1.0])
    assert trials_or_none([one, one]) == [one, one]
    assert trials_or_none([one, None]) == []
