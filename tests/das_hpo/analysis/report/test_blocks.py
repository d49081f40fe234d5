"""What sections are made of."""

from __future__ import annotations

import base64
import math

from matplotlib.figure import Figure

from das_hpo.analysis.report.blocks import grid, picture


def test_tables_show_unknown_numbers_as_dashes() -> None:
    """NaN and None; numbers to the right, in dB with two decimals."""
    table = grid("x", ("name", "median", "p"), [("a", 21.456, math.nan), ("b", None, 0.01234)], decibels=("median",))
    assert table.rows == (("a", "21.46", "-"), ("b", "-", "0.01234"))
    assert table.numeric == (False, True, True)
    assert grid("x", ("a",), []).rows == ()


def test_a_picture_is_complete_in_itself() -> None:
    """The SVG as a data URI, at the width at which it was drawn."""
    shown = picture("a title", "a caption", Figure(figsize=(5, 3)))
    kind, _, data = shown.source.partition("base64,")
    assert kind == "data:image/svg+xml;"
    assert b"<svg" in base64.b64decode(data)
    assert (shown.title, shown.width) == ("a title", 440)
