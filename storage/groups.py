"""Groups: runs of the same settings with other seeds, which their stored settings name by ``group``."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from spaces.errors import InvalidValueError, RunMissingError
from storage.engine import Database, Session
from storage.queries import require_run
from storage.statements import RUNS


def groups(database: Database) -> dict[str, list[str]]:
    """The names of the runs of each group, by their seeds; groups in the order in which they were begun."""
    with database.read() as session:
        return _groups(session)


def runs_named(database: Database, names: Iterable[str]) -> list[str]:
    """The runs and campaigns that names mean, each once: a group's name means all its runs.

    Raises:
        RunMissingError: If a name is of no run and of no group.
    """
    found: dict[str, None] = {}
    with database.read() as session:
        known = _groups(session)
        for name in names:
            if name not in known:
                _require_run(session, name, known)
            found.update(dict.fromkeys(known.get(name, [name])))
    return list(found)


def require_free(database: Database, name: str, group: str | None = None) -> None:
    """Makes sure that a name means one thing: a new run is not called like a group, nor a new group like a run.

    Raises:
        InvalidValueError: If it would.
    """
    with database.read() as session:
        if name in _groups(session):
            raise InvalidValueError(f"{name!r} is the name of a group of runs: choose another name for the run")
        if group is not None and session.scalar(select(RUNS.c.id).where(RUNS.c.name == group)) is not None:
            raise InvalidValueError(f"{group!r} is the name of a run: choose another name for the group")


def _groups(session: Session) -> dict[str, list[str]]:
    group = RUNS.c.settings["group"].as_string()
    query = select(RUNS.c.name, group.label("group"), RUNS.c.seed).where(RUNS.c.kind == "run").order_by(RUNS.c.id)
    seeds: dict[str, list[tuple[int, str]]] = {}
    for row in session.execute(query):
        if row.group is not None:
            seeds.setdefault(row.group, []).append((row.seed, row.name))
    return {name: [run for _, run in sorted(found)] for name, found in seeds.items()}


def _require_run(session: Session, name: str, known: Iterable[str]) -> None:
    try:
        require_run(session, name)
    except RunMissingError as error:
        listed = ", ".join(list(known)[-8:])
        raise RunMissingError(f"{error}" + (f"; the latest groups of runs are {listed}" if listed else "")) from None
