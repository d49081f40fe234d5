"""Runs a user's own SQL, which can read everything and change nothing.

SQLite: the file is opened read-only, and an authorizer allows only reading (so no ATTACH, no PRAGMA that sets anything,
no load_extension). PostgreSQL: the transaction is read-only, and the text is declared as a cursor in the extended
protocol, which accepts one SELECT and nothing else (so no COPY ... TO PROGRAM).
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from spaces.errors import InvalidValueError
from storage.engine import Database
from storage.failures import storage_error, translated
from storage.records import SQL_ROWS, SQL_TIMEOUT_S, SqlResult

if TYPE_CHECKING:
    import psycopg

_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

#: The pragmas that describe the schema; their argument names a table or an index.
_PRAGMAS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}

_REFUSED_FUNCTIONS = {"load_extension", "fts3_tokenizer"}

#: The errors that are not the fault of the user's SQL.
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

#: Steps of SQLite's virtual machine between two looks whether the user pressed Ctrl-C, or the time is over.
_STEPS = 1_000_000


#: How many bytes of text a query may give altogether.
MOST_BYTES = 256_000_000

#: Rows are fetched in portions, so that a query that gives too many does not fill the memory.
_FETCH = "FETCH 1000 FROM das_hpo_query"


def sql(database: Database, text: str, *, rows: int = SQL_ROWS, timeout_s: float = SQL_TIMEOUT_S) -> SqlResult:
    """Runs one SELECT of the user (in SQLite also VALUES, WITH or EXPLAIN) and returns its columns and rows.

    Args:
        database: The database.
        text: The SQL.
        rows: How many rows it may give at most.
        timeout_s: How many seconds it may take at most.

    Raises:
        InvalidValueError: If it is not valid SQL, is more than one statement or would change anything, or if it gives
            more rows, more than :data:`MOST_BYTES` of text, or takes longer.
    """
    if not text.strip(" \t\r\n;"):
        raise InvalidValueError('there is no SQL: give one SELECT, for example "select * from results"')
    if "\0" in text:
        raise InvalidValueError("SQL holds no NUL character: give one SELECT")
    if database.location.path is None:
        return _postgresql(database, text, rows, timeout_s)
    return _sqlite(database, text, rows, timeout_s)


def _sqlite(database: Database, text: str, rows: int, timeout_s: float) -> SqlResult:
    with (
        translated(database.location.name),
        closing(sqlite3.connect(database.read_uri, uri=True, timeout=30, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.set_authorizer(_authorize)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)  # of one value
        with _interruptible(connection, timeout_s), _explained():
            cursor = connection.execute(text)
            if cursor.description is None:
                raise InvalidValueError("this SQL gives no rows: only SELECT can be run")
            return SqlResult(tuple(column[0] for column in cursor.description), _collected(cursor, rows))


def _collected(found: Iterable[tuple[Any, ...]], most: int) -> tuple[tuple[Any, ...], ...]:
    """The rows, unless they are too many or too large."""
    kept: list[tuple[Any, ...]] = []
    size = 0
    for row in found:
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if len(kept) == most:
            raise InvalidValueError(f"this SQL gives more than {most:,} rows: add a LIMIT, or set --max-rows higher")
        if size > MOST_BYTES:
            raise InvalidValueError(f"this SQL gives more than {MOST_BYTES:,} bytes of text: select less of it")
        kept.append(row)
    return tuple(kept)


def _too_long(timeout_s: float) -> InvalidValueError:
    return InvalidValueError(f"this SQL took longer than {timeout_s:g} s: narrow it, or set --timeout higher")


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


@contextmanager
def _interruptible(connection: sqlite3.Connection, timeout_s: float) -> Iterator[None]:
    """Lets Ctrl-C and the time limit end a query: while SQLite works, Python by itself notices neither."""
    until = time.monotonic() + timeout_s
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise (_too_long(timeout_s) if time.monotonic() > until else KeyboardInterrupt) from None
        raise


@contextmanager
def _explained() -> Iterator[None]:
    """Turns the errors of a user's SQL into one line; errors of a busy or broken database stay."""
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


def _postgresql(database: Database, text: str, rows: int, timeout_s: float) -> SqlResult:
    import psycopg

    with database.read() as session, _refused(database.location.name, timeout_s):
        raw = session.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        cursor = _declared(raw, text, timeout_s)
        columns = tuple(column.name for column in cursor.description or ())
        return SqlResult(columns, _collected(_fetched(cursor, timeout_s), rows))


def _fetched(cursor: psycopg.Cursor[Any], timeout_s: float) -> Iterator[tuple[Any, ...]]:
    until = time.monotonic() + timeout_s
    while found := cursor.fetchall():
        yield from found
        if time.monotonic() > until:  # the server's own limit holds for each FETCH alone
            raise _too_long(timeout_s)
        cursor.execute(_FETCH)


def _declared(connection: psycopg.Connection[Any], text: str, timeout_s: float) -> psycopg.Cursor[Any]:
    cursor = connection.cursor()
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(math.ceil(timeout_s * 1000))])
    statement = "DECLARE das_hpo_query NO SCROLL CURSOR FOR " + text.strip().rstrip(";")
    cursor.execute(statement.encode(), prepare=True)
    cursor.execute(_FETCH)
    return cursor


@contextmanager
def _refused(where: str, timeout_s: float) -> Iterator[None]:
    import psycopg

    try:
        yield
    except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege) as error:
        raise InvalidValueError(f"a query can only read ({_line(error)}): give one SELECT") from None
    except psycopg.errors.QueryCanceled:
        raise _too_long(timeout_s) from None
    except psycopg.OperationalError as error:
        raise storage_error(error, where) from error
    except psycopg.Error as error:
        raise InvalidValueError(f"this SQL cannot be run: {_line(error)}") from None


def _line(error: Exception) -> str:
    return str(error).split("\n")[0]
