"""What all charts share: colours, axes, and how values become JSON."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

#: A figure of plotly.js.
Chart: TypeAlias = dict[str, Any]

#: Readable on white and on the dark page (contrast 3:1 at least), and told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#9A7B00", "#7F7F7F")

#: Markers and lines, so that series differ without colour, too.
SYMBOLS = ("circle", "triangle-up", "square", "diamond", "cross", "x")
DASHES = ("solid", "dash", "dot", "dashdot")

GREY = "#808080"

#: More points than this are drawn as a density, or as a sample of them.
MOST_POINTS = 3000

#: From dark to light is from the worst to the best; the ends of viridis that vanish on one of both pages are left out.
SCALE = ("#46327E", "#365C8D", "#277F8E", "#1FA187", "#4AC16D", "#A0DA39")


def colour(index: int) -> str:
    """The colour of a series."""
    return COLOURS[index % len(COLOURS)]


def chart(data: Sequence[Mapping[str, Any]], *, x: Mapping[str, Any], y: Mapping[str, Any], **layout: Any) -> Chart:
    """A chart with those axes; its legend is below, and is left out where it would name one thing."""
    named = [trace for trace in data if trace.get("name") and trace.get("showlegend", True)]
    whole = {
        "xaxis": {"automargin": True, **x},
        "yaxis": {"automargin": True, **y},
        "showlegend": len(named) > 1,
        **layout,
    }
    return {"data": list(data), "layout": whole}


def axis(title: str, values: Iterable[float] = (), *, whole: bool = False, **more: Any) -> dict[str, Any]:
    """An axis with a title.

    Args:
        title: What it shows, with the unit.
        values: What is drawn along it, where ``whole``.
        whole: Whether it counts: there is no tick between whole numbers.
        more: Further properties.
    """
    found: dict[str, Any] = {"title": {"text": text(title)}}
    if whole:
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known or max(known) - min(known) <= 10:
            found |= {"tick0": 0, "dtick": 1}
    return found | more


def text(value: object, longest: int = 60) -> str:
    """A name as plotly shows it literally (it reads some tags), shortened if it is long."""
    name = str(value)
    return html.escape(name if len(name) <= longest else name[: longest - 1] + "…", quote=False)


def numbers(values: Any) -> list[float | None]:
    """Floats of a series or an array, rounded to six digits; what is not finite is None."""
    array = np.asarray(
        values.to_numpy(dtype=float, na_value=np.nan) if hasattr(values, "to_numpy") else values, dtype=np.float64
    )
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in array.tolist()]


def sample(count: int, most: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Places of at most ``most`` of ``count`` points, always the same ones, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def time_unit(longest_s: float) -> tuple[str, float]:
    """The unit in which times up to the longest are read well, and its seconds."""
    return next((unit for unit in (("hours", 3600.0), ("minutes", 60.0)) if longest_s > 2 * unit[1]), ("seconds", 1.0))
