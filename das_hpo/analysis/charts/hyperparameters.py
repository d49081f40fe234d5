"""Charts of hyperparameters: permutation importance and parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from das_hpo.analysis.charts.style import GREY, SCALE, Chart, axis, chart, colour, numbers, sample, text
from das_hpo.analysis.statistics.importance import HyperparameterAxis, Importance, axis_of
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    import pandas

#: Lines of the parallel coordinates: half of them the best evaluations, half a sample of the others.
MOST_LINES = 400


def importance(results: Sequence[Importance]) -> Chart:
    """Bars of permutation importance with their spread, one colour a budget; the most important is on top."""
    last = results[-1]
    order = np.argsort(last.mean)
    names = [text(last.names[place].replace("_", " ")) for place in order]
    traces: list[dict[str, Any]] = []
    for index, result in enumerate(results):
        traces.append(
            {
                "type": "bar", "orientation": "h", "y": names, "x": numbers(np.asarray(result.mean)[order]),
                "name": f"{result.budget:.4g} epochs", "marker": {"color": colour(index)},
                "error_x": {"array": numbers(np.asarray(result.deviation)[order]), "color": GREY, "thickness": 1},
                "hovertemplate": "%{y}: %{x}<extra></extra>",
            }
        )  # fmt: skip
    height = 130 + (18 + 14 * len(results)) * len(names)
    return chart(traces, x=axis("lost share of explained variance"), y={}, height=height)


def parallel_coordinates(
    frame: pandas.DataFrame, value: str, names: Sequence[str], metric: Metric = PSNR
) -> tuple[Chart, int]:
    """One line for each evaluation through its hyperparameters to its score, and how many are drawn.

    The colour is the score's: the lightest lines are the best.
    """
    scored = frame.dropna(subset=[value]).sort_values(value, ascending=metric.larger_is_better, kind="stable")
    if len(scored) > MOST_LINES:
        rest = scored.iloc[: -MOST_LINES // 2]
        best = np.arange(len(rest), len(scored))
        scored = scored.take(np.r_[sample(len(rest), MOST_LINES // 2), best])
    scores = scored[value].to_numpy(dtype=float)
    axes = [axis_of(frame, name) for name in names]
    rng = np.random.default_rng(0)
    low, high = (float(scores.min()), float(scores.max())) if len(scores) else (0.0, 1.0)
    span = (high - low) or 1.0
    heights = np.column_stack([*(_scaled(scored, one, rng) for one in axes), (scores - low) / span])
    classes = np.minimum((np.arange(len(scored)) * len(SCALE)) // max(1, len(scored)), len(SCALE) - 1)
    # NaN breaks the line, so that many evaluations are one trace.
    places = [*range(len(names) + 1), None]
    traces: list[dict[str, Any]] = []
    for step, hue in enumerate(SCALE):
        lines = heights[classes == step]
        if not len(lines):
            continue
        y: list[float | None] = []
        for line in lines:
            y += [*numbers(line.round(4)), None]
        words = [text(f"{metric.text(score)}{metric.of_unit}") for score in scores[classes == step]]
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": places * len(lines), "y": y,
                "line": {"color": hue, "width": 1.1}, "opacity": 0.8, "showlegend": False,
                "text": [word for word in words for _ in places], "hovertemplate": "%{text}<extra></extra>",
            }
        )  # fmt: skip
    marks = [mark for place, one in enumerate(axes) for mark in _marks(place, one)]
    marks += [_mark(len(names), tick, metric.text(low + tick * span)) for tick in (0.0, 0.25, 0.5, 0.75, 1.0)]
    titles = [text(name.replace("_", " ")).replace(" ", "<br>") for name in names]
    ruler = {"type": "line", "y0": 0, "y1": 1, "line": {"color": GREY, "width": 1}}
    x = {
        "tickvals": places[:-1], "ticktext": [*titles, text(str(metric)).replace(" ", "<br>")], "side": "top",
        "range": [-0.35, len(names) + 0.15], "showgrid": False, "zeroline": False,
    }  # fmt: skip
    found = chart(
        traces, x=x, y={"visible": False, "range": [-0.05, 1.05]}, annotations=marks, height=430, minwidth=760,
        shapes=[{**ruler, "x0": place, "x1": place} for place in range(len(names) + 1)],
    )  # fmt: skip
    return found, len(scored)


def _scaled(frame: pandas.DataFrame, one: HyperparameterAxis, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """A hyperparameter's values on [0, 1], by its range or the place of its category; categories are jittered."""
    values = one.numbers(frame)
    if one.categories:
        return values / max(1, len(one.categories) - 1) + rng.uniform(-0.03, 0.03, len(values))
    return np.asarray((values - one.low) / (one.high - one.low))


def _marks(place: int, one: HyperparameterAxis) -> list[dict[str, Any]]:
    if one.categories:
        words = [str(value).replace("True", "yes").replace("False", "no") for value in one.categories]
        return [_mark(place, index / max(1, len(words) - 1), word) for index, word in enumerate(words)]
    if not one.log:
        return [_mark(place, tick, f"{one.low + tick * (one.high - one.low):.3g}") for tick in (0.0, 0.5, 1.0)]
    powers = np.arange(np.ceil(one.low), np.floor(one.high) + 1)
    return [_mark(place, float((power - one.low) / (one.high - one.low)), f"1e{power:.0f}") for power in powers]


def _mark(place: int, height: float, word: str) -> dict[str, Any]:
    return {
        "x": place, "y": height, "text": text(word, 14), "showarrow": False, "xanchor": "right", "xshift": -4,
        "font": {"size": 11}, "bgcolor": "paper",
    }  # fmt: skip
