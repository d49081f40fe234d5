"""The figure of any-time curves: how good incumbents are by what their runs have cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import COLOURS, label_of, new_figure, plain, styled
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    from das_hpo.analysis.comparison.curves import AnytimeCurve

#: What the costs are called.
AXES = {"epochs": "epochs of each run", "seconds": "workers' seconds of each run"}


def anytime(curves: Sequence[AnytimeCurve], over: str = "epochs", metric: Metric = PSNR) -> Figure:
    """Thick: the median over the runs of a side, with the band of that median. Thin: each run.

    Args:
        curves: Of :func:`das_hpo.analysis.comparison.curves.curves`.
        over: What the costs are.
        metric: Of the scores.
    """
    with styled():
        figure, axes = new_figure(1, 1, width=7.2, height=4.4)
        axis = axes[0]
        for index, curve in enumerate(curves):
            colour = COLOURS[index % len(COLOURS)]
            for run, steps in curve.steps.items():
                if steps:
                    costs = [*(cost for cost, _, _ in steps), curve.ends[run]]
                    scores = [*(score for _, _, score in steps), steps[-1][2]]
                    axis.step(costs, scores, where="post", color=colour, linewidth=0.6, alpha=0.5)
            if not curve.points:
                continue
            costs = [*(point.cost for point in curve.points), max(curve.ends.values())]
            last = curve.points[-1]
            medians = [*(point.median for point in curve.points), last.median]
            several = f" ({len(curve.steps)} runs)" if len(curve.steps) > 1 else ""
            label = plain(f"{curve.side.name}{several}")
            axis.step(costs, medians, where="post", color=colour, linewidth=2.0, label=label)
            bands = [*(point.band for point in curve.points), last.band]
            low, high = np.array([band.low for band in bands]), np.array([band.high for band in bands])
            if np.isfinite(low).any():
                axis.fill_between(costs, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
        axis.set_xlabel(AXES[over])
        axis.set_ylabel(f"{label_of('architecture_score', metric)} of the incumbent,\ntrials on fresh seeds")
        axis.legend(loc="best")
    return figure
