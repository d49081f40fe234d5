"""The database's own clock, by which leases end: processes on several machines share it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text

from storage.engine import Session


def database_now(session: Session) -> datetime:
    """The time by the clock of the machine that the database is on, in UTC."""
    if session.dialect.name == "sqlite":
        return datetime.fromisoformat(
            session.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')")).scalar_one()
        )
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)
