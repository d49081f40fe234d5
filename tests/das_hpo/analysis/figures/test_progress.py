"""Progress of a run: what is drawn, against hand-counted rows."""

from __future__ import annotations

import numpy as np

from das_hpo.analysis.figures import (
    progress,
)
from tests.das_hpo import frames

PSNR = "architecture_psnr"


def test_the_best_so_far_by_hand() -> None:
    """Sorted by sequence; diverged trials keep the best; thick counts the largest budget alone."""
    frame = frames.campaign("c", [20.0, None, 19.0, 22.0])
    frame["sequence"] = [2, 1, 3, 4]
    frame.loc[3, "budget"] = 5.0
    axis = progress.best_so_far({"c": frame}, {"c": PSNR}).axes[0]
    thin, thick = axis.lines
    np.testing.assert_array_equal(thin.get_ydata(), [np.nan, 20, 20, 22])
    np.testing.assert_array_equal(thick.get_ydata(), [np.nan, 20, 20, 20])


def test_elapsed_time_counts_from_the_first_start() -> None:
    """Four trials of ten seconds, one after the other."""
    frame = frames.campaign("c", [20.0, 21.0, None, 22.0])
    np.testing.assert_allclose(progress.elapsed_s(frame), [10, 20, 30, 40])


def test_running_best_follows_the_direction() -> None:
    """NaN until there is a score, and it never gets worse."""
    scores = np.array([np.nan, 2.0, 1.0, np.nan, 3.0])
    np.testing.assert_array_equal(progress.running_best(scores), [np.nan, 2, 2, 2, 3])
    np.testing.assert_array_equal(progress.running_best(scores, larger_is_better=False), [np.nan, 2, 1, 1, 1])


def test_rungs_hold_every_score_and_join_what_was_promoted() -> None:
    """Three configurations at 5 epochs, one of them at 15, too: three points, one point, one line."""
    frame = frames.campaign("c", [20.0, 21.0, 22.0, 23.0])
    frame["number"], frame["replicate"], frame["budget"] = [0, 1, 2, 2], 0, [5.0, 5.0, 5.0, 15.0]
    (axis,) = progress.rungs(frame, PSNR).axes
    assert [len(points.get_offsets()) for points in axis.collections] == [3, 1]  # type: ignore[arg-type]
    (line,) = axis.lines
    np.testing.assert_array_equal(line.get_ydata(), [22, 23])


def test_pairs_of_budgets_show_the_configurations_of_both() -> None:
    """Two configurations at both budgets: one panel with two points and Spearman's correlation in its title."""
    frame = frames.campaign("c", [20.0, 21.0, 22.0, 23.0, 25.0, 24.0])
    frame["number"], frame["replicate"] = [0, 1, 2, 0, 1, 2], 0
    frame["budget"] = [5.0] * 3 + [15.0] * 3
    (axis,) = progress.budget_pairs(frame, PSNR).axes
    np.testing.assert_array_equal(axis.collections[0].get_offsets(), [[20, 23], [21, 25], [22, 24]])
    assert axis.get_title().startswith("ρ = +0.50")
    assert axis.get_title().endswith("n = 3")
