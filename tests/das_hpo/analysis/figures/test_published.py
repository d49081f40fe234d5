"""Distributions beside published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.figures.published import PublishedSample, beside_published
from tests.das_hpo.analysis.figures.overlap import overlapping_texts

VALUES = np.random.default_rng(0).normal(20, 1, 75)


def test_ours_and_theirs_stand_in_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panel each, a colour for each group, the paper's median and maximum below our trials; no text over another."""
    rows = [
        PublishedSample("good, das", "good operations", VALUES, 20.0, 22.0, 21.5, 23.4),
        PublishedSample("all, random-search", "all operations", None, 14.5, 19.3, 12.4, 20.9),
    ]
    figure = beside_published({"blur": rows, "downsampling": rows})
    assert [axis.get_title() for axis in figure.axes] == ["blur", "downsampling"]
    axis = figure.axes[0]
    (points,) = axis.collections
    np.testing.assert_allclose(np.asarray(points.get_offsets())[:, 0], VALUES)
    marks = {(line.get_marker(), float(np.asarray(line.get_xdata())[0])) for line in axis.lines}
    assert {("D", 21.5), (">", 23.4), ("D", 12.4), (">", 20.9), ("o", 19.3)} <= marks
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["good operations", "all operations"]
    assert overlapping_texts(figure, monkeypatch) == []
    assert beside_published({}).axes
