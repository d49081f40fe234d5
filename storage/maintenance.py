"""Maintaining a database: what ``das-hpo db check|upgrade|backup|vacuum`` do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect, text

from spaces.errors import DatabaseMissingError, DatabaseUnusableError, InvalidValueError
from storage import schema
from storage.engine import Database, connect, open_database, stale_log, writing
from storage.failures import translated
from storage.location import Location, is_empty, locate, require_place
from storage.models import REVISIONS, Base
from storage.names import further_names, require_sole_name

#: What must hold for every database: a sentence, and the query that finds the rows for which it does not hold (the id
#: of the run, and the id of the row).
INVARIANTS: dict[str, str] = {
    "an evaluation that gave an outcome has exactly one completed attempt": """
        SELECT evaluations.run_id, evaluations.id FROM evaluations
        LEFT JOIN attempts ON attempts.evaluation_id = evaluations.id AND attempts.status = 'completed'
        WHERE evaluations.status IN ('completed', 'diverged')
        GROUP BY evaluations.run_id, evaluations.id HAVING count(attempts.id) <> 1""",
    "an evaluation without an outcome has no completed attempt": """
        SELECT evaluations.run_id, evaluations.id FROM evaluations
        JOIN attempts ON attempts.evaluation_id = evaluations.id AND attempts.status = 'completed'
        WHERE evaluations.status NOT IN ('completed', 'diverged')""",
    "an evaluation is running exactly when an attempt of it is": """
        SELECT evaluations.run_id, evaluations.id FROM evaluations
        LEFT JOIN attempts ON attempts.evaluation_id = evaluations.id AND attempts.status = 'running'
        WHERE (evaluations.status = 'running') <> (attempts.id IS NOT NULL)""",
    "an evaluation counts its attempts": """
        SELECT evaluations.run_id, evaluations.id FROM evaluations
        LEFT JOIN attempts ON attempts.evaluation_id = evaluations.id
        GROUP BY evaluations.run_id, evaluations.id, evaluations.attempts
        HAVING evaluations.attempts <> count(attempts.id)
            OR evaluations.attempts <> coalesce(max(attempts.number), 0)""",
    "a finished evaluation names the worker of the attempt that finished it": """
        SELECT evaluations.run_id, evaluations.id FROM evaluations
        JOIN attempts ON attempts.evaluation_id = evaluations.id AND attempts.status = 'completed'
        WHERE evaluations.worker_id IS NULL OR evaluations.worker_id <> attempts.worker_id""",
    "the finished evaluations of a run are numbered from 1 without a gap": """
        SELECT runs.id, runs.id FROM runs
        LEFT JOIN evaluations ON evaluations.run_id = runs.id AND evaluations.sequence IS NOT NULL
        GROUP BY runs.id, runs.sequence
        HAVING runs.sequence <> count(evaluations.id) OR runs.sequence <> coalesce(max(evaluations.sequence), 0)""",
}


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The schema's revisions before and after an upgrade; equal if there was nothing to do."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """The bytes of the database before and after."""

    before: int
    after: int


def check(url: str) -> list[str]:
    """What is wrong with the database, one sentence each; empty if nothing is.

    Checks the file (its names, SQLite's integrity and foreign keys) and what must hold between rows.

    Raises:
        StorageError: As :func:`storage.engine.open_database`; a file that is not a database cannot be checked.
    """
    found: list[str] = []
    with open_database(url) as database, database.read() as connection:
        if database.location.path is not None:
            problem = further_names(database.location.path)
            found += [problem] if problem is not None else []
            lines = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
            found += [f"damaged file: {line}" for line in lines if line != "ok"]
            for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()[:20]:
                found.append(f"broken reference: row {row} of {table} to {parent}")
        seen = inspect(connection)
        missing = {*Base.metadata.tables, "results"} - {*seen.get_table_names(), *seen.get_view_names()}
        found += [f"missing: {name}" for name in sorted(missing)]
        if found:
            return found
        for sentence, query in INVARIANTS.items():
            broken = connection.execute(text(query)).all()
            if broken:
                some = ", ".join(str(row[1]) for row in broken[:5])
                found.append(
                    f"broken rule: {sentence} ({len(broken)} times, ids {some}{', ...' if len(broken) > 5 else ''})"
                )
    return found


def upgrade(url: str) -> Upgraded:
    """Brings the schema to this das-hpo's revision, in one transaction. Nothing but the user's command calls this.

    Raises:
        DatabaseMissingError: If there is no database.
        DatabaseUnusableError: If its file has a second name.
        SchemaError: If its schema is newer than this das-hpo.
    """
    location = _existing(url)
    require_sole_name(location)
    engine = connect(location)
    try:
        with translated(location.name), writing(engine) as connection:
            found = schema.revision(connection, location.name)
            if found is None:
                raise DatabaseMissingError(f"{location.name} holds no das-hpo tables: a run makes them")
            if found not in REVISIONS:
                schema.require_current(found, location.name)
            if found != REVISIONS[-1]:
                schema.migrate(connection)
        return Upgraded(found, REVISIONS[-1])
    finally:
        engine.dispose()


def backup(url: str, destination: str | Path) -> Path:
    """Copies a SQLite database into a new file, whole or not at all, also while it is in use.

    Args:
        url: The database.
        destination: The file to make; a file that is there is replaced once the copy is complete.

    Returns:
        The path of the copy.

    Raises:
        InvalidValueError: For PostgreSQL (which has ``pg_dump``), or if the destination is the database or its log.
        DatabaseUnusableError: If the destination cannot be written, or SQLite would apply a log beside it to it.
    """
    location = _existing(url)
    if location.path is None:
        raise InvalidValueError("only SQLite databases are backed up here: use pg_dump for PostgreSQL")
    target = Path(os.path.realpath(destination))  # a link stays a link
    require_place(target)
    if target.exists() and target.samefile(location.path):
        raise InvalidValueError(f"{target} is the database itself: name another file for the backup")
    if target.parent.samefile(location.path.parent) and target.name in _beside(location.path):
        raise InvalidValueError(f"{target} belongs to the database itself: name another file for the backup")
    log = stale_log(target)
    if log is not None:
        raise DatabaseUnusableError(
            f"{target} has a log beside it, {log.name}, that would be written into the backup: it is in use, or its "
            "das-hpo was killed; name another file, or remove both first"
        )
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        with open_database(url) as database, translated(location.name):
            _copy(database, draft)
        draft.replace(target)
    except OSError as error:
        raise DatabaseUnusableError(f"the backup {target} cannot be written ({error.strerror})") from None
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                draft.with_name(draft.name + ending).unlink()
    return target


def vacuum(url: str) -> Vacuumed:
    """Gives unused space back, and updates the statistics by which the database plans queries. Returns both sizes.

    Raises:
        DatabaseUnusableError: If its file has a second name.
        DatabaseBusyError: If another process has it open for writing, or the disk has no room for the copy.
    """
    location = _existing(url)
    require_sole_name(location)
    with open_database(url) as database:
        before = _size(database)
    engine = connect(location)
    try:
        with translated(location.name):
            if location.path is not None:
                raw = engine.raw_connection()
                for statement in ("VACUUM", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    raw.cursor().execute(statement)
                raw.close()
            else:
                with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(text("VACUUM ANALYZE"))
    finally:
        engine.dispose()
    with open_database(url) as database:
        return Vacuumed(before, _size(database))


def _existing(url: str) -> Location:
    location = locate(url)
    if location.path is not None:
        require_place(location.path)
        if is_empty(location.path):
            raise DatabaseUnusableError(f"{location.path} is empty: name the database with --db or DAS_HPO_DB")
    return location


def _beside(path: Path) -> set[str]:
    return {path.name + ending for ending in ("-wal", "-shm", "-journal")}


def _copy(database: Database, draft: Path) -> None:
    with (
        closing(sqlite3.connect(database.read_uri, uri=True)) as source,
        closing(sqlite3.connect(draft)) as copy,
    ):
        source.backup(copy)
    with draft.open("rb") as file:
        os.fsync(file.fileno())


def _size(database: Database) -> int:
    with database.read() as session:
        if database.location.path is None:
            statement = "SELECT pg_database_size(current_database())"
        else:  # the file's size would not count what is still in the log
            statement = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        size: int = session.exec_driver_sql(statement).scalar_one()
    return size
