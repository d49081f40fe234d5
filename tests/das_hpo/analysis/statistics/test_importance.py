"""Hyperparameter importance: what matters is found, and scales fit what was tried."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.analysis.statistics import importance
from das_hpo.analysis.statistics.importance import hyperparameter_importance
from tests.das_hpo import frames

PSNR = "architecture_psnr"


def test_importance_finds_what_matters() -> None:
    """Of the synthetic run, the parameter learning rate; too few evaluations are said to be too few."""
    result = hyperparameter_importance(frames.optimisation(iterations=12), PSNR)
    assert result.names[int(np.argmax(result.mean))] == "parameter_learning_rate"
    assert result.budget == 15.0  # 12 at 50 epochs are too few
    few = hyperparameter_importance(frames.optimisation(iterations=1), PSNR)
    assert not few.defined
    assert not hyperparameter_importance(frames.optimisation().iloc[:0], PSNR).defined


def test_the_largest_budget_with_enough_evaluations_is_used() -> None:
    """25 evaluations at 5 epochs, 3 at 50: those at 5; where none has enough, the one with most."""
    frame = frames.campaign("c", [float(i) for i in range(28)])
    frame.loc[25:, "budget"] = 50.0
    frame.loc[:24, "budget"] = 5.0
    assert set(importance.largest_budget(frame, PSNR)["budget"]) == {5.0}
    few = frame.iloc[20:]
    assert set(importance.largest_budget(few, PSNR)["budget"]) == {5.0}
    assert importance.largest_budget(frame.iloc[:0], PSNR).empty


def test_the_permutation_importance_is_that_of_a_known_function() -> None:
    """Of y = 3 a + b with uniform a and b, shuffling a costs nine times what shuffling b does."""
    generator = np.random.default_rng(0)
    frame = frames.campaign("c", [0.0] * 400)
    frame["a"], frame["b"], frame["c"] = generator.uniform(0, 1, (3, 400))
    frame[PSNR] = 3 * frame["a"] + frame["b"]
    found = hyperparameter_importance(frame, PSNR, ["a", "b", "c"])
    a, b, c = found.mean
    # Shuffling a variable of variance v costs 2 v of squared error; in shares of the variance 2 * 9 / 10 and 2 / 10.
    assert a == pytest.approx(1.8, rel=0.15)
    assert b == pytest.approx(0.2, rel=0.3)
    assert abs(c) < 0.02
    assert found.explained > 0.95


def test_scales_follow_what_was_tried() -> None:
    """Known ranges are logarithmic; unknown numbers by their span; words by their place, and a missing one is -1."""
    frame = frames.campaign("c", [1.0, 2.0, 3.0])
    frame["rate"], frame["width"], frame["kind"] = [1e-4, 1e-2, 1.0], [2, 4, 6], ["b", "a", None]
    rate, width, kind = (importance.axis_of(frame, name) for name in ("rate", "width", "kind"))
    assert (rate.log, rate.low, rate.high) == (True, -4.0, 0.0)
    assert (width.log, width.low, width.high) == (False, 2.0, 6.0)
    assert kind.categories == ("a", "b")
    np.testing.assert_allclose(
        importance.encode(frame, ["rate", "width", "kind"]), [[-4, 2, 1], [-2, 4, 0], [0, 6, -1]]
    )
    assert importance.axis_of(frame, "alpha_learning_rate").log
