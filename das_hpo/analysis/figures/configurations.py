"""Which hyperparameters matter: permutation importance and parallel coordinates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import COLOURS, GREY, PSNR_LABELS, RASTER_POINTS, new_figure, note, styled
from das_hpo.analysis.statistics.importance import Importance
from spaces.hyperparameters import CATEGORIES, HYPERPARAMETERS, RANGES

if TYPE_CHECKING:
    import pandas

    from das_hpo.analysis.statistics.samples import FloatArray

#: Perceptually uniform, and readable with any colour vision.
COLOUR_MAP = "viridis"


def importance(result: Importance, value: str) -> Figure:
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
        axis.set_xlabel(
            f"explained variance of the {PSNR_LABELS[value].removesuffix(' (dB)')} that is lost by shuffling (1 = all)"
        )
        axis.set_title(
            f"{result.evaluations} evaluations at {result.budget:g} epochs; the model explains "
            f"{max(0.0, result.explained):.0%} of the variance it has not seen",
            fontsize=9, fontweight="normal", loc="left",
        )  # fmt: skip
        return figure


def parallel_coordinates(frame: pandas.DataFrame, value: str) -> Figure:
    """One line per evaluation through its hyperparameters to its PSNR; a diverged one is grey and has no PSNR."""
    with styled():
        figure, (axis,) = new_figure(width=12.0, height=5.0)
        axis.grid(visible=False)
        axis.spines[["left", "bottom"]].set_visible(False)
        psnr = frame[value].to_numpy(dtype=float, na_value=np.nan)
        there = ~np.isnan(psnr)
        if not there.any():
            axis.set_axis_off()
            note(axis, "nothing finished yet")
            return figure
        low, high = float(psnr[there].min()), float(psnr[there].max())
        if low == high:
            low, high = low - 0.5, high + 0.5
        rng = np.random.default_rng(0)
        columns = [_scaled(frame, name, rng) for name in HYPERPARAMETERS]
        lines = np.column_stack([*columns, (psnr - low) / (high - low)])
        places = np.arange(len(HYPERPARAMETERS) + 1, dtype=float)
        colours = Normalize(low, high)
        order = np.argsort(psnr[there])  # the best on top
        drawn = lines[there][order]
        raster = len(lines) > RASTER_POINTS // 10
        diverged = [np.column_stack([places[:-1], line[:-1]]) for line in lines[~there]]
        axis.add_collection(
            LineCollection(diverged, colors="#B0B0B0", linewidths=0.7, linestyles=":", rasterized=raster)
        )
        axis.add_collection(
            LineCollection(
                [np.column_stack([places, line]) for line in drawn],
                array=psnr[there][order],
                cmap=COLOUR_MAP,
                norm=colours,
                linewidths=0.9,
                alpha=0.75,
                rasterized=raster,
            )
        )
        for place, name in enumerate(HYPERPARAMETERS):
            _ruler(axis, float(place), *_ticks(name))
        ticks = np.linspace(low, high, 5)
        _ruler(
            axis, places[-1], [float(tick) for tick in (ticks - low) / (high - low)], [f"{tick:.1f}" for tick in ticks]
        )
        labels = [spaced(name).replace(" ", "\n", 1) for name in HYPERPARAMETERS] + ["PSNR\n(dB)"]
        axis.set_xticks(places, labels)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.set_yticks([])
        axis.set_xlim(-0.25, len(HYPERPARAMETERS) + 0.2)
        axis.set_ylim(-0.06, 1.06)
        figure.colorbar(
            ScalarMappable(colours, matplotlib.colormaps[COLOUR_MAP]), ax=axis, label=PSNR_LABELS[value], pad=0.06
        )
        if diverged:
            axis.set_xlabel(f"dotted grey: {len(diverged)} without a PSNR", color=GREY)
        return figure


def spaced(name: str) -> str:
    """A hyperparameter's name for people."""
    return name.replace("_", " ")


def _scaled(frame: pandas.DataFrame, name: str, rng: np.random.Generator) -> FloatArray:
    """A hyperparameter on [0, 1]: logarithmic over its range, or its category's place, jittered to be seen."""
    if name in RANGES:
        lower, upper = np.log10(RANGES[name])
        return np.asarray((np.log10(frame[name].to_numpy(dtype=float)) - lower) / (upper - lower))
    places = {value: index for index, value in enumerate(CATEGORIES[name])}
    position = np.array([places[_category(value)] for value in frame[name]], dtype=np.float64)
    return position + rng.uniform(-0.03, 0.03, len(position))


def _category(value: object) -> bool | str:
    return value if isinstance(value, str) else bool(value)


def _ticks(name: str) -> tuple[list[float], list[str]]:
    if name in RANGES:
        lower, upper = np.log10(RANGES[name])
        powers = np.arange(np.ceil(lower), np.floor(upper) + 1)
        return [float(place) for place in (powers - lower) / (upper - lower)], [
            f"$10^{{{power:.0f}}}$" for power in powers
        ]
    words = [str(value).replace("True", "yes").replace("False", "no") for value in CATEGORIES[name]]
    return [0.0, 1.0], [word.replace("-", "-\n") for word in words]


def _ruler(axis: Axes, x: float, places: list[float], words: list[str]) -> None:
    axis.plot([x, x], [0, 1], color="black", linewidth=1)
    for place, word in zip(places, words, strict=True):
        axis.plot([x - 0.03, x], [place, place], color="black", linewidth=1)
        axis.text(
            x - 0.05, place, word, ha="right", va="center", fontsize=7.5,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}, zorder=5,
        )  # fmt: skip
