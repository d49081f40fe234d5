"""Distributions and the best of k: what is drawn equals what was computed."""

from __future__ import annotations

import numpy as np

from das_hpo.analysis.figures import (
    distributions,
)
from das_hpo.analysis.statistics import best_of_k

RNG = np.random.default_rng(8)


Y = RNG.normal(15, 2, 30)


def test_the_curve_of_the_best_of_k() -> None:
    """Its points are the statistic's."""
    (axis,) = distributions.best_of_k_curves({"a": Y}).axes
    points = distributions.curve_points(len(Y))
    np.testing.assert_allclose(axis.lines[0].get_ydata(), best_of_k(Y, points).expected)
    assert points[:20] == list(range(1, 21))
    assert points[-1] == 30


def test_every_trial_is_a_point_and_enough_have_a_box() -> None:
    """Seven values have the box of numpy's quartiles; three have none; a diverged one is counted."""
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0]
    (axis,) = distributions.distributions({"seven": values, "three": [1.0, 2.0, None]}).axes
    points = [np.sort(np.asarray(drawn.get_offsets())[:, 0]) for drawn in axis.collections]
    np.testing.assert_allclose(points[0], sorted(values))
    np.testing.assert_allclose(points[1], [1, 2])
    box = np.asarray(axis.lines[0].get_xdata())
    np.testing.assert_allclose([box.min(), box.max()], np.quantile(values, [0.25, 0.75]))
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == ["seven\nn = 7", "three\nn = 2, 1 diverged"]


def test_the_best_is_the_smallest_where_smaller_is_better() -> None:
    """The expected best of one is the mean, of all the minimum."""
    (axis,) = distributions.best_of_k_curves({"a": [3.0, 1.0, 2.0]}, larger_is_better=False).axes
    np.testing.assert_allclose(np.asarray(axis.lines[0].get_ydata())[[0, -1]], [2, 1])
