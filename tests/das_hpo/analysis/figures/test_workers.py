"""The figure of attempts, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from das_hpo.analysis.figures.workers import MOST_WORKERS, Use, worker_use

START = datetime(2026, 11, 24, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_bar_for_each_attempt() -> None:
    """In minutes from the first start, a row for each worker; one that runs lasts until the last end."""
    uses = [
        Use("a", 5.0, START, START + 2 * MINUTE, lost=False),
        Use("b", 50.0, START + MINUTE, None, lost=False),
        Use("a", 5.0, START + 2 * MINUTE, START + 4 * MINUTE, lost=True),
    ]
    figure = worker_use(uses)
    (axis,) = figure.axes
    bars = [(bar.get_x(), bar.get_width(), bar.get_y() + bar.get_height() / 2) for bar in axis.patches]  # type: ignore[attr-defined]
    np.testing.assert_allclose(bars, [(0, 2, 0), (1, 3, 1), (2, 2, 0)])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["5 epochs", "50 epochs", "1 lost"]


def test_more_workers_than_fit_are_said() -> None:
    """The first ones are shown."""
    uses = [
        Use(f"w{i}", 5.0, START + i * MINUTE, START + (i + 1) * MINUTE, lost=False) for i in range(MOST_WORKERS + 2)
    ]
    (axis,) = worker_use(uses).axes
    assert axis.get_title() == "the first 40 of 42 workers"
    assert len(axis.patches) == MOST_WORKERS
