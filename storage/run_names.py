"""Finding runs by their names."""

from __future__ import annotations

from sqlalchemy import select

from spaces.errors import RunMissingError
from spaces.texts import suggestion
from storage.engine import Session
from storage.statements import RUNS


def require_run(session: Session, name: str) -> int:
    """The database's id of the run of that name.

    Raises:
        RunMissingError: If no run has that name; names the most similar one, and lists some.
    """
    found: int | None = session.scalar(select(RUNS.c.id).where(RUNS.c.name == name))
    if found is None:
        names = session.scalars(select(RUNS.c.name).order_by(RUNS.c.id.desc())).all()
        known = f"the latest are {', '.join(names[:8])}" if names else "it has none yet"
        raise RunMissingError(f"no run is named {name!r} in this database{suggestion(name, names)}: {known}")
    return found
