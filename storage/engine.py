"""Opening a database: :func:`open_database` gives a :class:`Database`, from which sessions are taken.

Durability in SQLite: write-ahead log with ``synchronous=FULL`` (a committed transaction survives power loss),
foreign keys enforced, writers wait for each other up to 30 s. A write transaction begins IMMEDIATE, so that it
never has to give up in the middle because another one wrote. PostgreSQL does all of this by itself.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from spaces.errors import DatabaseBusyError, DatabaseMissingError, DatabaseUnusableError
from storage import schema
from storage.failures import refuse_what_cannot_be_stored, translated
from storage.location import Location, locate, require_place
from storage.names import draft_of, further_names
from storage.open_files import enter, identity, leave

__all__ = ["Database", "Session", "connect", "open_database"]

#: Seconds a writer waits for the lock of another.
BUSY_TIMEOUT_S = 30.0

#: The first version with UPDATE ... RETURNING.
_OLDEST_SQLITE = (3, 35, 0)

log = logging.getLogger(__name__)

#: A transaction is a plain connection here: SQLAlchemy's own ``Session`` tracks objects, which das-hpo does not use.
Session = Connection


class Database:
    """An open database of the current schema. Thread-safe; sessions are not, each stays in its thread.

    Attributes:
        location: Where it is.
    """

    def __init__(self, location: Location, engine: Engine, *, unwritable: str | None, busy_timeout_s: float) -> None:
        self.location = location
        self._unwritable = unwritable
        self._engine = engine
        self._read_engine = engine
        if location.path is None:
            self._read_engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._file = identity(location.path)
        self._closed = False
        self._busy_timeout_s = busy_timeout_s
        # SQLite polls while it waits, and is not fair; threads of one process wait for this lock instead.
        self._writing = threading.Lock() if location.path is not None else None

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One write transaction: committed, durably, when the block ends, rolled back when it raises.

        Raises:
            DatabaseBusyError: If it stays locked, the disk is full or the server does not answer; nothing was written.
            DatabaseUnusableError: If it can only be read, or its file was removed or replaced.
            StorageError: If a constraint, or the driver, refuses what the block wrote.
        """
        if self._unwritable is not None:
            raise DatabaseUnusableError(self._unwritable)
        self._require_file()
        if self._writing is not None and not self._writing.acquire(timeout=self._busy_timeout_s):
            raise DatabaseBusyError(f"the database {self.location.name} stayed locked by a thread of this process")
        try:
            with translated(self.location.name), writing(self._engine) as session:
                yield session
        finally:
            if self._writing is not None:
                self._writing.release()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One transaction that reads a single state of the database, whatever is written meanwhile."""
        self._require_file()
        with translated(self.location.name), self._read_engine.connect() as session:
            if self.location.path is not None:
                session.exec_driver_sql("BEGIN")
            yield session

    @property
    def read_only(self) -> bool:
        """Whether it can only be read: file or directory is not writable, or the file has a second name."""
        return self._unwritable is not None

    @property
    def read_uri(self) -> str:
        """SQLite's URI for connections that can only read; empty for PostgreSQL."""
        return "" if self.location.path is None else _read_uri(self.location.path, fixed=self.read_only)

    def _require_file(self) -> None:
        """Refuses a file that was removed or replaced: SQLite would write to it without an error, to no use."""
        if self.location.path is not None and identity(self.location.path) != self._file:
            raise DatabaseUnusableError(
                f"the database {self.location.name} was removed or replaced while it was open: "
                "put it back, start again",
                may_pass=True,
            )

    def close(self) -> None:
        """Closes all connections; SQLite's log is merged into the file if nobody else has it open."""
        self._engine.dispose()
        if not self._closed:
            self._closed = True
            leave(self._file)

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(
    url: str, *, create: bool = False, read_only: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Database:
    """Opens the database at a SQLAlchemy URL of SQLite or PostgreSQL.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://...``.
        create: Make it if there is none; then it must be writable, too. Several processes may do so at once.
        read_only: Open connections that refuse to write, though the file could be written.
        busy_timeout_s: How many seconds a writer waits for another one before :class:`DatabaseBusyError`.

    Raises:
        InvalidValueError: If das-hpo cannot use such a URL.
        DatabaseMissingError: If there is none and ``create`` is false.
        DatabaseUnusableError: If it is not a database of das-hpo, or cannot be read (or, with ``create``, written).
            Nothing is written then.
        SchemaError: If its schema is newer or older than that of this das-hpo.
    """
    location = locate(url)
    path = location.path
    if path is not None:
        require_place(path)
        if create and not path.exists():
            _make_file(location, path, busy_timeout_s)
        if enter(path) and not create:
            leave(identity(path))
            raise DatabaseUnusableError(f"{path} is empty: name the database with --db or DAS_HPO_DB")
    try:
        return _opened(location, create=create, read_only=read_only, busy_timeout_s=busy_timeout_s)
    except BaseException:
        leave(identity(path))
        raise


def _opened(location: Location, *, create: bool, read_only: bool, busy_timeout_s: float) -> Database:
    """The database at a place where there is one."""
    path = location.path
    unwritable = _why_unwritable(path, reading=not create) if path is not None else None
    if create and unwritable is not None:
        raise DatabaseUnusableError(unwritable)
    engine = connect(location, read_only=unwritable is not None, busy_timeout_s=busy_timeout_s)
    try:
        with translated(location.name):
            _require_schema(engine, location, create=create)
            if path is not None and unwritable is None and not read_only:
                _set_wal(engine)
    except BaseException:
        engine.dispose()
        raise
    if read_only and path is not None:
        # The file is opened as ever, so that the last one to close it merges its log: SQLite refuses the statements.
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
        engine.dispose()
    return Database(location, engine, unwritable=unwritable, busy_timeout_s=busy_timeout_s)


def connect(location: Location, *, read_only: bool = False, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine with the settings of this module, whatever the schema is; the caller disposes of it."""
    if location.path is not None:
        return _sqlite(location, read_only=read_only, busy_timeout_s=busy_timeout_s, pool=QueuePool)
    engine = create_engine(
        location.url,
        pool_pre_ping=True,  # a server that was restarted costs a new connection, not an error
        connect_args={
            "connect_timeout": 10,
            "application_name": "das-hpo",
            "options": f"-c lock_timeout={int(busy_timeout_s * 1000)} -c timezone=UTC",
        },
    )
    return refuse_what_cannot_be_stored(engine, location.name)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction on an engine of :func:`connect`: for the schema. All else uses :meth:`Database.begin`."""
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            # Takes the lock now, so that what the block reads first does not change.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def _require_schema(engine: Engine, location: Location, *, create: bool) -> None:
    with engine.connect() as connection:
        found = schema.revision(connection, location.name)
    if found is None and create:
        with writing(engine) as connection:
            found = schema.make_if_empty(connection, location.name)
    if found is None:
        raise DatabaseMissingError(f"{location.name} holds no das-hpo tables: a run makes them, or name another one")
    schema.require_current(found, location.name)


def _sqlite(location: Location, *, read_only: bool, busy_timeout_s: float, pool: type[Any]) -> Engine:
    path = location.path
    assert path is not None
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        raise DatabaseUnusableError(
            f"this Python has SQLite {sqlite3.sqlite_version}: {oldest} or later is needed, or a postgresql:// URL"
        )
    uri = _read_uri(path, fixed=True) if read_only else path.as_uri() + "?mode=rw"

    def open_connection() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    engine = create_engine(location.url, creator=open_connection, poolclass=pool)
    return refuse_what_cannot_be_stored(engine, location.name)


def _read_uri(path: Path, *, fixed: bool) -> str:
    # If no log can be made beside the file, and there is none, SQLite reads it as a file that nobody changes.
    immutable = fixed and not path.with_name(path.name + "-wal").exists()
    return path.as_uri() + ("?immutable=1" if immutable else "?mode=ro")


def _make_file(location: Location, path: Path, busy_timeout_s: float) -> None:
    """Makes a new database under another name and links it to its place, whole or not at all; the first one stays."""
    # The log is looked for first: if another process has just made the database, the log belongs to it.
    stale = stale_log(path)
    if stale is not None and not path.exists():
        raise DatabaseUnusableError(
            f"{stale} is the log of a database that is not there any more, and would be written into a new one: "
            "put that database back, or remove its log as well"
        )
    draft = draft_of(path, os.getpid(), threading.get_ident())
    try:
        try:
            draft.touch(mode=0o644)
        except OSError as error:
            raise DatabaseUnusableError(f"the database {path} cannot be made: {error.strerror}") from None
        engine = _sqlite(replace(location, path=draft), read_only=False, busy_timeout_s=busy_timeout_s, pool=NullPool)
        with translated(str(path)), writing(engine) as connection:
            schema.migrate(connection)
        with translated(str(path)):
            _set_wal(engine)
        engine.dispose()
        with suppress(FileExistsError):
            _link(draft, path)
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                draft.with_name(draft.name + ending).unlink()


def stale_log(path: Path) -> Path | None:
    """A log beside the path that SQLite would apply to a file that is put there; None if there is none."""
    logs = (path.with_name(path.name + ending) for ending in ("-wal", "-journal"))
    return next((log for log in logs if log.exists()), None)


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # The file system has no hard links. A rename would replace a database made in between, so look first.
        if not path.exists():
            draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _set_wal(engine: Engine) -> None:
    """Sets the write-ahead log, a property of the file, where it is not set: for example in a restored dump."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        if cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            with suppress(
                sqlite3.OperationalError
            ):  # another process uses the file in its old mode: it is set another time
                cursor.execute("PRAGMA journal_mode = WAL")
        cursor.close()
    finally:
        raw.close()


def _why_unwritable(path: Path, *, reading: bool) -> str | None:
    """Why the file cannot be written, in one line; None if it can. A reader is warned if the file has other names."""
    problem = further_names(path)
    if problem is not None and reading:
        log.warning("the database is only read, and what was written under its other name may be missing: %s", problem)
    if not _writable(path):
        return f"the database {path} can only be read: check the rights on the file and its directory"
    return problem


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
