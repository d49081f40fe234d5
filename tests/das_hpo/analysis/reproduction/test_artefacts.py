"""Tables and figures like the paper's, of synthetic trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from das_hpo.analysis.reproduction import artefacts
from das_hpo.analysis.reproduction.paper import Cell
from tests.das_hpo import frames

DAS = Cell("sequential", "all", "blur")


RANDOM = Cell("sequential", "all", "blur", "random")


def test_random_architectures_to_beat_das() -> None:
    """Ours and the paper's median, with the paper's 49 beside the latter; time in draws."""
    found = artefacts.draws_table(
        {
            DAS: frames.campaign("d", [18.0, 19.0, 20.0], duration_s=10.0),
            RANDOM: frames.campaign("r", [*[5.0] * 18, 18.6, 19.5], duration_s=4.0),
        }
    )
    ours, theirs = (dict(zip(found.columns, row, strict=True)) for row in found.rows)
    assert (ours["psnr_to_beat"], ours["beating"], ours["draws"], ours["draws_paper"]) == (19.0, 1, 20.0, None)
    assert (theirs["psnr_to_beat"], theirs["beating"], theirs["draws"], theirs["draws_paper"]) == (18.57, 2, 10.0, 49)
    assert ours["draws_in_the_time_of_one_das"] == 2.5
    assert artefacts.draws_table({}).rows == ()


def test_figures_of_some_cells() -> None:
    """Missing cells leave a series out, not an error; Figure 9 draws the best architecture."""
    x = np.random.default_rng(0).normal(18, 1, 20)
    data = {DAS: frames.campaign("d", (x + 1).tolist(), x.tolist())}
    figure = artefacts.figure("figure3", data)
    assert [axis.get_title() for axis in figure.axes] == ["blur, H1", "downsampling, H1"]
    table = artefacts.correlation_table("figure3", data)
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["panel"], row["series"], row["pairs"]) == ("blur, H1", "all operations", 20)
    assert row["pearson"] == pytest.approx(1)
    assert artefacts.figure("figure9", {}).axes


def test_the_variance_table_parts_search_from_retraining() -> None:
    """Hand-worked: (1, 3), (5, 7), (9, 11) share 15 / 17; beside it the correlation of the whole cell."""
    again = frames.campaign("a", [1.0, 3.0, 5.0, 7.0, 9.0, 11.0])
    again["architecture"] = ["x", "x", "y", "y", "z", "z"]
    cell = Cell("sequential", "good", "blur")
    table = artefacts.variance_table({cell: again}, {cell: frames.campaign("d", [1.0, 2.0, 3.0, 4.0, 5.0])})
    (row,) = (dict(zip(table.columns, values, strict=True)) for values in table.rows)
    assert (row["architectures"], row["trainings"]) == (3, 6)
    assert row["share"] == pytest.approx(15 / 17)
    assert row["ceiling"] == pytest.approx(math.sqrt(15 / 17))
    assert row["pearson"] == pytest.approx(1)
