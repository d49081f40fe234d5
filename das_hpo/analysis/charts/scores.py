"""Charts of scores: one-shot against architecture, distributions, the expected best of k."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.charts.progress import box
from das_hpo.analysis.charts.style import (
    DASHES,
    GREY,
    MOST_POINTS,
    SCALE,
    SYMBOLS,
    Chart,
    axis,
    chart,
    colour,
    numbers,
    sample,
    text,
)
from das_hpo.analysis.figures.distributions import MOST_BANDS, curve_points
from das_hpo.analysis.figures.style import label_of
from das_hpo.analysis.statistics import Values, best_of_k, regression_line
from das_hpo.analysis.statistics.samples import as_values, finite
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    import pandas

#: Trials of one row of the distributions.
MOST_OF_A_ROW = 500


def scatter(trials: Mapping[str, pandas.DataFrame], metric: Metric = PSNR) -> Chart:
    """One-shot against architecture score, with a regression line for each series.

    Args:
        trials: Rows of the view ``results`` by the name of their series; each of one budget.
        metric: Of all of them.
    """
    traces: list[dict[str, Any]] = []
    series = {
        name: rows[rows["one_shot_score"].notna() & rows["architecture_score"].notna()] for name, rows in trials.items()
    }
    dense = sum(len(rows) for rows in series.values()) > MOST_POINTS
    for index, (name, rows) in enumerate(series.items()):
        x, y = rows["one_shot_score"].to_numpy(dtype=float), rows["architecture_score"].to_numpy(dtype=float)
        if dense and len(series) == 1:
            traces.append(_density(x, y))
        else:
            shown = rows.iloc[sample(len(rows), MOST_POINTS // len(series))]
            traces.append(
                {
                    "type": "scatter", "mode": "markers", "name": text(name), "x": numbers(shown["one_shot_score"]),
                    "y": numbers(shown["architecture_score"]), "text": labels(shown),
                    "customdata": identities(shown),
                    "marker": {"size": 7, "opacity": 0.65, "color": colour(index), "symbol": SYMBOLS[index % 6]},
                    "hovertemplate": "%{text}<br>one-shot %{x}, architecture %{y}<extra></extra>",
                }
            )  # fmt: skip
        line = regression_line(x, y) if len(x) > 2 else None
        if line is not None and not np.isnan(line.slope):
            ends = [float(x.min()), float(x.max())]
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "x": ends, "y": [line.at(end) for end in ends],
                    "line": {"color": GREY if dense else colour(index), "width": 2}, "hoverinfo": "skip",
                    "showlegend": False, "name": text(f"{name}, least squares"),
                }
            )  # fmt: skip
    return chart(
        traces,
        x=axis(label_of("one_shot_score", metric)),
        y=axis(label_of("architecture_score", metric)),
        dragmode="select",
    )


def _density(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> dict[str, Any]:
    """How many points lie where: the page gets a grid instead of the points."""
    counts, xs, ys = np.histogram2d(x, y, bins=60)
    shown = [[int(count) or None for count in row] for row in counts.T.tolist()]
    return {
        "type": "heatmap", "z": shown, "x": numbers(xs), "y": numbers(ys), "hoverongaps": False, "name": "evaluations",
        "colorscale": [[place / (len(SCALE) - 1), hue] for place, hue in enumerate(SCALE)], "showlegend": False,
        "colorbar": {"title": {"text": "n"}, "thickness": 12},
        "hovertemplate": "%{z} evaluations near %{x}, %{y}<extra></extra>",
    }  # fmt: skip


def labels(rows: pandas.DataFrame) -> list[str]:
    """What a point is, in words."""
    columns = (rows[name].tolist() for name in ("iteration", "stage", "number", "replicate", "budget"))
    return [f"{i}-{s}-{n}, trial {r}, {b:.4g} epochs" for i, s, n, r, b in zip(*columns, strict=True)]


def identities(rows: pandas.DataFrame) -> list[str]:
    """What names each evaluation within its run, as the address of its page has it."""
    columns = (rows[name].tolist() for name in ("iteration", "stage", "number", "budget", "replicate"))
    return [f"{i}-{s}-{n}/{b!r}/{r}" for i, s, n, b, r in zip(*columns, strict=True)]


def distributions(samples: Mapping[str, Values], label: str) -> Chart:
    """A row for each sample, the first on top: a point for each trial, over a box of the quartiles and the median."""
    rng = np.random.default_rng(0)
    traces: list[dict[str, Any]] = []
    names = []
    for index, (name, values) in enumerate(samples.items()):
        known = finite(values)
        shown = known[sample(len(known), MOST_OF_A_ROW)]
        traces.append(box(known, index, colour(index), vertical=False))
        traces.append(
            {
                "type": "scatter", "mode": "markers", "x": numbers(shown), "showlegend": False,
                "y": (index + rng.uniform(-0.2, 0.2, len(shown))).round(3).tolist(),
                "marker": {"size": 5, "color": colour(index), "opacity": 0.6},
                "hovertemplate": f"{text(name)}: %{{x}}<extra></extra>",
            }
        )  # fmt: skip
        diverged = len(as_values(values)) - len(known)
        names.append(f"{text(name, 28)}<br>n = {len(known)}" + (f", {diverged} diverged" if diverged else ""))
    rows = {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.5, -0.5]}
    height = 110 + 52 * max(1, len(names))
    return chart(traces, x=axis(label), y={**rows, "showgrid": False, "zeroline": False}, height=height)


def best_of_k_curves(
    samples: Mapping[str, Values], label: str, *, larger_is_better: bool = True, level: float = 0.95
) -> Chart:
    """The expected best of k trials over k, with bands as far as they cover."""
    traces: list[dict[str, Any]] = []
    for index, (name, values) in enumerate(samples.items()):
        if not len(finite(values)):
            continue
        sign = 1.0 if larger_is_better else -1.0
        curve = best_of_k(sign * as_values(values), curve_points(len(as_values(values))), level=level)
        expected, low, high = (sign * np.asarray(line) for line in (curve.expected, curve.low, curve.high))
        there = ~np.isnan(low)
        if len(samples) <= MOST_BANDS and there.any():
            k = np.asarray(curve.k, dtype=float)[there]
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "x": numbers(np.r_[k, k[::-1]]), "fill": "toself",
                    "y": numbers(np.r_[low[there], high[there][::-1]]), "line": {"width": 0}, "opacity": 0.18,
                    "fillcolor": colour(index), "hoverinfo": "skip", "showlegend": False,
                }
            )  # fmt: skip
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "x": list(curve.k), "y": numbers(expected),
                "name": text(name), "marker": {"size": 4},
                "line": {"color": colour(index), "width": 2, "dash": DASHES[index // 6 % len(DASHES)]},
                "hovertemplate": f"{text(name)}, best of %{{x}}: %{{y}}<extra></extra>",
            }
        )  # fmt: skip
    most = max((len(as_values(values)) for values in samples.values()), default=1)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= max(2, most)]
    x = axis("k (trials, of which the best is kept)", type="log", tickvals=ticks, ticktext=[str(t) for t in ticks])
    return chart(traces, x=x, y=axis(f"expected best {label}"))
