"""A real database, SQLite or PostgreSQL, whose transactions meet what a seed has in store for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from spaces.errors import DatabaseBusyError
from storage.engine import Database, Session, connect
from storage.location import locate
from tests.simulation.world import Process, World

#: How long a real transaction waits for another one's lock: real time, so as little as can be.
LOCK_TIMEOUT_S = 0.005


@dataclass
class Ambush:
    """What happens to a process's transactions next.

    Attributes:
        fail: How many commits fail, as a full disk has it.
        forget: How many commits succeed, and say that they failed.
        block_s: How long the next commit takes.
        full: Whether nothing can be written at all.
        statement: At which statement from now ``act`` is called; 0 is never.
        act: Freezes or kills the process, within its transaction.
    """

    fail: int = 0
    forget: int = 0
    block_s: float = 0.0
    full: bool = False
    statement: int = 0
    act: Callable[[], None] | None = None


class SimulatedDatabase(Database):
    """The database as one process has it open.

    Args:
        url: Of a database that has the tables.
        process: Whose it is.
        committed: Called after every commit.
        ended_by_server: Ends the server's side of a transaction that stands still; None for SQLite.
    """

    def __init__(
        self,
        url: str,
        process: Process,
        committed: Callable[[Process], None],
        ended_by_server: Callable[[int], None] | None,
    ) -> None:
        location = locate(url)
        engine = connect(location, busy_timeout_s=LOCK_TIMEOUT_S if location.path is None else 0.0)
        super().__init__(location, engine, unwritable=None, busy_timeout_s=0.0)
        self.ambush = Ambush()
        self._process = process
        self._world: World = process.world
        self._committed = committed
        self._ended_by_server = ended_by_server
        self._transactions = 0
        self._idle_limit_s: float | None = None
        self._inside = False
        if location.path is not None:
            event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        event.listen(engine, "before_cursor_execute", self._before_statement)
        # Hundreds of compiled statements, which would outlive the simulation.
        process.when_killed += [engine.dispose, engine.clear_compiled_cache]

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A write transaction that may fail, block, or succeed and say that it failed."""
        self._world._here()
        if self.ambush.full:
            raise DatabaseBusyError("the disk is full")
        with super().begin() as session:
            self._transactions += 1
            self._inside, self._idle_limit_s = True, None
            self._backend = None
            if self.location.path is None:
                self._backend = session.connection.driver_connection.info.backend_pid
            try:
                yield session
                if self.ambush.block_s:
                    seconds, self.ambush.block_s = self.ambush.block_s, 0.0
                    self._world.say(f"{self._process.name}: a commit takes {seconds:.1f} s")
                    self._stand(seconds)
                if self.ambush.fail:
                    self.ambush.fail -= 1
                    raise DatabaseBusyError("the commit failed")
                self._world._here()
            finally:
                self._inside = False
        self._committed(self._process)
        if self.ambush.forget:
            self.ambush.forget -= 1
            self._world.say(f"{self._process.name}: a commit has succeeded and says that it failed")
            raise DatabaseBusyError("the connection was lost, perhaps after the commit")

    def _stand(self, seconds: float) -> None:
        self._world.sleep(seconds)

    def _before_statement(self, _: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: Any) -> None:
        if not self._inside:
            return
        if "idle_in_transaction_session_timeout" in statement or "set_config" in statement:
            found = re.search(r"'(\d+)'", str(parameters))
            self._idle_limit_s = int(found.group(1)) / 1000 if found else None
        if self.ambush.statement:
            self.ambush.statement -= 1
            if self.ambush.statement == 0 and self.ambush.act is not None:
                act, self.ambush.act = self.ambush.act, None
                self._end_by_server_if_idle()
                act()

    def _end_by_server_if_idle(self) -> None:
        """PostgreSQL ends a transaction that stands still for longer than it was told."""
        if self._ended_by_server is None or self._idle_limit_s is None or self._backend is None:
            return
        number, backend = self._transactions, self._backend

        def end() -> None:
            if self._inside and self._transactions == number and self._process.alive and self._ended_by_server:
                self._world.say(f"the server ends the transaction of {self._process.name}, which stands still")
                self._ended_by_server(backend)

        self._world.after(self._idle_limit_s, end)
