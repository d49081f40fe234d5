"""Drawn architectures: cells as in Figure 9, and the layers of the sequential space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from das_hpo.analysis.figures.style import COLOURS, GREY, new_figure, plain, styled
from spaces.inverse_1d.architecture import Architecture, cell_states, groups_of

#: Colour, line and short name of each operation. They differ without the colour, too.
OPERATIONS: dict[str, tuple[str, Any, str]] = {
    "learnable-gradient": ("#0072B2", "-", "learnable\ngradient"),
    "net": ("#D55E00", (0, (5, 1.5)), "net"),
    "roll": ("#009E73", "-.", "roll"),
    "noise": ("#CC79A7", ":", "noise"),
    "zero": ("#8A8A8A", (0, (1, 3)), "zero"),
}


def look(operation: str) -> tuple[str, Any, str]:
    """Colour, line and short name of an operation. The colour of a plug-in's operation follows from its name."""
    if operation in OPERATIONS:
        return OPERATIONS[operation]
    return COLOURS[sum(operation.encode()) % len(COLOURS)], (0, (4, 1, 1, 1, 1, 1)), operation.replace("-", "\n")


def architectures(drawn: Sequence[tuple[str, Architecture | str]], *, residual: bool = True) -> Figure:
    """Draws architectures one below the other, each under its title. Those of a plug-in's search space are text.

    Args:
        drawn: Titles and architectures, or their canonical strings, also of operations that are not registered here.
        residual: Whether the result of the sequential layers is added to u0 (the choice of that name).
    """
    with styled():
        read = [(title, *groups_of(str(architecture))) for title, architecture in drawn]
        tall = any(space == "cell" for _, space, _ in read)
        figure, axes = new_figure(max(1, len(drawn)), 1, width=10.5, height=3.1 if tall else 1.35)
        for axis, (title, space, groups) in zip(axes, read, strict=False):
            axis.set_title(plain(title, 110), loc="left")
            axis.set_axis_off()
            axis.set_aspect("equal")
            if space == "cell":
                _cells(axis, groups)
            elif space == "sequential":
                _layers(axis, groups[0], residual)
            else:
                text = "\n".join(", ".join(group) for group in groups)
                axis.text(0, 0.5, f"{space}:\n{text}", fontsize=8, wrap=True)
        if not drawn:
            axes[0].set_axis_off()
        return figure


def _layers(axis: Axes, layers: Sequence[str], residual: bool) -> None:
    width, gap = 1.5, 0.45
    y = 0.0
    left = 1.0
    _node(axis, 0.3, y, "$u_0$")
    end = 0.55
    for index, operation in enumerate(layers):
        colour, _, name = look(operation)
        x = left + index * (width + gap)
        _arrow(axis, (end, y), (x, y))
        axis.add_patch(
            FancyBboxPatch((x, y - 0.4), width, 0.8, boxstyle="round,pad=0.02", facecolor=colour, alpha=0.16)
        )
        axis.add_patch(
            FancyBboxPatch((x, y - 0.4), width, 0.8, boxstyle="round,pad=0.02", fill=False, edgecolor=colour, lw=1.3)
        )
        axis.text(x + width / 2, y, name, ha="center", va="center", fontsize=7.5)
        axis.text(x + width / 2, y - 0.68, str(index + 1), ha="center", va="center", fontsize=7, color=GREY)
        end = x + width
    if residual:
        # The residual branch of Fig. 1.
        plus = end + 0.75
        _arrow(axis, (end, y), (plus - 0.25, y))
        _node(axis, plus, y, "+")
        axis.plot([0.3, 0.3, plus], [0.25, 0.85, 0.85], color=GREY, lw=1)
        _arrow(axis, (plus, 0.85), (plus, 0.25), colour=GREY)
        end = plus + 0.25
    _arrow(axis, (end, y), (end + 0.65, y))
    axis.text(end + 0.75, y, r"$\hat{x}$", va="center", fontsize=10)
    axis.set_xlim(-0.2, end + 1.35)
    axis.set_ylim(-0.9, 1.05)


def _cells(axis: Axes, groups: Sequence[Sequence[str]]) -> None:
    step, between = 1.7, 2.3
    used: dict[str, None] = {}
    left = 0.0
    for number, edges in enumerate(groups):
        states = cell_states(len(edges))
        places = [left + step * node for node in range(states + 1)]
        zeros = 0
        for (start, stop), operation in zip(cell_edges(states), edges, strict=True):
            used[operation] = None
            if operation == "zero":
                zeros += 1
                continue
            _edge(axis, places[start], places[stop], operation, above=(stop - start) % 2 == 1)
        for node, x in enumerate(places):
            _node(axis, x, 0.0, "in" if node == 0 else str(node))
        joined = places[-1] + 1.25
        for node in (states - 1, states):
            _arrow(axis, (places[node] + 0.2, -0.16), (joined - 0.1, -1.0), colour=GREY)
        axis.text(joined + 0.05, -1.25, "concat,\nconv 2→1", ha="center", va="center", fontsize=7.5, color=GREY)
        axis.text(left, 2.75, f"cell {number + 1}, {zeros} of {len(edges)} edges zero", fontsize=8.5, va="center")
        left = joined + between - 0.9
    legend = [
        Line2D([], [], color=look(name)[0], linestyle=look(name)[1], linewidth=1.8, label=name)
        for name in dict.fromkeys([*OPERATIONS, *used])
        if name in used and name != "zero"
    ]
    if legend:
        axis.legend(handles=legend, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=len(legend), handlelength=4)
    axis.set_xlim(-0.6, left - 0.6)
    axis.set_ylim(-2.2, 3.0)


def cell_edges(states: int) -> list[tuple[int, int]]:
    """(from, to) of a cell's edges in the order of the architecture string; node 0 is the cell's input."""
    return [(start, stop) for stop in range(1, states + 1) for start in range(stop)]


def _edge(axis: Axes, start: float, stop: float, operation: str, *, above: bool) -> None:
    """An arc whose height grows with its length, so that arcs of one side do not cover each other."""
    colour, line, _ = look(operation)
    axis.add_patch(
        FancyArrowPatch(
            (start, 0.2 if above else -0.2),
            (stop, 0.2 if above else -0.2),
            connectionstyle=f"arc3,rad={-0.48 if above else 0.48}",
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=1,
            shrinkB=2,
            color=colour,
            linestyle=line,
            linewidth=1.7,
        )
    )


def _node(axis: Axes, x: float, y: float, text: str) -> None:
    axis.add_patch(Circle((x, y), 0.25, facecolor="white", edgecolor="black", lw=1.1, zorder=3))
    axis.text(x, y, text, ha="center", va="center", fontsize=8, zorder=4)


def _arrow(axis: Axes, start: tuple[float, float], stop: tuple[float, float], *, colour: str = "black") -> None:
    axis.add_patch(
        FancyArrowPatch(start, stop, arrowstyle="-|>", mutation_scale=8, shrinkA=0, shrinkB=0, color=colour, lw=1)
    )
