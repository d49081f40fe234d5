"""The chart of attempts: which worker computed when, and which attempts were lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from das_hpo.analysis.charts.style import Chart, axis, chart, colour, text, time_unit
from das_hpo.analysis.figures.workers import MOST_WORKERS, Use

LOST = "#D64545"


def worker_use(attempts: Sequence[Use]) -> Chart:
    """A row for each worker and a bar for each attempt, a colour for each budget; lost attempts are hatched."""
    workers = list(dict.fromkeys(use.worker for use in sorted(attempts, key=lambda use: use.started_at)))[:MOST_WORKERS]
    first = min(use.started_at for use in attempts)
    last = max(max(use.finished_at or use.started_at, use.started_at) for use in attempts)
    unit, unit_s = time_unit((last - first).total_seconds())
    shown = [use for use in attempts if use.worker in workers]
    traces: list[dict[str, Any]] = []
    budgets = sorted({use.budget for use in shown})
    groups = [(f"{b:.4g} epochs", [u for u in shown if u.budget == b and not u.lost]) for b in budgets]
    for index, (name, uses) in enumerate([*groups, ("lost", [use for use in shown if use.lost])]):
        if not uses:
            continue
        starts = [(use.started_at - first).total_seconds() / unit_s for use in uses]
        stops = [((use.finished_at or last) - first).total_seconds() / unit_s for use in uses]
        lost = name == "lost"
        pattern = {"shape": "/", "size": 6, "solidity": 0.4} if lost else {"shape": ""}
        traces.append(
            {
                "type": "bar", "orientation": "h", "y": [text(use.worker, 40) for use in uses], "name": name,
                "base": [round(start, 4) for start in starts],
                "x": [round(max(stop - start, 0.0), 4) for start, stop in zip(starts, stops, strict=True)],
                "marker": {"color": LOST if lost else colour(index), "pattern": pattern},
                "hovertemplate": f"%{{y}}, {name}: from %{{base}} {unit}<extra></extra>",
            }
        )  # fmt: skip
    names = [text(worker, 40) for worker in workers]
    rows = {"categoryorder": "array", "categoryarray": names[::-1], "showgrid": False}
    height = 140 + 30 * max(2, len(workers))
    x = axis(f"{unit} since the first attempt")
    return chart(traces, x=x, y=rows, barmode="overlay", height=height)
