"""What all figures share: colours, markers, sizes, and how they are written to files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from das_hpo.files import write_file
from spaces.task import PSNR, Metric

#: Okabe and Ito's palette without its yellow, which is too light for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

#: Markers and lines, so that series differ without colour, too.
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":")

GREY = "#767676"

ONE_SHOT_LABEL = "one-shot PSNR (dB)"
ARCHITECTURE_LABEL = "architecture PSNR (dB)"


def label_of(column: str, metric: Metric = PSNR) -> str:
    """The label of an axis that shows a column of scores."""
    return f"{'one-shot' if column.startswith('one_shot') else 'architecture'} {metric}"


SETTINGS: dict[str, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.dpi": 110,
    "savefig.dpi": 160,
    # The same data give the same file: no random ids in SVG.
    "svg.hashsalt": "das-hpo",
    "svg.fonttype": "path",
}

FORMATS = ("png", "svg")

#: More points than this are drawn as an image inside the SVG, which would otherwise have megabytes of paths.
RASTER_POINTS = 3000


@contextmanager
def styled() -> Iterator[None]:
    """Uses das-hpo's settings of matplotlib inside the block, and restores the caller's afterwards."""
    with matplotlib.rc_context(cast(Any, SETTINGS)):
        yield


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 4.6, height: float = 3.6, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of panels, each of that size in inches, and the axes of the panels, row after row."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [axis for line in axes for axis in line]


def grid_of(panels: int, most: int = 2) -> tuple[int, int]:
    """Rows and columns for so many panels, with at most ``most`` in a row."""
    columns = max(1, min(most, panels))
    return max(1, -(-panels // columns)), columns


def hide_unused(axes: Sequence[Axes], used: int) -> None:
    """Removes the panels that nothing was drawn in."""
    for axis in axes[used:]:
        axis.set_axis_off()


def note(axes: Axes, text: str) -> None:
    """Writes into an empty panel why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, wrap=True)


def plain(text: object, longest: int = 60) -> str:
    """A name that matplotlib shows literally: a dollar begins no formula, and a long name is shortened."""
    name = str(text).replace("$", r"\$")
    return name if len(name) <= longest else name[: longest - 1] + "…"


def save(figure: Figure, stem: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes the figure as ``stem.png`` and ``stem.svg`` (write, then rename); returns the paths."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    written = []
    for name in formats:
        target = stem.with_name(f"{stem.name}.{name}")
        write_file(target, partial(Path.write_bytes, data=render(figure, name)))
        written.append(target)
    return written


def render(figure: Figure, name: str = "svg") -> bytes:
    """The figure as the bytes of a file; equal data give equal bytes."""
    stream = io.BytesIO()
    with styled():
        engine = figure.get_layout_engine()
        if engine is not None:
            # Laid out once: each drawing would change the layout again, and PNG and SVG would differ.
            engine.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(stream, format=name, metadata={"Date": None} if name == "svg" else None)
    return stream.getvalue()
