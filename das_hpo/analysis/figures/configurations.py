"""Figures of hyperparameters: permutation importance and parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import COLOURS, GREY, RASTER_POINTS, label_of, new_figure, note, styled
from das_hpo.analysis.statistics.importance import HyperparameterAxis, Importance, axis_of
from spaces.hyperparameters import HYPERPARAMETERS
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    import pandas

    from das_hpo.analysis.statistics.samples import FloatArray

#: Perceptually uniform, and readable with any colour vision.
COLOUR_MAP = "viridis"


def importance(result: Importance, value: str, metric: Metric = PSNR) -> Figure:
    """Bars of permutation importance with their spread over folds and permutations, the largest on top."""
    with styled():
        figure, (axis,) = new_figure(width=7.6, height=3.6)
        if not result.defined:
            note(axis, f"too few evaluations for an importance: {result.evaluations}")
            return figure
        order = np.argsort(result.mean)
        names = [spaced(result.names[place]) for place in order]
        axis.barh(
            names, np.asarray(result.mean)[order], xerr=np.asarray(result.deviation)[order], color=COLOURS[0],
            alpha=0.85, error_kw={"ecolor": "black", "elinewidth": 1, "capsize": 2},
        )  # fmt: skip
        axis.axvline(0, color="black", linewidth=0.8)
        axis.grid(visible=False, axis="y")
        score = label_of(value, metric).partition(" (")[0]
        axis.set_xlabel(f"explained variance of the {score} that is lost by shuffling (1 = all)")
        axis.set_title(
            f"{result.evaluations} evaluations at {result.budget:g} epochs; the model explains "
            f"{max(0.0, result.explained):.0%} of the variance it has not seen",
            fontsize=9, fontweight="normal", loc="left",
        )  # fmt: skip
        return figure


def parallel_coordinates(
    frame: pandas.DataFrame, value: str, names: Sequence[str] = HYPERPARAMETERS, metric: Metric = PSNR
) -> Figure:
    """One line per evaluation through its hyperparameters to its score. A diverged one is grey and has no score."""
    with styled():
        figure, (axis,) = new_figure(width=12.0, height=5.0)
        axis.grid(visible=False)
        axis.spines[["left", "bottom"]].set_visible(False)
        scores = frame[value].to_numpy(dtype=float, na_value=np.nan)
        there = ~np.isnan(scores)
        if not there.any():
            axis.set_axis_off()
            note(axis, "nothing finished yet")
            return figure
        low, high = float(scores[there].min()), float(scores[there].max())
        if low == high:
            low, high = low - 0.5, high + 0.5
        rng = np.random.default_rng(0)
        axes = [axis_of(frame, name) for name in names]
        columns = [_scaled(frame, one, rng) for one in axes]
        lines = np.column_stack([*columns, (scores - low) / (high - low)])
        colours = Normalize(low, high)
        order = np.argsort(scores[there] if metric.larger_is_better else -scores[there])  # the best on top
        _draw_lines(axis, lines[there][order], lines[~there][:, :-1], scores[there][order], colours)
        for place, one in enumerate(axes):
            _ruler(axis, float(place), *_ticks(one))
        _score_ruler(axis, float(len(names)), colours, ".1f" if metric == PSNR else ".3g")
        labels = [spaced(name).replace(" ", "\n", 1) for name in names] + [str(metric).replace(" ", "\n", 1)]
        axis.set_xticks(np.arange(len(names) + 1, dtype=float), labels)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.set_yticks([])
        axis.set_xlim(-0.25, len(names) + 0.2)
        axis.set_ylim(-0.06, 1.06)
        figure.colorbar(
            ScalarMappable(colours, matplotlib.colormaps[COLOUR_MAP]), ax=axis, label=label_of(value, metric), pad=0.06
        )
        if not there.all():
            axis.set_xlabel(f"dotted grey: {(~there).sum()} without a score", color=GREY)
        return figure


def _draw_lines(axis: Axes, scored: FloatArray, diverged: FloatArray, scores: FloatArray, colours: Normalize) -> None:
    """Draws the lines with a score in its colour, above the lines without.

    Args:
        axis: Where they are drawn.
        scored: Heights on [0, 1] of shape [evaluations, hyperparameters + 1], the last to be drawn last.
        diverged: The same of shape [evaluations, hyperparameters].
        scores: Of ``scored``.
        colours: From a score to its place on the colour map.
    """
    places = np.arange(scored.shape[1], dtype=float)
    raster = len(scored) + len(diverged) > RASTER_POINTS // 10
    axis.add_collection(
        LineCollection(
            [np.column_stack([places[:-1], line]) for line in diverged],
            colors="#B0B0B0", linewidths=0.7, linestyles=":", rasterized=raster,
        )
    )  # fmt: skip
    axis.add_collection(
        LineCollection(
            [np.column_stack([places, line]) for line in scored],
            array=scores, cmap=COLOUR_MAP, norm=colours, linewidths=0.9, alpha=0.75, rasterized=raster,
        )
    )  # fmt: skip


def spaced(name: str) -> str:
    """A hyperparameter's name for people."""
    return name.replace("_", " ")


def _scaled(frame: pandas.DataFrame, axis: HyperparameterAxis, rng: np.random.Generator) -> FloatArray:
    """A hyperparameter's values on [0, 1], by its range or the place of its category; categories are jittered."""
    numbers = axis.numbers(frame)
    if axis.categories:
        return numbers / max(1, len(axis.categories) - 1) + rng.uniform(-0.03, 0.03, len(numbers))
    return np.asarray((numbers - axis.low) / (axis.high - axis.low))


def _ticks(axis: HyperparameterAxis) -> tuple[list[float], list[str]]:
    if axis.categories:
        words = [str(value).replace("True", "yes").replace("False", "no") for value in axis.categories]
        last = max(1, len(words) - 1)
        return [place / last for place in range(len(words))], [word.replace("-", "-\n") for word in words]
    if not axis.log:
        ticks = np.linspace(axis.low, axis.high, 4)
        return [float(place) for place in np.linspace(0, 1, 4)], [f"{tick:.3g}" for tick in ticks]
    powers = np.arange(np.ceil(axis.low), np.floor(axis.high) + 1)
    places = [float(place) for place in (powers - axis.low) / (axis.high - axis.low)]
    return places, [f"$10^{{{power:.0f}}}$" for power in powers]


def _score_ruler(axis: Axes, x: float, scores: Normalize, digits: str) -> None:
    low, high = float(scores.vmin or 0.0), float(scores.vmax or 0.0)
    ticks = np.linspace(low, high, 5)
    places = [float(tick) for tick in (ticks - low) / (high - low)]
    _ruler(axis, x, places, [f"{tick:{digits}}" for tick in ticks])


def _ruler(axis: Axes, x: float, places: list[float], words: list[str]) -> None:
    axis.plot([x, x], [0, 1], color="black", linewidth=1)
    for place, word in zip(places, words, strict=True):
        axis.plot([x - 0.03, x], [place, place], color="black", linewidth=1)
        axis.text(
            x - 0.05, place, word, ha="right", va="center", fontsize=7.5,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}, zorder=5,
        )  # fmt: skip
