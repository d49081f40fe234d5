"""One-shot against architecture PSNR, with regression lines and correlations (like Figures 3 to 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import (
    COLOURS,
    GREY,
    MARKERS,
    RASTER_POINTS,
    grid_of,
    hide_unused,
    label_of,
    new_figure,
    note,
    plain,
    styled,
)
from das_hpo.analysis.statistics import Values, correlation, regression_line
from das_hpo.analysis.statistics.samples import FloatArray, as_values, finite_pairs
from spaces.task import PSNR, Metric


@dataclass(frozen=True, slots=True)
class Series:
    """The trials of one legend entry: both samples have the same trials in the same order.

    Attributes:
        name: Legend.
        one_shot: One-shot scores.
        architecture: Architecture scores.
    """

    name: str
    one_shot: Values
    architecture: Values


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of the figure."""

    title: str
    series: tuple[Series, ...]


def scatter(panels: Sequence[Panel], metric: Metric = PSNR) -> Figure:
    """Scatter plots. Each series has its own regression line and correlation; all of a panel have a grey line."""
    with styled():
        rows, columns = grid_of(len(panels))
        figure, axes = new_figure(rows, columns, width=5.8, height=4.5)
        for axis, panel in zip(axes, panels, strict=False):
            _draw(axis, panel, metric)
        hide_unused(axes, len(panels))
        return figure


def _draw(axis: Axes, panel: Panel, metric: Metric) -> None:
    axis.set_title(plain(panel.title))
    axis.set_xlabel(label_of("one_shot_score", metric))
    axis.set_ylabel(label_of("architecture_score", metric))
    pooled: list[tuple[FloatArray, FloatArray]] = []
    for index, series in enumerate(panel.series):
        x, y = finite_pairs(series.one_shot, series.architecture)
        pooled.append((x, y))
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        missing = len(as_values(series.one_shot)) - len(x)
        axis.scatter(
            x, y, s=20, alpha=0.65, color=colour, marker=marker, linewidths=0, rasterized=len(x) > RASTER_POINTS,
            label=f"{plain(series.name)}: {correlation_text(x, y)}" + (f" ({missing} without)" if missing else ""),
        )  # fmt: skip
        _line(axis, x, y, colour, "-")
    if not any(len(x) for x, _ in pooled):
        note(axis, "no trial has both scores")
    elif len(pooled) > 1:
        x, y = (np.concatenate(values) for values in zip(*pooled, strict=True))
        _line(axis, x, y, GREY, "--", f"all together: {correlation_text(x, y)}")
    if panel.series:
        # Below the axes: a legend inside hides trials.
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=1, handletextpad=0.4)


def correlation_text(x: Values, y: Values) -> str:
    """The text of a legend: Pearson's r with its interval, Spearman's rho, and the number of trials."""
    pearson, spearman = correlation(x, y), correlation(x, y, "spearman")
    if np.isnan(pearson.coefficient):
        return f"no correlation, n = {pearson.pairs}"
    interval = pearson.interval
    bounds = f" [{interval.low:+.2f}, {interval.high:+.2f}]" if interval.defined else ""
    return f"r = {pearson.coefficient:+.2f}{bounds}, ρ = {spearman.coefficient:+.2f}, n = {pearson.pairs}"


def _line(axis: Axes, x: FloatArray, y: FloatArray, colour: str, style: str, label: str | None = None) -> None:
    line = regression_line(x, y)
    if np.isnan(line.slope):
        return
    ends = [float(x.min()), float(x.max())]
    axis.plot(ends, [line.at(end) for end in ends], style, color=colour, linewidth=1.6, label=label)
