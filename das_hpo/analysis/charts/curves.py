"""Charts of what happens in a trial: learning curves, and the mixing weights of the operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from das_hpo.analysis.charts.style import DASHES, Chart, axis, chart, colour, numbers, text
from das_hpo.analysis.figures.curves import Point, edge_names, names_of_weights, phases_of
from spaces.task import PSNR, Metric


def learning_curves(trials: Mapping[str, Sequence[Point]], metric: Metric = PSNR) -> list[tuple[str, Chart]]:
    """Scores over epochs (losses, if there are no scores): a chart for each phase, in the order of the phases.

    Solid: training batches; dashed: validation batches of the steps on alpha.
    """
    every = [point for points in trials.values() for point in points]
    kind = "score" if any(point.training_score is not None for point in every) else "loss"
    what = f"mean {metric.name if kind == 'score' else 'loss'} of the batches"
    unit = f" ({metric.unit})" if kind == "score" and metric.unit else ""
    found = []
    for phase in phases_of(every):
        traces: list[dict[str, Any]] = []
        last = 0.0
        for index, (name, points) in enumerate(trials.items()):
            curve = sorted((point for point in points if point.phase == phase), key=lambda point: point.epoch)
            epochs = [float(point.epoch) for point in curve]
            last = max([last, *epochs])
            for which, dash in (("training", "solid"), ("validation", "dash")):
                values = numbers([np.nan if v is None else v for v in (getattr(p, f"{which}_{kind}") for p in curve)])
                if all(value is None for value in values):
                    continue
                several = len(trials) > 1  # then the caption says which line is of what
                traces.append(
                    {
                        "type": "scatter", "mode": "lines" if len(curve) > 1 else "markers", "x": epochs, "y": values,
                        "name": text(name if several else which, 60), "legendgroup": name if several else which,
                        "showlegend": which == "training" or not several,
                        "line": {"color": colour(index), "width": 2, "dash": dash},
                        "hovertemplate": "epoch %{x}: %{y}<extra></extra>",
                    }
                )  # fmt: skip
        found.append((phase, chart(traces, x=axis("epoch", [0, last], whole=True), y=axis(what + unit))))
    return found


def alpha_trajectories(points: Sequence[Point], space: str, operations: str) -> list[tuple[str, Chart]]:
    """The mixing weights, softmax(alpha), over the epochs of the search: a chart for each layer or edge."""
    search = sorted((p for p in points if p.phase == "search" and p.alpha is not None), key=lambda p: p.epoch)
    if not search:
        return []
    alpha = np.array([point.alpha for point in search], dtype=np.float64)  # [epochs, layers or edges, operations]
    exponent = np.exp(alpha - alpha.max(axis=-1, keepdims=True))
    weights = exponent / exponent.sum(axis=-1, keepdims=True)
    epochs = [point.epoch for point in search]
    names, size = names_of_weights(space, operations, *alpha.shape[1:])
    found = []
    for edge, title in enumerate(edge_names(space, size, alpha.shape[1])):
        traces = [
            {
                "type": "scatter", "mode": "lines" if len(epochs) > 1 else "markers", "x": epochs,
                "y": numbers(weights[:, edge, place]), "name": text(name),
                "line": {"color": colour(place), "width": 2, "dash": DASHES[place % len(DASHES)]},
                "hovertemplate": f"{text(name)}, epoch %{{x}}: %{{y}}<extra></extra>",
            }
            for place, name in enumerate(names)
        ]  # fmt: skip
        x = axis("epoch", [0, *epochs], whole=True)
        found.append((title, chart(traces, x=x, y=axis("softmax(α)", range=[0, 1]), height=230)))
    return found
