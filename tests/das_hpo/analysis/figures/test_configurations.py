"""Importance and parallel coordinates: what is drawn equals what was computed."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection

from das_hpo.analysis.figures import configurations
from das_hpo.analysis.statistics.importance import Importance
from tests.das_hpo import frames

SCORE = "architecture_score"


def test_the_largest_importance_is_on_top() -> None:
    """Bars in the order of their lengths, with the spread beside them."""
    result = Importance(("a_b", "c", "d"), (0.1, 0.5, 0.2), (0.01, 0.02, 0.03), 0.7, 40, 50.0)
    (axis,) = configurations.importance(result, SCORE).axes
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], [0.1, 0.2, 0.5])  # type: ignore[attr-defined]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a b", "d", "c"]
    assert "40 evaluations at 50 epochs; the model explains 70%" in axis.get_title(loc="left")


def test_a_line_ends_at_its_score() -> None:
    """On [0, 1] from the worst to the best score, the best drawn last; a diverged trial has a line without a score."""
    frame = frames.campaign("c", [20.0, None, 24.0, 21.0])
    axis = configurations.parallel_coordinates(frame, SCORE, ["alpha_learning_rate", "alpha_optimizer"]).axes[0]
    diverged, scored = (drawn for drawn in axis.collections if isinstance(drawn, LineCollection))
    np.testing.assert_allclose([segment[-1, 1] for segment in scored.get_segments()], [0, 0.25, 1])
    assert [len(segment) for segment in diverged.get_segments()] == [2]
    assert axis.get_xlabel() == "dotted grey: 1 without a score"
    low_is_good = frames.campaign("c", [20.0, 24.0])
    from spaces.task import Metric

    error = Metric("error", larger_is_better=False)
    axis = configurations.parallel_coordinates(low_is_good, SCORE, ["alpha_optimizer"], error).axes[0]
    scored = [drawn for drawn in axis.collections if isinstance(drawn, LineCollection)][-1]
    np.testing.assert_allclose([segment[-1, 1] for segment in scored.get_segments()], [1, 0])


def test_rates_stand_on_their_powers_of_ten() -> None:
    """The middle of a logarithmic range is its geometric mean."""
    from spaces.hyperparameters import RANGES

    low, high = RANGES["alpha_learning_rate"]
    frame = frames.campaign("c", [20.0, 21.0, 22.0])
    frame["alpha_learning_rate"] = [low, float(np.sqrt(low * high)), high]
    axis = configurations.parallel_coordinates(frame, SCORE, ["alpha_learning_rate"]).axes[0]
    scored = [drawn for drawn in axis.collections if isinstance(drawn, LineCollection)][-1]
    np.testing.assert_allclose([segment[0, 1] for segment in scored.get_segments()], [0, 0.5, 1], atol=1e-9)
