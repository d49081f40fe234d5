"""The figure of any-time curves."""

from __future__ import annotations

from das_hpo.analysis.comparison.anytime import anytime
from das_hpo.analysis.comparison.curves import curves
from das_hpo.analysis.comparison.replicates import group_subject
from tests.das_hpo.analysis.comparison.test_curves import run_of


def test_runs_medians_and_band_are_drawn() -> None:
    """One thin line a run, one thick one a side, and a band where there are six runs; costs as they were asked for."""
    six = group_subject("six", [run_of(f"s{i}", [(1.0 + i, 18.0), (20.0, 20.0)]) for i in range(6)])
    two = group_subject("two", [run_of(f"t{i}", [(1.0, 18.0)]) for i in range(2)])
    (axis,) = anytime(curves([six, two], "seconds"), "seconds").axes
    assert len(axis.lines) == 6 + 1 + 2 + 1
    assert len(axis.collections) == 1
    legend = axis.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["six (6 runs)", "two (2 runs)"]
    assert axis.get_xlabel() == "workers' seconds of each run"
