"""Inserting and changing single rows: the helpers that all writing functions share."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Select, Table, Update

from spaces import clock
from storage import statements
from storage.engine import Session


def insert(session: Session, table: Table, **values: Any) -> int:
    """Inserts a row and returns its id."""
    key: int = session.execute(statements.INSERT_RETURNING_ID[table], values).scalar_one()
    return key


def execute(session: Session, statement: Update, **values: Any) -> None:
    """Executes a statement with values for its parameters."""
    session.execute(statement, values)


def scalar(session: Session, statement: Select[Any] | Update | Insert, **values: Any) -> Any:
    """The first value that a statement gives; None if it gives no row."""
    return session.execute(statement, values).scalar()


def finite(value: float | None) -> float | None:
    """The value, or None for infinities and NaN: JSON cannot hold them, and SQL's aggregates do not skip them."""
    return value if value is not None and math.isfinite(value) else None


def now() -> datetime:
    """The time of this process, in UTC."""
    return clock.utc()
