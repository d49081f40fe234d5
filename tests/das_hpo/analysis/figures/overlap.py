"""Finds texts of a figure that are drawn over each other."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import styled

#: Pixels of overlap that no reader sees: boxes hold the whole line's height.
TOLERANCE = 2.0


def overlapping_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Pairs of drawn texts whose boxes overlap, and texts that leave the figure (paired with "edge")."""
    drawn: list[tuple[str, float, float, float, float]] = []
    original = RendererAgg.draw_text

    def draw_text(self: Any, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, **rest: Any) -> None:
        width, height, descent = self.get_text_width_height_descent(s, prop, rest.get("ismath", False))
        if round(angle) == 90:
            drawn.append((s, x - height + descent, y - width, x + descent, y))
        else:
            drawn.append((s, x, y - height + descent, x + width, y + descent))
        original(self, gc, x, y, s, prop, angle, **rest)

    canvas = FigureCanvasAgg(figure)
    with styled():
        canvas.draw()  # the first drawing lets the layout settle
        with monkeypatch.context() as patched:
            patched.setattr(RendererAgg, "draw_text", draw_text)
            canvas.draw()
    assert drawn, "nothing was written"
    width, height = canvas.get_width_height()
    found = []
    for index, (text, left, top, right, bottom) in enumerate(drawn):
        if left < -TOLERANCE or top < -TOLERANCE or right > width + TOLERANCE or bottom > height + TOLERANCE:
            found.append((text, "edge"))
        for other, x0, y0, x1, y1 in drawn[index + 1 :]:
            if min(right, x1) - max(left, x0) > TOLERANCE and min(bottom, y1) - max(top, y0) > TOLERANCE:
                found.append((text, other))
    return found
