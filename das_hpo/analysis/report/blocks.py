"""What a section of the report is made of: text, lists, tables and pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import render
from das_hpo.output import text_cell


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    items: tuple[str, ...]
    kind: str = "items"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        caption: What it shows.
        columns: The heads of the columns.
        rows: Cells as text.
        numeric: Which columns are numbers, which are aligned to the right.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    kind: str = "grid"


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure.

    Attributes:
        title: What it shows; also the text for readers who cannot see it.
        caption: How to read it.
        source: The SVG as a data URI: a page that shows it needs no other file.
        width: In CSS pixels.
    """

    title: str
    caption: str
    source: str
    width: int
    kind: str = "picture"


Block: TypeAlias = Text | Items | Grid | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the page.

    Attributes:
        anchor: Where a link finds it; letters, digits and dashes.
        title: Its title.
        blocks: What it holds.
        parts: Sections inside it.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()


def picture(title: str, caption: str, figure: Figure) -> Picture:
    """A figure as a block, at the size it was drawn for."""
    source = "data:image/svg+xml;base64," + base64.b64encode(render(figure, "svg")).decode("ascii")
    return Picture(title, caption, source, round(figure.get_size_inches()[0] * 88))


def grid(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, decibels: Sequence[str] = ()) -> Grid:
    """A table of builtin values; None and NaN are shown as a dash.

    Args:
        caption: What it shows.
        columns: The heads of the columns.
        rows: One value a column.
        decibels: Columns whose numbers are in dB, and get two decimals.
    """
    known = [[None if isinstance(value, float) and math.isnan(value) else value for value in row] for row in rows]
    numeric = tuple(
        all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in column)
        for column in zip(*known, strict=True)
    ) or (False,) * len(columns)
    cells = tuple(
        tuple(
            f"{value:.2f}" if name in decibels and isinstance(value, float) else text_cell(value, name)
            for value, name in zip(row, columns, strict=True)
        )
        for row in known
    )
    return Grid(caption, tuple(columns), cells, numeric)
