"""The lease of a run: one process has it, until it gives it back or lets it run out."""

from __future__ import annotations

from typing import Any

import pytest

from spaces.errors import (
    RunMissingError,
)
from storage import queries, writes
from storage.engine import Database


def test_a_run_has_one_process_at_a_time(database: Database, samples: Any) -> None:
    """Only the owner renews, the other waits until the lease has run out or was given back."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        assert writes.take_lease(session, run_id, "a", 60)
    with database.begin() as session:
        assert not writes.take_lease(session, run_id, "b", 60)
        assert not writes.renew_lease(session, run_id, "b", 60)
        assert writes.renew_lease(session, run_id, "a", 60)
        assert writes.take_lease(session, run_id, "a", 60)
        writes.release_lease(session, run_id, "b")
    held = queries.lease(database, "first")
    assert held is not None
    assert (held.owner, held.expired) == ("a", False)
    assert queries.run(database, "first").state == "running"
    with database.begin() as session:
        writes.release_lease(session, run_id, "a")
    assert queries.lease(database, "first") is None
    assert queries.run(database, "first").state == "interrupted"
    with database.begin() as session:
        assert writes.take_lease(session, run_id, "b", -1)
    held = queries.lease(database, "first")
    assert held is not None
    assert held.expired
    with database.begin() as session:
        assert writes.renew_lease(session, run_id, "b", -1), "late, but nobody took it"
        assert writes.take_lease(session, run_id, "c", 60)
        assert not writes.renew_lease(session, run_id, "b", 60)
    with pytest.raises(RunMissingError, match="id 999"), database.begin() as session:
        writes.take_lease(session, 999, "a", 60)
