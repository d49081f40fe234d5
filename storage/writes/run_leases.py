"""Writing the lease of a run: which process serves it, by the database's own clock."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from spaces.errors import RunMissingError
from storage import statements
from storage.clock import database_now
from storage.engine import Session
from storage.models import RunRow


def take_lease(session: Session, run_id: int, owner: str, seconds: float) -> bool:
    """Makes ``owner`` the only process that serves the run, for so many seconds by the database's clock.

    If it has the lease already, the lease is renewed.

    Returns:
        False if the lease of another owner has not run out.

    Raises:
        RunMissingError: If there is no such run.
    """
    now = database_now(session)
    lease = session.execute(
        select(RunRow.lease_owner, RunRow.lease_expires_at).where(RunRow.id == run_id).with_for_update()
    ).first()
    if lease is None:
        raise RunMissingError(f"no run has the id {run_id} in this database")
    if lease.lease_owner not in (None, owner) and lease.lease_expires_at > now:
        return False
    expires_at = now + timedelta(seconds=seconds)
    session.execute(update(RunRow).where(RunRow.id == run_id).values(lease_owner=owner, lease_expires_at=expires_at))
    return True


def hold_lease(session: Session, run_id: int, owner: str, seconds: float) -> bool:
    """Makes sure that ``owner`` has the lease, and that no other process takes it before this transaction has ended.

    The run's row stays locked until then. In PostgreSQL a transaction that stands still for ``seconds`` (its process
    is stopped) is rolled back by the server, so that another process need not wait for it.

    Returns:
        False if it is not ``owner``'s (any more): another process has taken the run over, and this one must stop.
    """
    if session.dialect.name == "postgresql":
        found = session.execute(statements.HOLD_LEASE, {"of_run": run_id, "to_timeout": str(int(seconds * 1000))})
    else:
        found = session.execute(statements.LEASE_OWNER, {"of_run": run_id})
    row = found.first()
    return row is not None and row.lease_owner == owner


def renew_lease(session: Session, run_id: int, owner: str, seconds: float) -> bool:
    """Extends the lease that ``owner`` holds.

    Returns:
        False if it is not ``owner``'s (any more): another process has taken the run over, and this one must stop.
    """
    expires_at = database_now(session) + timedelta(seconds=seconds)
    renewed = session.execute(
        update(RunRow)
        .where(RunRow.id == run_id, RunRow.lease_owner == owner)
        .values(lease_expires_at=expires_at)
        .returning(RunRow.id)
    ).first()
    return renewed is not None


def release_lease(session: Session, run_id: int, owner: str) -> None:
    """Gives the lease back, if it is ``owner``'s."""
    session.execute(
        update(RunRow)
        .where(RunRow.id == run_id, RunRow.lease_owner == owner)
        .values(lease_owner=None, lease_expires_at=None)
    )
