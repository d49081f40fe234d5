"""Figures of samples side by side: distributions, and the expected best of k."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from das_hpo.analysis.figures.style import (
    ARCHITECTURE_LABEL,
    COLOURS,
    LINES,
    RASTER_POINTS,
    new_figure,
    note,
    plain,
    styled,
)
from das_hpo.analysis.statistics import Values, best_of_k
from das_hpo.analysis.statistics.samples import as_values, finite

#: Up to this k a best-of-k curve has a point for every k.
DENSE_POINTS = 20

#: With more samples than this, bands would cover each other.
MOST_BANDS = 4

#: Fewer trials have no quartiles worth a box.
LEAST_FOR_BOX = 5


def distributions(samples: Mapping[str, Values], *, label: str = ARCHITECTURE_LABEL) -> Figure:
    """A row for each sample, the first on top: a point for each trial, over a box of the quartiles and the median."""
    with styled():
        count = max(1, len(samples))
        figure, (axis,) = new_figure(width=8.2, height=0.9 + 0.48 * count)
        rng = np.random.default_rng(0)  # jitter only
        names = []
        for index, (name, values) in enumerate(samples.items()):
            everything, sample = as_values(values), finite(values)
            colour = COLOURS[index % len(COLOURS)]
            if len(sample) >= LEAST_FOR_BOX:
                axis.boxplot(
                    [sample], positions=[index], orientation="horizontal", widths=0.62, showfliers=False,
                    medianprops={"color": "black", "linewidth": 1.6}, boxprops={"color": colour},
                    whiskerprops={"color": colour}, capprops={"color": colour}, manage_ticks=False,
                )  # fmt: skip
            if len(sample):
                heights = index + rng.uniform(-0.2, 0.2, len(sample))
                axis.scatter(
                    sample,
                    heights,
                    s=10,
                    alpha=0.55,
                    color=colour,
                    linewidths=0,
                    rasterized=len(sample) > RASTER_POINTS,
                )
            diverged = len(everything) - len(sample)
            names.append(f"{plain(name)}\nn = {len(sample)}" + (f", {diverged} diverged" if diverged else ""))
        axis.set_yticks(range(len(names)), names, fontsize=8.5)
        axis.set_ylim(count - 0.5, -0.5)
        axis.set_xlabel(f"{label}; box: quartiles, line: median")
        axis.grid(visible=False, axis="y")
        if not names:
            note(axis, "no trials")
        return figure


def best_of_k_curves(
    samples: Mapping[str, Values],
    *,
    label: str = ARCHITECTURE_LABEL,
    level: float = 0.95,
    larger_is_better: bool = True,
) -> Figure:
    """The expected best of k trials over k, with bands as far as they cover."""
    with styled():
        figure, (axis,) = new_figure(width=8.2, height=4.2)
        drawn = 0
        for index, (name, values) in enumerate(samples.items()):
            total = len(as_values(values))
            if not len(finite(values)):
                continue
            points = curve_points(total)
            sign = 1.0 if larger_is_better else -1.0
            curve = best_of_k(sign * as_values(values), points, level=level)
            expected, low, high = (sign * np.asarray(line) for line in (curve.expected, curve.low, curve.high))
            colour = COLOURS[index % len(COLOURS)]
            axis.plot(
                curve.k, expected, LINES[index // len(COLOURS) % len(LINES)], color=colour, label=plain(name),
                marker="o" if len(points) == 1 else None,
            )  # fmt: skip
            if len(samples) <= MOST_BANDS:
                # There is no interval where the best of k depends on a few values.
                axis.fill_between(curve.k, low, high, color=colour, alpha=0.13, linewidth=0)
            drawn += 1
        axis.set_xlabel("k (trials, the best is kept)")
        axis.set_ylabel(f"expected best {label}")
        if drawn:
            axis.set_xscale("log")
            most = max(len(as_values(values)) for values in samples.values())
            ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= max(2, most)]
            axis.set_xticks(ticks, [str(tick) for tick in ticks])
            axis.set_xticks([], minor=True)
            axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        else:
            note(axis, "no trials")
        return figure


def curve_points(trials: int) -> list[int]:
    """The values of k at which a curve is computed, from 1 to the number of trials, sparser for larger ones."""
    dense = range(1, min(trials, DENSE_POINTS) + 1)
    if trials <= DENSE_POINTS:
        return list(dense)
    sparse = np.geomspace(DENSE_POINTS, trials, 12).round().astype(int)
    return sorted({*dense, *(int(point) for point in sparse)})
