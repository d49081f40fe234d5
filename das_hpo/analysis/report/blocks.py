"""What a section is made of: text, lists, tables, charts and drawn architectures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from das_hpo.analysis.charts.style import Chart
from das_hpo.output import text_cell
from spaces.errors import DasHpoError
from spaces.inverse_1d.architecture import cell_states, groups_of


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; a warning stands out."""

    text: str
    warning: bool = False
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences, of which the first ones are shown and the others can be unfolded."""

    items: tuple[str, ...]
    shown: int = 6
    kind: str = "items"


@dataclass(frozen=True, slots=True)
class Linked:
    """Text that leads to another view or another part of the page."""

    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Bar:
    """How much is done, from 0 to 1, and in words."""

    share: float
    text: str


Cell: TypeAlias = str | Linked | Bar


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
    rows: tuple[tuple[Cell, ...], ...]
    numeric: tuple[bool, ...]
    kind: str = "grid"


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart.

    Attributes:
        title: What it shows; also the text for readers who cannot see it.
        caption: How to read it.
        chart: For plotly.
        width: ``full``, ``half`` (two beside each other, where there is room) or ``small`` (four).
    """

    title: str
    caption: str
    chart: Chart
    width: str = "full"
    kind: str = "plot"


@dataclass(frozen=True, slots=True)
class Drawing:
    """An architecture: the operation of each layer or edge, group by group.

    Attributes:
        title: Which architecture.
        groups: Titles of the groups, and the name and the operation of each layer or edge.
    """

    title: str
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    kind: str = "drawing"


Block: TypeAlias = Text | Items | Grid | Plot | Drawing


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of the page.

    Attributes:
        anchor: Where a link finds it; letters, digits and dashes.
        title: Its title.
        blocks: What it holds.
        parts: Sections inside it.
        folded: Whether a reader unfolds it to see it.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()
    folded: bool = False


def drawing(title: str, architecture: str) -> Drawing | Text:
    """An architecture of ``inverse-1d`` as a block; the text of one of another task as it is."""
    try:
        space, groups = groups_of(architecture)
    except (DasHpoError, ValueError):
        return Text(f"{title}: {architecture}")
    found = []
    for number, operations in enumerate(groups, 1):
        edges = _edges(len(operations)) if space == "cell" else [str(place + 1) for place in range(len(operations))]
        head = f"cell {number}" if len(groups) > 1 else f"{space}, {len(operations)} layers"
        found.append((head, tuple(zip(edges, operations, strict=True))))
    return Drawing(title, tuple(found))


def _edges(count: int) -> list[str]:
    return [f"{start or 'in'} → {stop}" for stop in range(1, cell_states(count) + 1) for start in range(stop)]


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
        tuple(_cell(value, name, name in decibels) for value, name in zip(row, columns, strict=True)) for row in known
    )
    return Grid(caption, tuple(columns), cells, numeric)


def _cell(value: Any, name: str, decibels: bool) -> Cell:
    if isinstance(value, Linked | Bar):
        return value
    if decibels and isinstance(value, float):
        return f"{value:.2f}"
    # A column that is named as a metric, "best PSNR (dB)", is one of PSNRs.
    return text_cell(value, "psnr" if name.endswith("PSNR (dB)") else name)
