"""What sections are made of."""

from __future__ import annotations

import math

from das_hpo.analysis.report.blocks import Bar, Drawing, Linked, Text, drawing, grid


def test_tables_show_unknown_numbers_as_dashes() -> None:
    """NaN and None; numbers to the right, in dB with two decimals."""
    table = grid("x", ("name", "median", "p"), [("a", 21.456, math.nan), ("b", None, 0.01234)], decibels=("median",))
    assert table.rows == (("a", "21.46", "-"), ("b", "-", "0.01234"))
    assert table.numeric == (False, True, True)
    assert grid("x", ("a",), []).rows == ()


def test_a_link_and_a_bar_stay_what_they_are() -> None:
    """Cells that are no text are shown by the page; a column of PSNRs has two decimals."""
    shown = grid("x", ("run", "done", "best PSNR (dB)"), [(Linked("a", "#a"), Bar(0.5, "1 of 2"), 21.456)])
    assert shown.rows == ((Linked("a", "#a"), Bar(0.5, "1 of 2"), "21.46"),)


def test_architectures_are_drawn_by_layer_or_edge() -> None:
    """Layers by number, edges by the nodes that they join; the text of another task as it is."""
    layers = drawing("best", "sequential:net,roll")
    assert isinstance(layers, Drawing)
    assert layers.groups == (("sequential, 2 layers", (("1", "net"), ("2", "roll"))),)
    cells = drawing("best", "cell:net,roll,zero|net,net,net")
    assert isinstance(cells, Drawing)
    assert [edge for edge, _ in cells.groups[0][1]] == ["in → 1", "in → 2", "1 → 2"]
    assert drawing("best", "3 layers of 64") == Text("best: 3 layers of 64")
