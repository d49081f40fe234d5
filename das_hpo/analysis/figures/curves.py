"""Figures of what happens in a trial: learning curves, and the mixing weights of the operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from das_hpo.analysis.figures.architectures import cell_edges, look
from das_hpo.analysis.figures.style import COLOURS, LINES, new_figure, note, plain, styled
from spaces.errors import UnknownNameError
from spaces.inverse_1d.architecture import cell_states
from spaces.inverse_1d.registries import SEARCH_SPACES, candidate_operations
from spaces.task import PSNR, Metric
from spaces.trial import Epoch
from storage.records import EpochRecord

#: The largest number of learning curves in one figure: more would cover each other.
MOST_CURVES = len(COLOURS)


#: One point of a learning curve, as a trial gives it or as storage does.
Point: TypeAlias = Epoch | EpochRecord


def learning_curves(trials: Mapping[str, Sequence[Point]], metric: Metric = PSNR) -> Figure:
    """Scores over epochs (losses, if there are no scores), with a panel for each phase.

    Solid: training batches; dashed: validation batches of the steps on alpha.
    """
    with styled():
        phases = phases_of([point for points in trials.values() for point in points])
        scored = any(point.training_score is not None for points in trials.values() for point in points)
        kind = "score" if scored else "loss"
        figure, axes = new_figure(
            1, max(1, len(phases)), width=5.4 if len(phases) < 3 else 4.0, height=4.2, sharey=True
        )
        for axis, phase in zip(axes, phases, strict=False):
            for index, (name, points) in enumerate(list(trials.items())[:MOST_CURVES]):
                curve = sorted((point for point in points if point.phase == phase), key=lambda point: point.epoch)
                epochs = [point.epoch for point in curve]
                colour = COLOURS[index % len(COLOURS)]
                training = np.array([getattr(point, f"training_{kind}") for point in curve], dtype=np.float64)
                validation = np.array([getattr(point, f"validation_{kind}") for point in curve], dtype=np.float64)
                marker = "o" if len(curve) == 1 else None
                axis.plot(epochs, training, "-", color=colour, linewidth=1.4, marker=marker, label=plain(name))
                if not np.isnan(validation).all():
                    axis.plot(epochs, validation, "--", color=colour, linewidth=1.0, marker=marker)
            axis.set_title(phase)
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        unit = f" ({metric.unit})" if metric.unit else ""
        axes[0].set_ylabel(
            f"mean {metric.name} of the epoch's batches{unit}" if scored else "mean loss of the epoch's batches"
        )
        if phases:
            figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
        else:
            note(axes[0], "no learning curves stored")
        return figure


def alpha_trajectories(points: Sequence[Point], space: str, operations: str) -> Figure:
    """The mixing weights, softmax(alpha), of every layer or edge over the epochs of the search."""
    with styled():
        search = sorted((p for p in points if p.phase == "search" and p.alpha is not None), key=lambda p: p.epoch)
        if not search:
            figure, axes = new_figure()
            note(axes[0], "no alpha stored")
            return figure
        alpha = np.array([point.alpha for point in search], dtype=np.float64)  # [epochs, layers or edges, operations]
        edges, count = alpha.shape[1:]
        names, size = names_of_weights(space, operations, edges, count)
        titles = edge_names(space, size, edges)
        exponent = np.exp(alpha - alpha.max(axis=-1, keepdims=True))
        weights = exponent / exponent.sum(axis=-1, keepdims=True)
        epochs = [point.epoch for point in search]
        figure, axes = new_figure(-(-edges // 5), 5, width=2.3, height=1.75, sharex=True, sharey=True)
        for index, axis in enumerate(axes[:edges]):
            for place, name in enumerate(names):
                colour, line, _ = look(name)
                axis.plot(
                    epochs, weights[:, index, place], color=colour, linestyle=line or LINES[0], linewidth=1.4,
                    marker="." if len(epochs) == 1 else None, label=name,
                )  # fmt: skip
            axis.set_title(titles[index], fontsize=8.5, fontweight="normal", pad=2)
        for axis in axes[-5:]:
            axis.set_xlabel("epoch")
        for axis in axes[::5]:
            axis.set_ylabel("softmax(α)")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
        return figure


def phases_of(points: Sequence[Point]) -> list[str]:
    """The phases of learning curves in the order in which they happen: pre-training, search, retraining."""
    there = sorted({point.phase for point in points})
    return sorted(there, key=lambda phase: 2 if phase == "retrain" else int(phase == "search"))


def names_of_weights(space: str, operations: str, edges: int, count: int) -> tuple[Sequence[str], int]:
    """Names of the candidate operations, and edges per cell; numbers, and all edges, if they are not registered."""
    try:
        return candidate_operations(space, operations), SEARCH_SPACES[space].size
    except UnknownNameError:
        return [f"operation {index + 1}" for index in range(count)], edges


def edge_names(space: str, size: int, edges: int) -> list[str]:
    """What each layer or edge is called, where a cell has ``size`` of them."""
    if size >= edges:
        return [f"layer {index + 1}" for index in range(edges)]
    return [
        f"cell {index // size + 1}, "
        + (_edge_name(index % size, size) if space == "cell" else f"edge {index % size + 1}")
        for index in range(edges)
    ]


def _edge_name(edge: int, size: int) -> str:
    start, stop = cell_edges(cell_states(size))[edge]
    return f"{start or 'in'} → {stop}"
