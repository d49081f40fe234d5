"""Charts of a run's progress: best so far, scores by rung, short against long searches."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.charts.style import DASHES, GREY, Chart, axis, chart, colour, numbers, sample, text, time_unit
from das_hpo.analysis.figures.progress import elapsed_s, in_order, running_best
from das_hpo.analysis.figures.style import label_of
from das_hpo.analysis.statistics import paired_budgets
from das_hpo.analysis.statistics.samples import finished, finite
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    import pandas

    from das_hpo.analysis.statistics.samples import FloatArray

#: Points of a rung that are drawn, and lines between rungs.
MOST_OF_A_RUNG = 400
MOST_LINES = 200

#: Points of one chart of two budgets.
MOST_OF_A_PAIR = 800


def best_so_far(
    runs: Mapping[str, pandas.DataFrame], value: str, metric: Metric = PSNR, *, over: str = "evaluations"
) -> Chart:
    """The best score so far of runs of one objective, over finished evaluations or over time.

    Thick: at the run's largest budget, where its incumbent comes from. Thin and dotted: at any budget.

    Args:
        runs: Rows of the view ``results`` by run.
        value: The column of their objective.
        metric: Of all of them.
        over: ``evaluations`` or ``time``.
    """
    ends_s = [np.nanmax(elapsed_s(done), initial=0.0) for each in runs.values() if len(done := finished(each))]
    unit, unit_s = time_unit(float(max(ends_s, default=0.0)))
    traces: list[dict[str, Any]] = []
    ends: list[float] = []
    for index, (name, frame) in enumerate(runs.items()):
        done = in_order(frame)
        if done.empty:
            continue
        scores = done[value].where(done["status"] == "completed").to_numpy(dtype=float, na_value=np.nan)
        largest = done["budget"].to_numpy() == done["budget"].max()
        x = np.arange(1, len(done) + 1, dtype=float) if over == "evaluations" else elapsed_s(done) / unit_s
        if np.isnan(x).all():
            continue
        ends.append(float(np.nanmax(x)))
        alone = len(runs) == 1
        for thick, best in (
            (False, running_best(scores, metric.larger_is_better)),
            (True, running_best(np.where(largest, scores, np.nan), metric.larger_is_better)),
        ):
            kept = _changes(best)
            words = "at the largest budget" if thick else "at any budget"
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": numbers(x[kept]),
                    "y": numbers(best[kept]),
                    "name": words if alone else text(name),
                    "legendgroup": f"{name}{thick}" if alone else name,
                    "showlegend": alone or thick,
                    "line": {
                        "shape": "hv", "color": colour(index), "width": 3 if thick else 1.6,
                        "dash": DASHES[index // 6 % len(DASHES)] if thick else "dot",
                    },
                    "hovertemplate": f"{text(name)}, {words}: %{{y}}<extra></extra>",
                }
            )  # fmt: skip
    title = "finished evaluations" if over == "evaluations" else f"{unit} since the first evaluation"
    along = axis(title, [0, *ends], whole=over == "evaluations", rangemode="tozero")
    return chart(traces, x=along, y=axis(f"best {label_of(value, metric)}"))


def _changes(best: FloatArray) -> FloatArray:
    """The places at which a running best changes, and its last."""
    moved = np.flatnonzero(np.r_[True, best[1:] != best[:-1]] & ~np.isnan(best))
    return np.unique(np.r_[moved, len(best) - 1])


def rungs(frame: pandas.DataFrame, value: str, metric: Metric = PSNR) -> Chart:
    """One run's scores by budget, over a box of their quartiles; a line joins the evaluations of one configuration."""
    table = paired_budgets(frame, value)
    budgets = sorted(table.columns)
    rng = np.random.default_rng(0)
    traces: list[dict[str, Any]] = []
    promoted = table[budgets][table[budgets].notna().sum(axis=1) > 1]
    lines = promoted.iloc[sample(len(promoted), MOST_LINES)]
    if len(lines):
        x = [*range(len(budgets)), None] * len(lines)
        y: list[float | None] = []
        for row in lines.to_numpy(dtype=float):
            y += [*numbers(row), None]
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": x, "y": y, "connectgaps": False, "hoverinfo": "skip",
                "line": {"color": GREY, "width": 0.6}, "opacity": 0.6, "name": "promoted", "showlegend": False,
            }
        )  # fmt: skip
    for place, budget in enumerate(budgets):
        column = table[budget].dropna()
        values = column.to_numpy(dtype=float)
        shown = column.iloc[sample(len(column), MOST_OF_A_RUNG)]
        traces.append(box(values, place, colour(place), vertical=True))
        traces.append(
            {
                "type": "scatter", "mode": "markers", "y": numbers(shown), "showlegend": False,
                "x": (place + rng.uniform(-0.12, 0.12, len(shown))).round(3).tolist(),
                "marker": {"size": 5, "color": colour(place), "opacity": 0.6},
                "text": [_configuration(key) for key in shown.index],
                "hovertemplate": f"%{{text}}, {budget:.4g} epochs: %{{y}}<extra></extra>",
            }
        )  # fmt: skip
    counts = frame["budget"].value_counts()
    ticks: dict[str, Any] = {
        "tickvals": list(range(len(budgets))),
        "ticktext": [f"{budget:.4g}<br>n = {counts[budget]}" for budget in budgets],
        "range": [-0.5, len(budgets) - 0.5],
    }
    return chart(traces, x=axis("budget (epochs)", **ticks), y=axis(label_of(value, metric)))


