"""Charts of scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from das_hpo.analysis.charts.scores import best_of_k_curves, distributions, identities, labels, scatter
from das_hpo.analysis.charts.style import MOST_POINTS
from tests.das_hpo import frames

RNG = np.random.default_rng(3)


def _rows(count: int) -> pd.DataFrame:
    x = RNG.normal(20, 1, count)
    return frames.campaign("c", (x + RNG.normal(0, 1, count)).tolist(), x.tolist())


def test_points_are_the_trials_and_the_line_is_numpys() -> None:
    """Each trial with both scores is a point that knows its evaluation; the line is that of least squares."""
    rows = _rows(40)
    points, line = scatter({"a <b>": rows})["data"]
    np.testing.assert_allclose(points["y"], rows["architecture_score"], rtol=1e-5)
    assert points["name"] == "a &lt;b&gt;"
    assert (points["text"][0], points["customdata"][0]) == (labels(rows)[0], identities(rows)[0])
    slope, intercept = np.polyfit(rows["one_shot_score"], rows["architecture_score"], 1)
    np.testing.assert_allclose(line["y"], intercept + slope * np.array(line["x"]))


def test_many_points_are_a_density() -> None:
    """All are counted, and the page gets a grid of counts instead."""
    rows = _rows(MOST_POINTS + 1)
    density, _ = scatter({"a": rows})["data"]
    assert density["type"] == "heatmap"
    assert sum(count or 0 for line in density["z"] for count in line) == len(rows)


def test_distributions_have_the_quartiles_of_numpy() -> None:
    """A box and points for each sample; what diverged is counted in its label."""
    values = RNG.normal(20, 1, 50)
    found = distributions({"a": [*values.tolist(), None]}, "PSNR (dB)")
    box, points = found["data"]
    np.testing.assert_allclose([*box["q1"], *box["median"], *box["q3"]], np.percentile(values, (25, 50, 75)))
    assert len(points["x"]) == 50
    assert found["layout"]["yaxis"]["ticktext"] == ["a<br>n = 50, 1 diverged"]


def test_the_best_of_k_ends_at_the_maximum() -> None:
    """Of one is the mean, of all the maximum; where smaller is better, the minimum."""
    values = [18.0, 19.0, 23.0]
    for larger, end in ((True, 23.0), (False, 18.0)):
        curve = best_of_k_curves({"a": values}, "x", larger_is_better=larger)["data"][-1]
        assert (curve["y"][0], curve["y"][-1]) == (20.0, end)
