"""The spool: outcomes that a run could not write when it ended, kept as files beside the database.

When the disk is full or the database stays locked until the run ends, its outcomes are put here (write, fsync, rename).
The next start of the run records them in the database and removes the files. Recording an outcome twice does no harm,
as its token tells whether the evaluation has its outcome already.

A full disk has no room for a file either. So :meth:`Spool.reserve`, called while there is room, sets some aside, which
the first outcome then frees.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spaces.errors import (
    DasHpoError,
    DatabaseBusyError,
    DatabaseMissingError,
    DatabaseUnusableError,
    InvalidValueError,
    SchemaError,
    may_pass,
)
from spaces.texts import cleaned
from spaces.trial import TrialOutcome
from storage import writes
from storage.engine import Database, Session
from storage.entries import NewOutcome

_RESERVE = "reserve"
_RESERVED_BYTES = 4 * 2**20
_ENDING = ".outcome.json"
_REFUSED = ".refused"

#: With these errors the database is at fault, and not the outcome that cannot be recorded.
_ABOUT_THE_DATABASE = (DatabaseMissingError, DatabaseUnusableError, SchemaError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of spooled outcomes.

    Attributes:
        recorded: How many are in the database now.
        known: How many were dropped, because their evaluations had an outcome already.
        refused: How many files were renamed to ``.refused``: they cannot be read, belong to no attempt of this
            database, or hold what it cannot store. The log names each, and says why.
    """

    recorded: int = 0
    known: int = 0
    refused: int = 0


class Spool:
    """The spool directory of one database; it is made when the first file is put into it.

    Args:
        directory: ``database.location.spool``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._shared: int | None = None

    def reserve(self, size: int = _RESERVED_BYTES) -> None:
        """Sets room aside for when the disk is full; does nothing if that was done, or if there is no room.

        All runs of a database share the room; the last run that calls :meth:`release` gives it back.

        Args:
            size: Bytes.
        """
        path = self.directory / _RESERVE
        with suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True)
            if self._shared is None:
                # The lock is on the directory: a lock on the file would keep its room after it is removed.
                self._shared = os.open(self.directory, os.O_RDONLY)
                fcntl.flock(self._shared, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if not path.exists():
                _write(path, bytes(size))

    def put(self, spooled: NewOutcome) -> Path:
        """Keeps an outcome durably and returns its file; an outcome with the same token is replaced.

        Raises:
            InvalidValueError: If the token is not a plain word, which the file is named by.
            DatabaseBusyError: If the outcome cannot be kept here either.
        """
        _check_token(spooled.token)
        path = self.directory / (spooled.token + _ENDING)
        content = json.dumps(asdict(spooled)).encode()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            _write(path, content)
        except OSError:
            with suppress(OSError):
                (self.directory / _RESERVE).unlink()
            try:
                _write(path, content)
            except OSError as error:
                raise DatabaseBusyError(f"{path} cannot be written ({error.strerror}): make room on its disk") from None
        return path

    def pending(self) -> list[NewOutcome]:
        """The kept outcomes that can be read, the oldest first."""
        found = []
        for path in self._files():
            with suppress(OSError, ValueError, TypeError, LookupError, DasHpoError):
                found.append(_read(path))
        return found

    def take_in(self, database: Database, run_id: int, hold: Callable[[Session], None]) -> Taken:
        """Writes every kept outcome of a run to the database, each in its own transaction, and removes its file.

        Outcomes that another run waits for stay: a process that serves that run would not know of them.

        Args:
            database: Where the run is.
            run_id: The run.
            hold: Called at the start of each transaction; raises an error if another process serves the run.

        Raises:
            StorageError: If the database still cannot be written; the files that are left stay.
            ClusterError: As ``hold`` does.
        """
        counts = {"recorded": 0, "known": 0, "refused": 0, "of another run": 0}
        for path in self._files():
            counts[_take_in(database, path, run_id, hold)] += 1
        del counts["of another run"]
        self._clear()
        return Taken(**counts)

    def forget(self, tokens: Collection[str]) -> None:
        """Removes what is kept of those attempts, refused or not: their run was deleted."""
        for token in tokens:
            for ending in (_ENDING, _ENDING + _REFUSED):
                with suppress(OSError):
                    (self.directory / (token + ending)).unlink(missing_ok=True)
        self._clear()

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self.directory.glob("*" + _ENDING), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return []

    def _clear(self) -> None:
        """Removes drafts of processes that have ended, and the directory if it is empty."""
        for draft in self.directory.glob("*.draft"):
            with suppress(OSError):
                if not _is_alive(draft.name.split(".")[-2]):
                    draft.unlink()
        with suppress(OSError):
            self.directory.rmdir()

    def release(self) -> None:
        """Gives the reserved room back, unless another run shares it; removes the directory if it is empty.

        Called when a run ends.
        """
        try:
            if self._shared is not None:
                fcntl.flock(self._shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (self.directory / _RESERVE).unlink(missing_ok=True)
            self._clear()
        except OSError:
            pass  # another run needs it
        finally:
            if self._shared is not None:
                os.close(self._shared)
                self._shared = None


def _is_alive(pid: str) -> bool:
    """Whether a process of this machine has that id."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def _take_in(database: Database, path: Path, run_id: int, hold: Callable[[Session], None]) -> str:
    try:
        spooled = _read(path)
    except FileNotFoundError:
        return "known"  # another process has taken it in
    except Exception as error:  # noqa: BLE001 (logged there)
        return _refuse(path, error)
    try:
        with database.begin() as session:
            hold(session)
            if writes.run_that_waits(session, spooled.token) not in (None, run_id):
                return "of another run"
            new = writes.record_outcome(session, spooled)
    except Exception as error:
        if may_pass(error) or isinstance(error, _ABOUT_THE_DATABASE):
            raise
        return _refuse(path, error)
    path.unlink(missing_ok=True)
    return "recorded" if new else "known"


def _refuse(path: Path, error: Exception) -> str:
    """Renames a file that cannot be recorded, so that no run tries it again."""
    aside = path.with_name(path.name + _REFUSED)
    try:
        path.replace(aside)
    except OSError:
        aside = path  # so the next run tries it again
    log.error("an outcome from the spool cannot be recorded, and is left in %s: %s", aside, cleaned(str(error)))
    return "refused"


def _read(path: Path) -> NewOutcome:
    """Reads the outcome in a file.

    Raises:
        OSError: If it cannot be read.
        Exception: If it is not a file of das-hpo, or was cut or changed.
    """
    values: dict[str, Any] = json.loads(path.read_bytes())
    spooled = NewOutcome(**{**values, "outcome": TrialOutcome.from_mapping(values["outcome"])})
    _check_token(spooled.token)
    return spooled


def _check_token(token: object) -> None:
    if not (isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", token)):
        raise InvalidValueError(f"a token is up to 128 letters, digits, - and _, got {token!r}")


def _write(path: Path, content: bytes) -> None:
    """Writes a draft and renames it, both durably: the file is there whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
