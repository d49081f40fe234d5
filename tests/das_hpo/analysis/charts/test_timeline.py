"""What holds for all charts: JSON of builtin values, axes that say what they show, a bounded number of points."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from das_hpo.analysis.charts import curves, hyperparameters, progress, timeline
from das_hpo.analysis.charts.style import Chart, axis, numbers, sample, time_unit
from das_hpo.analysis.figures.workers import Use
from das_hpo.analysis.statistics.importance import hyperparameter_importance
from spaces.hyperparameters import HYPERPARAMETERS
from spaces.trial import Epoch
from tests.das_hpo import frames

RUN = frames.optimisation("a")
VALUE = "architecture_score"


def _epochs() -> list[Epoch]:
    search = [Epoch("search", i + 1, 1.0, 10.0 + i, None, None, ((0.0, 0.5), (0.1, -0.1))) for i in range(3)]
    return [*search, *(Epoch("retrain", i + 1, 1.0, 12.0 + i) for i in range(3))]


def _charts() -> Iterator[Chart]:
    yield progress.best_so_far({"a": RUN, "b": frames.optimisation("b", seed=2)}, VALUE)
    yield progress.best_so_far({"a": RUN}, VALUE, over="time")
    yield progress.rungs(RUN, VALUE)
    yield from (chart for *_, chart in progress.budget_pairs(RUN, VALUE))
    yield hyperparameters.importance([hyperparameter_importance(RUN, VALUE)])
    yield hyperparameters.parallel_coordinates(RUN, VALUE, HYPERPARAMETERS)[0]
    yield from (chart for _, chart in curves.learning_curves({"a": _epochs(), "b": _epochs()}))
    yield from (chart for _, chart in curves.alpha_trajectories(_epochs(), "sequential", "good"))


def test_charts_are_json_and_say_what_they_show() -> None:
    """No NaN, no numpy; every axis that is shown has a title or the names of its ticks."""
    for chart in _charts():
        json.dumps(chart, allow_nan=False)
        for name in ("xaxis", "yaxis"):
            shown = chart["layout"][name]
            titled = shown.get("title") or shown.get("ticktext") or shown.get("visible") is False
            assert titled or {trace["type"] for trace in chart["data"]} == {"bar"}, shown


def test_the_best_so_far_is_that_of_a_loop() -> None:
    """At every finished evaluation, where the chart keeps only the changes."""
    done = RUN[RUN["status"].isin(("completed", "diverged"))].sort_values("sequence")
    expected, best = [], float("nan")
    for score in done[VALUE]:
        best = float(np.fmax(best, score))
        expected.append(best)
    anywhere = progress.best_so_far({"a": RUN}, VALUE)["data"][0]
    known = dict(zip(anywhere["x"], anywhere["y"], strict=True))
    last = float("nan")
    for place, score in enumerate(expected, 1):
        last = known.get(float(place), last)
        assert last == pytest.approx(score, rel=1e-5, nan_ok=True)
    assert len(known) < len(done)


def test_a_run_alone_has_a_legend_of_its_lines_and_several_of_their_names() -> None:
    """The titles of panels are no legend."""
    alone = progress.best_so_far({"a": RUN}, VALUE)["data"]
    assert [trace["name"] for trace in alone] == ["at any budget", "at the largest budget"]
    several = progress.best_so_far({"a": RUN, "b": RUN}, VALUE)["data"]
    assert [trace["name"] for trace in several if trace["showlegend"]] == ["a", "b"]


def test_counts_have_no_ticks_between() -> None:
    """No 2.5 evaluations; with more of them plotly takes steps of 1, 2 or 5 by itself."""
    assert axis("n", [0, 7], whole=True)["dtick"] == 1
    assert "dtick" not in axis("n", [0, 70], whole=True)


def test_large_runs_are_sampled() -> None:
    """Always the same points, in order; the best evaluations are among the lines."""
    np.testing.assert_array_equal(sample(5, 9), np.arange(5))
    np.testing.assert_array_equal(sample(90, 9), sample(90, 9))
    assert len(set(sample(90, 9))) == 9
    many = frames.optimisation("many", iterations=70)
    chart, drawn = hyperparameters.parallel_coordinates(many, VALUE, HYPERPARAMETERS)
    assert drawn == hyperparameters.MOST_LINES
    top = max(value for trace in chart["data"] for value in trace["y"][len(HYPERPARAMETERS) :: 10] if value is not None)
    assert top == 1.0


def test_the_mixing_weights_are_a_softmax() -> None:
    """Of each layer, over the operations, at every epoch."""
    (title, chart), _ = curves.alpha_trajectories(_epochs(), "sequential", "good")
    assert title == "layer 1"
    first, second = (np.array(trace["y"]) for trace in chart["data"])
    np.testing.assert_allclose(first + second, 1, atol=1e-5)
    np.testing.assert_allclose(second / first, np.exp(0.5), rtol=1e-4)
    assert curves.alpha_trajectories([], "sequential", "good") == []


def test_numbers_that_json_lacks_are_none() -> None:
    """NaN and infinities; others have six digits."""
    assert numbers([1.23456789, np.nan, np.inf]) == [1.23457, None, None]


def test_times_are_in_a_unit_that_is_read() -> None:
    """Seconds, minutes or hours, by the longest."""
    assert [time_unit(seconds)[0] for seconds in (90.0, 600.0, 9000.0)] == ["seconds", "minutes", "hours"]


def test_attempts_are_bars_and_lost_ones_differ() -> None:
    """From their start, as long as they took; in a trace of their own."""
    start = datetime(2026, 11, 24, 5, tzinfo=UTC)
    uses = [
        Use("w", 1.0, start, start + timedelta(seconds=30), lost=False),
        Use("w", 1.0, start + timedelta(seconds=40), start + timedelta(seconds=60), lost=True),
    ]
    done, lost = timeline.worker_use(uses)["data"]
    assert (done["base"], done["x"]) == ([0.0], [30.0])
    assert (lost["name"], lost["base"], lost["x"]) == ("lost", [40.0], [20.0])
    assert lost["marker"]["pattern"]["shape"] == "/"
