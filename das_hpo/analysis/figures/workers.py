"""The figure of attempts: which worker computed when, and which attempts were lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import matplotlib
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from das_hpo.analysis.figures.style import GREY, RASTER_POINTS, new_figure, note, plain, styled

#: The largest number of rows of the figure.
MOST_WORKERS = 40


@dataclass(frozen=True, slots=True)
class Use:
    """One attempt.

    Attributes:
        worker: Its name.
        budget: Epochs.
        started_at: When it was given out.
        finished_at: When it ended; None while it runs.
        lost: Whether it gave no outcome.
    """

    worker: str
    budget: float
    started_at: datetime
    finished_at: datetime | None
    lost: bool


def worker_use(attempts: Sequence[Use]) -> Figure:
    """A row for each worker and a bar for each attempt, darker for larger budgets; lost attempts are crossed."""
    with styled():
        workers = list(dict.fromkeys(use.worker for use in sorted(attempts, key=lambda use: use.started_at)))
        shown = workers[:MOST_WORKERS]
        figure, (axis,) = new_figure(width=10.0, height=1.2 + 0.32 * max(2, len(shown)))
        if not shown:
            note(axis, "no attempts")
            return figure
        first = min(use.started_at for use in attempts)
        last = max(max(use.finished_at or use.started_at, use.started_at) for use in attempts)
        budgets = sorted({use.budget for use in attempts})
        norm = LogNorm(budgets[0], budgets[-1]) if len(budgets) > 1 else None
        colours = matplotlib.colormaps["cividis"]
        raster = len(attempts) > RASTER_POINTS

        def colour(budget: float) -> tuple[float, float, float, float]:
            return colours(0.85 - 0.8 * float(norm(budget))) if norm else colours(0.3)

        rows = {name: place for place, name in enumerate(shown)}
        for use in attempts:
            if use.worker not in rows:
                continue
            start = (use.started_at - first).total_seconds() / 60
            stop = ((use.finished_at or last) - first).total_seconds() / 60
            axis.barh(
                rows[use.worker], max(stop - start, 0.0), left=start, height=0.72, rasterized=raster,
                color="white" if use.lost else colour(use.budget), edgecolor="#B03000" if use.lost else "white",
                linewidth=1.0 if use.lost else 0.3, hatch="////" if use.lost else None,
            )  # fmt: skip
            if use.lost:
                axis.plot(stop, rows[use.worker], "x", color="#B03000", markersize=7, markeredgewidth=2)
        axis.set_yticks(range(len(shown)), [plain(name, 40) for name in shown], fontsize=8)
        axis.set_ylim(len(shown) - 0.5, -0.5)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel("time since the first attempt (minutes)")
        handles: list[Patch | Line2D] = [
            Patch(color=colour(budget), label=f"{budget:.4g} epochs") for budget in budgets[:8]
        ]
        lost = sum(use.lost for use in attempts)
        if lost:
            handles.append(
                Line2D([], [], color="#B03000", marker="x", linestyle="", markeredgewidth=2, label=f"{lost} lost")
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 8))
        if len(workers) > len(shown):
            axis.set_title(f"the first {len(shown)} of {len(workers)} workers", fontsize=9, color=GREY)
        return figure
