"""Figures of a run's progress: best so far, scores by rung, short against long searches."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import (
    COLOURS,
    GREY,
    LINES,
    RASTER_POINTS,
    grid_of,
    hide_unused,
    label_of,
    new_figure,
    note,
    plain,
    styled,
)
from das_hpo.analysis.statistics import correlation, paired_budgets
from das_hpo.analysis.statistics.samples import finished
from spaces.task import PSNR, Metric

if TYPE_CHECKING:
    import pandas

    from das_hpo.analysis.statistics.samples import FloatArray

#: The largest number of panels of short against long searches.
MOST_PAIRS = 6


def best_so_far(runs: Mapping[str, pandas.DataFrame], values: Mapping[str, str], metric: Metric = PSNR) -> Figure:
    """The best score so far of each run over finished evaluations and over wall-clock time.

    Thick: at the run's largest budget, where its incumbent comes from. Thin: at any budget.

    Args:
        runs: Rows of the view ``results`` by run.
        values: By run, the column of its objective.
        metric: Of all of them.
    """
    with styled():
        figure, axes = new_figure(1, 2, width=5.6, height=4.2, sharey=True)
        drawn = False
        for index, (name, frame) in enumerate(runs.items()):
            done = in_order(frame)
            if done.empty:
                continue
            colour, line = COLOURS[index % len(COLOURS)], LINES[index // len(COLOURS) % len(LINES)]
            psnr = done[values[name]].where(done["status"] == "completed").to_numpy(dtype=float, na_value=np.nan)
            largest = done["budget"].to_numpy() == done["budget"].max()
            seconds = elapsed_s(done)
            any_budget, thick = (
                running_best(scores, metric.larger_is_better) for scores in (psnr, np.where(largest, psnr, np.nan))
            )
            for axis, x in zip(axes, (np.arange(1, len(done) + 1), seconds / 60), strict=True):
                if not np.isnan(x).all():
                    axis.step(
                        x,
                        any_budget,
                        line,
                        where="post",
                        color=colour,
                        linewidth=0.9,
                        alpha=0.6,
                    )
                    axis.step(
                        x, thick, line, where="post", color=colour,
                        linewidth=2.0, label=plain(name),
                    )  # fmt: skip
            drawn = drawn or not np.isnan(psnr).all()
        axes[0].set_xlabel("finished evaluations")
        axes[1].set_xlabel("time since the first evaluation (minutes)")
        labels = {label_of(value, metric) for value in values.values()}
        of_all = f"{metric.name} of the objective" + (f" ({metric.unit})" if metric.unit else "")
        axes[0].set_ylabel(f"best {labels.pop() if len(labels) == 1 else of_all}")
        axes[0].set_title("thick: at the largest budget", loc="left", fontsize=9, fontweight="normal")
        axes[1].set_title("thin: at any budget", loc="left", fontsize=9, fontweight="normal")
        if drawn:
            figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        else:
            note(axes[0], "nothing finished yet")
            note(axes[1], "nothing finished yet")
        return figure


def rungs(frame: pandas.DataFrame, value: str, metric: Metric = PSNR) -> Figure:
    """One run's scores by budget; a thin line joins the evaluations of one configuration."""
    with styled():
        figure, (axis,) = new_figure(width=7.2, height=4.2)
        table = paired_budgets(frame, value) if len(frame) else None
        budgets = [] if table is None else sorted(table.columns)
        for place, budget in enumerate(budgets):
            assert table is not None
            column = table[budget].dropna()
            axis.scatter(
                np.full(len(column), place), column, s=13, alpha=0.55, color=COLOURS[place % len(COLOURS)],
                linewidths=0, zorder=3, rasterized=len(column) > RASTER_POINTS,
            )  # fmt: skip
        if table is not None and len(budgets) > 1:
            lines = table[budgets].to_numpy(dtype=float)
            promoted = (~np.isnan(lines)).sum(axis=1) > 1
            axis.plot(
                range(len(budgets)), lines[promoted].T, color=GREY, linewidth=0.6, alpha=0.45,
                rasterized=int(promoted.sum()) > RASTER_POINTS,
            )  # fmt: skip
        counts = frame["budget"].value_counts()
        axis.set_xticks(range(len(budgets)), [f"{budget:.4g}\n{counts[budget]} evaluations" for budget in budgets])
        axis.set_xlabel("budget (epochs)")
        axis.set_ylabel(label_of(value, metric))
        if not budgets:
            note(axis, "nothing finished yet")
        else:
            axis.set_xlim(-0.5, len(budgets) - 0.5)
        return figure


def budget_pairs(frame: pandas.DataFrame, value: str, metric: Metric = PSNR) -> Figure:
    """The scores of the same configurations at two budgets, with Spearman's correlation."""
    with styled():
        table = paired_budgets(frame, value) if len(frame) else None
        pairs = [] if table is None else list(itertools.combinations(sorted(table.columns), 2))
        shown = [(a, b) for a, b in pairs if table is not None and len(table[[a, b]].dropna()) >= 2][:MOST_PAIRS]
        rows, columns = grid_of(len(shown), 3)
        figure, axes = new_figure(rows, columns, width=3.7, height=3.5)
        for axis, (shorter, longer) in zip(axes, shown, strict=False):
            assert table is not None
            both = table[[shorter, longer]].dropna()
            axis.scatter(both[shorter], both[longer], s=16, alpha=0.6, color=COLOURS[0], linewidths=0)
            result = correlation(both[shorter], both[longer], "spearman")
            interval = result.interval
            bounds = f"\n[{interval.low:+.2f}, {interval.high:+.2f}]" if interval.defined else ""
            axis.set_title(
                f"ρ = {result.coefficient:+.2f}{bounds}, n = {result.pairs}", fontweight="normal", fontsize=9
            )
            axis.set_xlabel(f"{metric.unit or metric.name} at {shorter:.4g} epochs")
            axis.set_ylabel(f"{metric.unit or metric.name} at {longer:.4g} epochs")
        hide_unused(axes, len(shown))
        if not shown:
            note(axes[0], "no two budgets share two configurations")
        return figure


def in_order(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Finished evaluations in the order in which they were finished."""
    done = finished(frame)
    by = ["sequence"] if "sequence" in done.columns and done["sequence"].notna().all() else ["finished_at"]
    return done.sort_values(by, kind="stable")


def elapsed_s(done: pandas.DataFrame) -> FloatArray:
    """Seconds from the first start to each finish; NaN without times."""
    import pandas

    started = pandas.to_datetime(done["started_at"], utc=True)
    finished = pandas.to_datetime(done["finished_at"], utc=True)
    return np.array((finished - started.min()).dt.total_seconds(), dtype=np.float64)


def running_best(scores: FloatArray, larger_is_better: bool = True) -> FloatArray:
    """The best value so far; NaN until there is one."""
    best = np.fmax if larger_is_better else np.fmin
    return np.asarray(best.accumulate(scores), dtype=np.float64)