def _configuration(key: Sequence[Any]) -> str:
    return "-".join(str(part) for part in key[-3:])


def box(values: FloatArray, place: float, hue: str, *, vertical: bool) -> dict[str, Any]:
    """A box of a sample's quartiles, computed here: the page gets five numbers and not the sample."""
    sample = finite(values)
    if len(sample) < 5:
        return {"type": "scatter", "x": [], "y": [], "showlegend": False}
    low, first, median, third, high = (float(v) for v in np.percentile(sample, (0, 25, 50, 75, 100)))
    reach = 1.5 * (third - first)
    return {
        "type": "box", "orientation": "v" if vertical else "h", ("x" if vertical else "y"): [place],
        "q1": [first], "median": [median], "q3": [third], "lowerfence": [max(low, first - reach)],
        "upperfence": [min(high, third + reach)], "line": {"color": hue, "width": 1.4},
        "fillcolor": "rgba(0,0,0,0)", "width": 0.55, "showlegend": False, "hoverinfo": "x" if not vertical else "y",
    }  # fmt: skip


def budget_pairs(frame: pandas.DataFrame, value: str, metric: Metric = PSNR) -> list[tuple[float, float, Chart]]:
    """The scores of the same configurations at two budgets: one chart for each pair of budgets that share two."""
    table = paired_budgets(frame, value)
    found: list[tuple[float, float, Chart]] = []
    for shorter, longer in itertools.combinations(sorted(float(name) for name in table.columns), 2):
        both = table[[shorter, longer]].dropna()
        if len(both) < 2:
            continue
        shown = both.iloc[sample(len(both), MOST_OF_A_PAIR)]
        trace = {
            "type": "scatter", "mode": "markers", "x": numbers(shown[shorter]), "y": numbers(shown[longer]),
            "marker": {"size": 6, "color": colour(0), "opacity": 0.6},
            "text": [_configuration(key) for key in shown.index],
            "hovertemplate": "%{text}<br>%{x}, %{y}<extra></extra>",
        }  # fmt: skip
        unit = metric.unit or metric.name
        titles = (f"{unit} at {shorter:.4g} epochs", f"{unit} at {longer:.4g} epochs")
        found.append((shorter, longer, chart([trace], x=axis(titles[0]), y=axis(titles[1]))))
    return found
