"""The database of the chaos test: a SQLite file, or a PostgreSQL server behind a proxy."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.proxy import Proxy
from tests.postgresql import running_server

#: How long the moment is waited for in which a master is within a transaction.
MOMENT_S = 3.0

#: The byte of FILE-shm that a process locks while it writes (SQLite's WAL_WRITE_LOCK).
_WRITE_LOCK = 120


class ChaosDatabase(ABC):
    """Where the runs are, and what may befall it.

    Attributes:
        url: What masters are given.
        kind: ``sqlite`` or ``postgresql``.
        epoch: SQL for the Unix time of ``finished_at``.
        swallowed: Commits that have succeeded without an answer.
    """

    url: str
    kind: str
    epoch: str

    @property
    def swallowed(self) -> int:
        """None, unless there is a way between masters and database."""
        return 0

    @abstractmethod
    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What the driver alone finds, past das-hpo and the proxy; empty while there are no tables yet."""

    @abstractmethod
    def freeze_within_a_transaction(self, may_freeze: Callable[[int], bool], *, begun: bool = False) -> int:
        """Stops a process that is within a transaction and has written; there may be none in time.

        Args:
            may_freeze: Whether the process of that id may be stopped.
            begun: Stop it when it has just begun, and holds no lock yet, where the database knows such a moment.

        Returns:
            Its id; 0 if none was stopped.
        """


class SqliteDatabase(ChaosDatabase):
    """A file."""

    kind = "sqlite"
    epoch = "(julianday(finished_at) - 2440587.5) * 86400"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """See the base class."""
        if not self.path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    def freeze_within_a_transaction(self, may_freeze: Callable[[int], bool], *, begun: bool = False) -> int:
        """Asks the kernel again and again who holds the lock; a transaction is a matter of milliseconds."""
        with suppress(FileNotFoundError), self.path.with_name(self.path.name + "-shm").open("rb") as shared:
            until = time.monotonic() + MOMENT_S
            while time.monotonic() < until:
                pid = _writer(shared.fileno())
                if pid and may_freeze(pid) and _stop(pid):
                    if _writer(shared.fileno()) == pid:
                        return pid
                    os.kill(pid, signal.SIGCONT)  # too late: it has committed
        return 0


class PostgresDatabase(ChaosDatabase):
    """A server behind a proxy."""

    kind = "postgresql"
    epoch = "extract(epoch from finished_at)"

    def __init__(self, server: Path, proxy: Proxy) -> None:
        self.proxy = proxy
        self.url = f"postgresql://das_hpo@/postgres?host={proxy.directory}"
        self._direct = f"postgresql://das_hpo@/postgres?host={server}"

    @property
    def swallowed(self) -> int:
        """As the proxy counts them."""
        return self.proxy.swallowed

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """See the base class."""
        with psycopg.connect(self._direct) as connection, suppress(psycopg.errors.UndefinedTable):
            return connection.execute(sql.replace("?", "%s").encode(), values).fetchall()
        return []

    def freeze_within_a_transaction(self, may_freeze: Callable[[int], bool], *, begun: bool = False) -> int:
        """The proxy does it, as soon as a master has written something: its answer waits there."""
        done: list[int] = []
        after = b"BEGIN\0" if begun else b"INSERT 0 "
        self.proxy.within_a_transaction(lambda pid: done.append(pid) if may_freeze(pid) and _stop(pid) else None, after)
        until = time.monotonic() + MOMENT_S
        while not done and time.monotonic() < until:
            time.sleep(0.01)
        self.proxy.within_a_transaction(None)
        return done[0] if done else 0


@contextmanager
def chaos_database(kind: str, folder: Path) -> Iterator[ChaosDatabase]:
    """A new database of that kind, with what it needs."""
    if kind == "sqlite":
        yield SqliteDatabase(folder / "chaos.db")
        return
    with running_server() as server, Proxy(folder / "proxy", server) as proxy:
        yield PostgresDatabase(server, proxy)


def _stop(pid: int) -> bool:
    """Stops a process and waits until it stands still; whether it was there to be stopped."""
    with suppress(OSError):
        os.kill(pid, signal.SIGSTOP)
        while True:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state in "TZX":
                return state == "T"
    return False


def _writer(descriptor: int) -> int:
    """The id of the process that holds SQLite's lock for writing; 0 if nobody does."""
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _WRITE_LOCK, 1, 0)
    kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return 0 if kind == fcntl.F_UNLCK else int(pid)
