"""Runs: stored as given, each name once, with a status that is one of the known words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spaces.errors import (
    RunExistsError,
    RunMissingError,
    UnknownNameError,
)
from storage import queries, writes
from storage.engine import Database

Raw = Callable[[str], list[tuple[Any, ...]]]


def test_a_run_is_stored_as_given(database: Database, samples: Any, raw: Raw) -> None:
    """Every setting comes back, also the largest seed and nested settings."""
    with database.begin() as session:
        writes.create_run(session, samples.run())
    assert raw("SELECT name, kind, status, seed, sequence FROM runs") == [("first", "run", "running", 2**63 - 1, 0)]
    stored = queries.run(database, "first")
    assert stored.settings == samples.run().settings
    assert stored.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("status", "leased", "message"),
    [
        ("interrupted", False, "continue it with `das-hpo resume first`"),
        ("running", False, "continue it with `das-hpo resume first`"),
        ("running", True, "running already"),
        ("completed", False, "taken by a completed run"),
        ("failed", False, "taken by a failed run"),
    ],
)
def test_a_taken_name_is_refused(
    database: Database, samples: Any, raw: Raw, status: str, leased: bool, message: str
) -> None:
    """The error says by what the name is taken, and names resume where that is what is wanted."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        writes.set_run_status(session, run_id, status)
        if leased:
            assert writes.take_lease(session, run_id, "master-1", 60)
    with pytest.raises(RunExistsError, match=message), database.begin() as session:
        writes.create_run(session, samples.run())
    assert raw("SELECT count(*) FROM runs") == [(1,)]


def test_status_of_a_run(database: Database, samples: Any) -> None:
    """A completed run has its end, an interrupted one that is continued has none; unknown words are refused."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        writes.set_run_status(session, run_id, "interrupted", "Ctrl-C")
    assert queries.run(database, "first").message == "Ctrl-C"
    assert queries.run(database, "first").finished_at is None
    with database.begin() as session:
        writes.set_run_status(session, run_id, "completed")
    stored = queries.run(database, "first")
    assert (stored.status, stored.message) == ("completed", None)
    assert stored.finished_at is not None
    assert stored.finished_at >= stored.created_at
    words = "valid are running, completed, interrupted, failed"
    with pytest.raises(UnknownNameError, match=words), database.begin() as session:
        writes.set_run_status(session, run_id, "paused")
    with pytest.raises(RunMissingError, match="id 999"), database.begin() as session:
        writes.set_run_status(session, 999, "failed")
