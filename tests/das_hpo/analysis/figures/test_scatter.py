"""Scatter plots: what is drawn equals what was computed."""

from __future__ import annotations

import numpy as np

from das_hpo.analysis.figures import (
    scatter,
)
from das_hpo.analysis.statistics import correlation, regression_line

RNG = np.random.default_rng(8)


X = RNG.normal(20, 1, 30)


Y = RNG.normal(15, 2, 30)


def test_the_scatter_shows_points_lines_and_signed_correlations() -> None:
    """Points, the line's ends and the legend's numbers are those of the statistics."""
    (axis,) = scatter.scatter([scatter.Panel("blur", (scatter.Series("good", [*X, None], [*Y, 3.0]),))]).axes
    assert axis.collections[0].get_offsets().shape == (30, 2)  # type: ignore[union-attr]
    line = regression_line(X, Y)
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [line.at(X.min()), line.at(X.max())])
    (text,) = [text.get_text() for text in axis.get_legend().get_texts()]  # type: ignore[union-attr]
    assert f"r = {correlation(X, Y).coefficient:+.2f}" in text
    assert "n = 30 (1 without)" in text
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("one-shot PSNR (dB)", "architecture PSNR (dB)")
