"""Any-time curves of runs and groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from das_hpo.analysis.comparison.curves import COLUMNS, curves, rows_of
from das_hpo.analysis.comparison.replicates import group_subject
from das_hpo.analysis.comparison.subjects import Subject
from das_hpo.analysis.comparison.trajectory import Step
from das_hpo.analysis.statistics import Trials
from das_hpo.analysis.statistics.replication import typical_score
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId
from tests.das_hpo.analysis.comparison.samples import campaign_of, incumbent_of

RNG = np.random.default_rng(10)
SEEDS = list(range(5))


def _trials(name: str, mean: float | None) -> Trials | None:
    return None if mean is None else Trials(name, RNG.normal(mean, 1, 5), SEEDS)


def run_of(name: str, changes: list[tuple[float, float | None]]) -> Subject:
    """A run whose incumbent changed at these epochs, each about that good; None has no trials."""
    found = incumbent_of(name, "one-shot", RNG.normal(20, 1, 5).tolist())
    steps = tuple(
        Step(
            at, 10 * at, ConfigurationId(0, 0, i), 5.0, None if m is None else Trials(name, RNG.normal(m, 1, 5), SEEDS)
        )
        for i, (at, m) in enumerate(changes)
    )
    return replace(found, steps=steps, settings={"eta": 3})


def test_the_median_is_over_all_runs() -> None:
    """From the cost on at which all have an incumbent; the band is that of the median, from six runs on."""
    runs = [run_of(f"r{i}", [(1.0 + i, 18.0), (20.0 + i, 20.0)]) for i in range(6)]
    (curve,) = curves([group_subject("g", runs)])
    assert [point.cost for point in curve.points] == [6.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0]
    first = [typical_score(run.steps[0].trials.values) for run in runs if run.steps[0].trials]
    assert curve.points[0].median == pytest.approx(np.median(first))
    assert (curve.points[0].band.low, curve.points[0].band.high) == (min(first), max(first))
    last = [typical_score(run.steps[1].trials.values) for run in runs if run.steps[1].trials]
    assert curve.points[-1].median == pytest.approx(np.median(last))
    (over,) = curves([group_subject("g", runs)], "seconds")
    assert over.points[0].cost == 60.0
    (few,) = curves([group_subject("g", runs[:5])])
    assert not few.points[0].band.defined
    rows = rows_of([curve])
    assert len(rows) == 12 + 7
    assert set().union(*rows) == set(COLUMNS)
    assert [row["runs"] for row in rows if row.get("run") is None] == [6] * 7


def test_a_median_over_incumbents_that_diverge_is_not_flattered() -> None:
    """Their run is not left out: there is no median then."""
    runs = [run_of(f"r{i}", [(1.0, 18.0)]) for i in range(3)]
    step = replace(runs[0].steps[0], trials=Trials("r0", [None, None, None, 20.0, 20.0], SEEDS))
    (curve,) = curves([group_subject("g", [replace(runs[0], steps=(step,)), *runs[1:]])])
    assert np.isnan(curve.points[0].median)
    assert rows_of([curve])[0]["score"] is None


def test_what_cannot_be_drawn_is_said() -> None:
    """Incumbents without trials, with the command that makes them; and subjects that are no runs."""
    lacking = group_subject("g", [run_of("a", [(1.0, None), (2.0, 20.0)]), run_of("b", [(1.0, 20.0)])])
    with pytest.raises(InvalidValueError, match="das-hpo evaluate g --trajectory --trials 20"):
        curves([lacking])
    with pytest.raises(InvalidValueError, match="curves are drawn of runs"):
        curves([campaign_of("c", [20.0, 21.0])])
