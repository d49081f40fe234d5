"""The figures of stored runs, by name."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.figures.style import render
from das_hpo.analysis.report.gallery import FIGURES, OF_ONE_RUN, draw
from das_hpo.analysis.report.run_data import read
from spaces.errors import InvalidValueError, UnknownNameError


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_can_be_drawn_of_any_run(name: str, url: str) -> None:
    """Of an optimisation, a campaign, one without architecture scores, and one without results."""
    for data in read(url, []):
        assert render(draw(name, [data]), "png").startswith(b"\x89PNG")


def test_several_runs_share_a_figure(url: str) -> None:
    """Each is a series, or a row, of its trials at its largest budget."""
    runs = read(url, ["h1", "h2"])
    (axis,) = draw("scatter", runs).axes
    offsets = [np.asarray(drawn.get_offsets()) for drawn in axis.collections]
    np.testing.assert_allclose(offsets[0][:, 1], runs[0].trials["architecture_score"])
    assert [len(points) for points in offsets] == [12, 11]  # one of h2 diverged
    assert len(draw("distributions", runs).axes[0].get_yticks()) == 2
    assert draw("distributions", read(url, ["h1", "one-shot-only"])).axes[0].get_xlabel().startswith("one-shot PSNR")


def test_what_a_figure_does_not_show_is_refused(url: str) -> None:
    """Unknown names, no run, and several runs where one is shown."""
    runs = read(url, ["h1", "h2"])
    with pytest.raises(UnknownNameError, match="unknown figure 'pie': valid are best-so-far"):
        draw("pie", runs)
    with pytest.raises(InvalidValueError, match="needs a run, got none"):
        draw("scatter", [])
    for name in OF_ONE_RUN:
        with pytest.raises(InvalidValueError, match="shows one run, got h1, h2"):
            draw(name, runs)
