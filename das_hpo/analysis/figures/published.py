"""Distributions of our trials beside the numbers that a paper published of the same experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from das_hpo.analysis.figures.style import ARCHITECTURE_LABEL, COLOURS, new_figure, note, plain, styled
from das_hpo.analysis.statistics import Values
from das_hpo.analysis.statistics.samples import finite

_BESIDE = 0.34


@dataclass(frozen=True, slots=True)
class PublishedSample:
    """One row of a panel.

    Attributes:
        name: Its label.
        group: What its colour stands for.
        values: Our trials; None where our numbers are computed from the trials of another row.
        median: Ours; NaN without one.
        maximum: Ours.
        published_median: The paper's.
        published_maximum: The paper's.
    """

    name: str
    group: str
    values: Values | None
    median: float
    maximum: float
    published_median: float
    published_maximum: float


def beside_published(panels: Mapping[str, Sequence[PublishedSample]], label: str = ARCHITECTURE_LABEL) -> Figure:
    """A panel for each title, a row for each sample: our trials with their quartiles, below them the paper's numbers.

    The colour is the sample's group, in all panels the same.
    """
    with styled():
        most = max((len(rows) for rows in panels.values()), default=1)
        figure, axes = new_figure(1, max(1, len(panels)), width=6.4, height=1.5 + 0.55 * max(2, most))
        groups = list(dict.fromkeys(row.group for rows in panels.values() for row in rows))
        hues = {group: COLOURS[place % len(COLOURS)] for place, group in enumerate(groups)}
        for axis, (title, rows) in zip(axes, panels.items(), strict=False):
            _panel(axis, rows, hues)
            axis.set_title(plain(title))
            axis.set_xlabel(label)
        if not groups:
            note(axes[0], "no trials")
            return figure
        handles = [
            *(Line2D([], [], marker="o", linestyle="", color=hues[group], label=plain(group)) for group in groups),
            Line2D(
                [], [], marker="|", linestyle="", color="black", markersize=9, markeredgewidth=2, label="our median"
            ),
            Line2D(
                [], [], marker="D", linestyle="", markerfacecolor="white", color="black", label="the paper's median"
            ),
            Line2D(
                [], [], marker=">", linestyle="", markerfacecolor="white", color="black", label="the paper's maximum"
            ),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return figure


def _panel(axis: Axes, rows: Sequence[PublishedSample], hues: Mapping[str, str]) -> None:
    rng = np.random.default_rng(0)  # jitter only
    names = []
    for place, row in enumerate(rows):
        hue = hues[row.group]
        sample = finite([] if row.values is None else row.values)
        if len(sample):
            heights = place + rng.uniform(-0.16, 0.16, len(sample))
            axis.scatter(sample, heights, s=9, alpha=0.5, color=hue, linewidths=0)
            low, high = np.percentile(sample, (25, 75))
            axis.plot([low, high], [place, place], color=hue, linewidth=5, alpha=0.35, solid_capstyle="butt")
        else:
            axis.plot([row.median, row.maximum], [place, place], ":", color=hue, linewidth=1.5)
            axis.plot(row.maximum, place, "o", color=hue, markersize=4)
        axis.plot([row.median] * 2, [place - 0.24, place + 0.24], color="black", linewidth=2)
        beside = place + _BESIDE
        axis.plot([row.published_median, row.published_maximum], [beside, beside], color="black", linewidth=0.8)
        axis.plot(row.published_median, beside, "D", color="black", markerfacecolor="white", markersize=4.5)
        axis.plot(row.published_maximum, beside, ">", color="black", markerfacecolor="white", markersize=5)
        names.append(f"{plain(row.name)}\n" + (f"n = {len(sample)}" if len(sample) else "expected from random"))
    axis.set_yticks(range(len(names)), names, fontsize=8.5)
    axis.set_ylim(len(names) - 0.3, -0.6)
    axis.grid(visible=False, axis="y")
