"""Outcomes that could not be written: kept beside the database as files, and taken in when it can be written again.

A worker gives up its outcome once it is acknowledged. When the disk is full or the database stays locked, the
outcome is put here (write, fsync, rename) and may be acknowledged; the run's next start takes it in. Taking in twice
does no harm, as the attempt's token decides whether the evaluation has its outcome already.

A disk that is full has no room for a file either: :meth:`Spool.reserve`, called while there is room, sets
some aside, which the first outcome then frees.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Callable
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

#: Then nothing is wrong with an outcome that cannot be recorded.
_ABOUT_THE_DATABASE = (DatabaseMissingError, DatabaseUnusableError, SchemaError)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of spooled outcomes.

    Attributes:
        recorded: Now in the database.
        known: Dropped, as their evaluations had an outcome already.
        refused: Left where they are, renamed to ``.refused``: unreadable, of no attempt of this database, or nothing
            that it can hold. The log says which, and why.
    """

    recorded: int = 0
    known: int = 0
    refused: int = 0


class Spool:
    """The spool directory of one database; made when the first thing is put into it.

    Args:
        directory: ``database.location.spool``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._shared: int | None = None

    def reserve(self, size: int = _RESERVED_BYTES) -> None:
        """Sets room aside for when the disk is full; does nothing if it is set aside, or if there is none.

        All runs of a database share it; the last to call :meth:`release` gives it back.
        """
        path = self.directory / _RESERVE
        with suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True)
            if self._shared is None:
                # A lock on the directory: one on the file would keep its room when it is removed.
                self._shared = os.open(self.directory, os.O_RDONLY)
                fcntl.flock(self._shared, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if not path.exists():
                _write(path, bytes(size))

    def put(self, spooled: NewOutcome) -> Path:
        """Keeps an outcome durably and returns its file; the same token again replaces it.

        Raises:
            InvalidValueError: If the token is no plain word, and so no name of a file.
            DatabaseBusyError: If it cannot be kept here either; do not acknowledge it then.
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
        """What is there and can be read, the oldest first."""
        found = []
        for path in self._files():
            with suppress(OSError, ValueError, TypeError, LookupError, DasHpoError):
                found.append(_read(path))
        return found

    def take_in(self, database: Database, run_id: int, hold: Callable[[Session], None]) -> Taken:
        """Writes every outcome of a run to the database, each in its own transaction, and removes its file.

        Those that another run waits for stay: if it is going on, its master would not know of them.

        Args:
            database: Where the run is.
            run_id: The run.
            hold: Called at the begin of each transaction; raises if the run is another master's.

        Raises:
            StorageError: If the database still cannot be written; what is left stays.
            ClusterError: As ``hold`` does.
        """
        counts = {"recorded": 0, "known": 0, "refused": 0, "of another run": 0}
        for path in self._files():
            counts[_take_in(database, path, run_id, hold)] += 1
        del counts["of another run"]
        self._clear()
        return Taken(**counts)

    def _files(self) -> list[Path]:
        with suppress(OSError):
            return sorted(self.directory.glob("*" + _ENDING), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return []

    def _clear(self) -> None:
        """Removes drafts of processes that died, and the directory if nothing is in it."""
        for draft in self.directory.glob("*.draft"):
            with suppress(OSError):
                if not _is_alive(draft.name.split(".")[-2]):
                    draft.unlink()
        with suppress(OSError):
            self.directory.rmdir()

    def release(self) -> None:
        """Gives the reserved room back, unless another run shares it, and the directory with it if it is empty.

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
    """Whether a process of this machine has that number."""
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
    """Sets a file aside: whatever is wrong with it, no run may wait for it."""
    aside = path.with_name(path.name + ".refused")
    try:
        path.replace(aside)
    except OSError:
        aside = path  # it is tried again by the next run
    log.error("an outcome that was kept cannot be recorded, and is left in %s: %s", aside, cleaned(str(error)))
    return "refused"


def _read(path: Path) -> NewOutcome:
    """What a file holds.

    Raises:
        OSError: If it cannot be read.
        Exception: If it is none of ours, or was cut or changed.
    """
    values: dict[str, Any] = json.loads(path.read_bytes())
    spooled = NewOutcome(**{**values, "outcome": TrialOutcome.from_mapping(values["outcome"])})
    _check_token(spooled.token)
    return spooled


def _check_token(token: object) -> None:
    if not (isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", token)):
        raise InvalidValueError(f"a token is up to 128 letters, digits, - and _, {token!r} came")


def _write(path: Path, content: bytes) -> None:
    """Writes and renames, both durably: the file is there whole or not at all."""
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
