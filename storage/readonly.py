"""A user's own SQL, which can read everything and change nothing.

SQLite: the file is opened read-only, and an authorizer lets nothing pass but reading (so no ATTACH, no PRAGMA
that sets anything, no load_extension). PostgreSQL: a read-only transaction, and a cursor declared for the
text by the extended protocol, which takes one SELECT and nothing else (COPY ... TO PROGRAM included).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from spaces.errors import InvalidValueError
from storage.engine import Database
from storage.failures import storage_error, translated
from storage.records import SqlResult

if TYPE_CHECKING:
    import psycopg

_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

#: Pragmas that tell of the schema; they take an argument that names a table or an index.
_PRAGMAS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}

_REFUSED_FUNCTIONS = {"load_extension", "fts3_tokenizer"}

#: Errors that say nothing about the user's SQL.
_NOT_THE_QUERY = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
}

#: Virtual machine steps between two looks at whether the user pressed Ctrl-C.
_STEPS = 1_000_000


def sql(database: Database, text: str) -> SqlResult:
    """Runs one SELECT (or VALUES, WITH, EXPLAIN in SQLite) of the user's and returns what it gave.

    Raises:
        InvalidValueError: If it is not valid SQL, is more than one statement or would change anything.
    """
    if not text.strip(" \t\r\n;"):
        raise InvalidValueError('there is no SQL: give one SELECT, for example "select * from results"')
    if "\0" in text:
        raise InvalidValueError("SQL holds no NUL character: give one SELECT")
    if database.location.path is None:
        return _postgresql(database, text)
    return _sqlite(database, text)


def _sqlite(database: Database, text: str) -> SqlResult:
    with (
        translated(database.location.name),
        closing(sqlite3.connect(database.read_uri, uri=True, timeout=30, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(_authorize)
        with _interruptible(connection), _explained():
            cursor = connection.execute(text)
            if cursor.description is None:
                raise InvalidValueError("this SQL gives no rows: only SELECT can be run")
            return SqlResult(tuple(column[0] for column in cursor.description), tuple(cursor.fetchall()))


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


@contextmanager
def _interruptible(connection: sqlite3.Connection) -> Iterator[None]:
    """Lets Ctrl-C end a query that takes too long: SQLite by itself gives Python no turn to notice it."""
    connection.set_progress_handler(lambda: 0, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _explained() -> Iterator[None]:
    """The user's mistake in one line; a busy or broken database passes through."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.Warning):
        raise InvalidValueError("this is more than one statement: give one SELECT") from None
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _NOT_THE_QUERY:
            raise
        if "not authorized" in str(error) or code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY):
            raise InvalidValueError(f"a query can only read ({error}): give one SELECT") from None
        raise InvalidValueError(f"this SQL cannot be run: {error}") from None


def _postgresql(database: Database, text: str) -> SqlResult:
    import psycopg

    with database.read() as session, _refused(database.location.name):
        raw = session.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        cursor = _declared(raw, text)
        columns = tuple(column.name for column in cursor.description or ())
        return SqlResult(columns, tuple(cursor.fetchall()))


def _declared(connection: psycopg.Connection[Any], text: str) -> psycopg.Cursor[Any]:
    cursor = connection.cursor()
    statement = "DECLARE das_hpo_query NO SCROLL CURSOR FOR " + text.strip().rstrip(";")
    cursor.execute(statement.encode(), prepare=True)
    cursor.execute("FETCH ALL FROM das_hpo_query")
    return cursor


@contextmanager
def _refused(where: str) -> Iterator[None]:
    import psycopg

    try:
        yield
    except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege) as error:
        raise InvalidValueError(f"a query can only read ({_line(error)}): give one SELECT") from None
    except psycopg.OperationalError as error:
        raise storage_error(error, where) from error
    except psycopg.Error as error:
        raise InvalidValueError(f"this SQL cannot be run: {_line(error)}") from None


def _line(error: Exception) -> str:
    return str(error).split("\n")[0]
