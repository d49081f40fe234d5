"""Drawn architectures, by hand."""

from __future__ import annotations

import pytest
from matplotlib.patches import FancyArrowPatch

from das_hpo.analysis.figures import (
    architectures,
)
from spaces.inverse_1d.architecture import Architecture


def test_a_cell_has_an_arrow_for_every_operation_that_is_not_zero() -> None:
    """Edges by state and origin, as the architecture string orders them; zero is not drawn."""
    assert architectures.cell_edges(5)[:6] == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    assert len(architectures.cell_edges(5)) == 15
    groups = (("net", "roll", *["zero"] * 13), ("zero",) * 15)
    (axis,) = architectures.architectures([("one", Architecture("cell", groups))]).axes
    arcs = [patch for patch in axis.patches if isinstance(patch, FancyArrowPatch) and patch.get_linewidth() > 1.5]
    assert [arc.get_edgecolor()[:3] for arc in arcs] == [(213 / 255, 94 / 255, 0), (0, 158 / 255, 115 / 255)]
    assert any("cell 2, 15 of 15 edges zero" in text.get_text() for text in axis.texts)


def test_the_layers_stand_in_their_order() -> None:
    """Ten boxes from left to right."""
    names = ("net", "roll", "noise", "net", "net", "roll", "net", "noise", "net", "net")
    (axis,) = architectures.architectures([("one", Architecture("sequential", (names,)))]).axes
    boxes = [(text.get_position()[0], text.get_text()) for text in axis.texts if text.get_text() in names]
    assert [name for _, name in sorted(boxes)] == list(names)


@pytest.mark.parametrize("residual", [True, False])
def test_a_sum_is_drawn_where_the_network_has_one(residual: bool) -> None:
    """The residual branch of Fig. 1 is a choice."""
    drawn = [("one", Architecture("sequential", (("net",) * 10,)))]
    (axis,) = architectures.architectures(drawn, residual=residual).axes
    assert ("+" in {text.get_text() for text in axis.texts}) == residual
