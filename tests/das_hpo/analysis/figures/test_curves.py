"""Learning curves and alpha, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.figures import (
    curves,
)
from spaces.trial import Epoch


def test_alpha_is_shown_as_softmax() -> None:
    """alpha (0, ln 3) is 1/4 and 3/4."""
    points = [Epoch("search", 1, 1.0, 1.0, alpha=((0.0, float(np.log(3))),) * 10)]
    axis = curves.alpha_trajectories(points, "sequential", "good").axes[0]
    assert [line.get_ydata()[0] for line in axis.lines] == pytest.approx([0.25, 0.75])  # type: ignore[index]


def test_learning_curves_by_phase() -> None:
    """The search before the retraining; training solid, validation dashed; losses where there are no scores."""
    points = [
        Epoch("retrain", 1, 0.5, 12.0),
        Epoch("search", 2, 0.7, 11.0, 0.8, 9.0),
        Epoch("search", 1, 0.9, 10.0, 1.0, 8.0),
    ]
    search, retrain = curves.learning_curves({"best": points}).axes
    assert (search.get_title(), retrain.get_title()) == ("search", "retrain")
    assert [list(line.get_ydata()) for line in search.lines] == [[10, 11], [8, 9]]  # type: ignore[arg-type]
    assert [list(line.get_ydata()) for line in retrain.lines] == [[12]]  # type: ignore[arg-type]
    losses = curves.learning_curves({"best": [Epoch("search", 1, 0.9), Epoch("search", 2, 0.7)]})
    assert list(losses.axes[0].lines[0].get_ydata()) == [0.9, 0.7]  # type: ignore[arg-type]
    assert losses.axes[0].get_ylabel() == "mean loss of the epoch's batches"


def test_alpha_of_a_space_that_is_not_here_is_numbered() -> None:
    """As of a plug-in's: the operations have numbers, and nothing fails."""
    points = [Epoch("search", 1, 1.0, 1.0, alpha=((0.0, 1.0, 2.0),) * 4)]
    figure = curves.alpha_trajectories(points, "of a plug-in", "good")
    assert [line.get_label() for line in figure.axes[0].lines] == ["operation 1", "operation 2", "operation 3"]
