"""The database's own clock, in both kinds of database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.clock import database_now
from storage.engine import Database


def test_the_databases_time_is_aware_and_in_utc(database: Database) -> None:
    """And close to this machine's, on which it is."""
    with database.read() as session:
        found = database_now(session)
    assert found.tzinfo is UTC
    assert abs(found - datetime.now(UTC)) < timedelta(seconds=60)


def test_it_goes_on_within_a_transaction(database: Database) -> None:
    """PostgreSQL's own now() stands still there."""
    with database.begin() as session:
        times = [database_now(session)]
        while times[-1] == times[0]:
            times.append(database_now(session))
    assert times[-1] > times[0]
