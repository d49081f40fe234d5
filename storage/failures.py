"""Turns the errors of the database drivers into errors of das-hpo: one line that says what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from spaces.errors import DatabaseBusyError, DatabaseMissingError, DatabaseUnusableError, StorageError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

#: The classes of SQLSTATE whose errors may pass: connection, resources (disk full), shutdown, locks, deadlocks.
_PASSING = ("08", "53", "57", "55", "40", "58")

#: The states of class 25 that may pass: the server ended a transaction that stood still, or refuses statements after
#: the first error of a transaction.
_PASSING_STATES = ("25P02", "25P03", "25P04")

#: The states that an administrator can change: a read-only server (for example a standby), missing rights on tables.
_RIGHTS = ("25006", "42501")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns the errors of SQLAlchemy and sqlite3 in the block into storage errors that name the database."""
    try:
        yield
    except DBAPIError as error:
        raise storage_error(error.orig or error, where) from error
    except StatementError as error:
        raise refused(error.orig or error, where) from error
    except PoolTimeoutError as error:
        raise DatabaseBusyError(f"the database {where} has no free connection: {error}") from error
    except sqlite3.Error as error:
        raise storage_error(error, where) from error


def refuse_what_cannot_be_stored(engine: Engine, where: str) -> Engine:
    """Lets an engine turn errors about a value (half a character, an integer too large) into storage errors.

    Drivers raise a ValueError or an ArithmeticError then, which could not be told from an error of the code in the
    transaction's block.
    """

    def refuse(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, ValueError | ArithmeticError):
            raise refused(context.original_exception, where)

    event.listen(engine, "handle_error", refuse)
    return engine


def refused(error: BaseException, where: str) -> StorageError:
    """The storage error for a value that the database or its driver does not take."""
    said = " ".join(str(error).split()).encode("utf-8", "backslashreplace").decode()
    return StorageError(f"the database {where} refused what was to be written: {said}")


def storage_error(error: BaseException, where: str) -> StorageError:
    """The storage error that a driver's error stands for."""
    said = " ".join(str(error).split())
    if isinstance(error, sqlite3.Error):
        return _sqlite(error, said, where)
    return _postgresql(error, said, where)


def _sqlite(error: sqlite3.Error, said: str, where: str) -> StorageError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return DatabaseBusyError(f"the database {where} stayed locked by another process: end that one or try again")
    if code in _DISK:
        return DatabaseBusyError(f"the database {where} cannot be written ({said}): make room on its disk")
    if code in _READ_ONLY:
        return DatabaseUnusableError(
            f"the database {where} cannot be opened for this ({said}): check the rights on the file and its directory",
            may_pass=True,
        )
    if code in _CORRUPT:
        return DatabaseUnusableError(f"{where} is no sound SQLite database ({said}): restore a backup of it")
    return StorageError(f"the database {where} refused: {said}")


def _postgresql(error: BaseException, said: str, where: str) -> StorageError:
    import psycopg  # which is here already, if it is its error

    state = getattr(error, "sqlstate", None)
    if state is None and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return refused(error, where)  # the driver does not even send it
    if state == "3D000" or (state is None and "does not exist" in said and "database" in said):
        return DatabaseMissingError(f"there is no database at {where} ({said}): make one with createdb")
    if state is None and ("authentication" in said or "role" in said):
        return DatabaseUnusableError(
            f"the database {where} refused the user ({said}): check user and password in its URL", may_pass=True
        )
    if state is None or state[:2] in _PASSING or state in _PASSING_STATES:
        return DatabaseBusyError(f"the database {where} cannot be used at present: {said}")
    if state in _RIGHTS or state[:2] in ("28", "42"):
        rights = state in _RIGHTS or state[:2] == "28"
        return DatabaseUnusableError(f"the database {where} refused: {said}", may_pass=rights)
    return StorageError(f"the database {where} refused: {said}")
