"""What all writing functions share."""

from __future__ import annotations

import math
from datetime import UTC
from typing import Any

import pytest

from storage import statements, writes
from storage.engine import Database
from storage.writes import rows


@pytest.mark.parametrize(
    ("value", "stored"), [(1.5, 1.5), (-0.0, 0.0), (None, None), (math.nan, None), (math.inf, None), (-math.inf, None)]
)
def test_only_finite_numbers_are_stored(value: float | None, stored: float | None) -> None:
    """JSON cannot hold the others, and SQL's aggregates would not skip them."""
    assert rows.finite(value) == stored


def test_a_row_is_inserted_changed_and_found(database: Database, samples: Any) -> None:
    """By its id; a statement that gives no row gives None."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        worker = {name: getattr(samples.worker, name) for name in statements.WORKER_FIELDS}
        first = rows.insert(session, statements.WORKERS, created_at=rows.now(), **worker)
        found = {f"of_{name}": value for name, value in worker.items()}
        assert rows.scalar(session, statements.FIND_WORKER, **found) == first
        assert rows.scalar(session, statements.FIND_WORKER, **{**found, "of_pid": 1}) is None
        evaluation = samples.queue(session, run_id)
        rows.execute(session, statements.CHANGE_EVALUATION, of_evaluation=evaluation, worker_id=first, seed=3)
        query = statements.EVALUATIONS.select()
        assert [(row.worker_id, row.seed) for row in session.execute(query)] == [(first, 3)]


def test_times_are_in_utc() -> None:
    """And aware of it."""
    assert rows.now().tzinfo is UTC
