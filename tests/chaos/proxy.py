"""Between masters and PostgreSQL: loses the answer to a commit, closes connections, and knows when to stop a master.

It listens on a Unix socket, so that the process at the other end is known, and it reads just enough of PostgreSQL's
protocol: ``COMMIT`` on its way there, and ``BEGIN`` and ``INSERT`` in what comes back.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

SOCKET = ".s.PGSQL.5432"


class Proxy:
    """Listens while it is open.

    Args:
        directory: Where its socket is to be.
        server: The directory of the server's socket.
    """

    def __init__(self, directory: Path, server: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.swallowed = 0
        """How many commits have succeeded without an answer."""
        self._server = str(server / SOCKET)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / SOCKET))
        self._listener.listen(64)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._swallow = False
        self._within: Callable[[int], None] | None = None
        self._after = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow_a_commit(self) -> None:
        """The next transaction that has written is committed, and nobody is told."""
        self._swallow = True

    def within_a_transaction(self, action: Callable[[int], None] | None, after: bytes = b"INSERT 0 ") -> None:
        """Calls the action, once, with the id of the next process that is told this within a transaction.

        Args:
            action: What is called; None takes another one back.
            after: What PostgreSQL answers: it has written, or ``BEGIN``, when it holds no lock yet.
        """
        with self._lock:
            self._within, self._after = action, after

    def close_connections(self) -> None:
        """Closes all that are open; others may be opened."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.close_connections()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        (pid,) = struct.unpack("i8x", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        server = socket.socket(socket.AF_UNIX)
        with self._lock:
            self._open |= {client, server}
        try:
            server.connect(self._server)
            self._relay(client, server, pid)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {client, server}
            client.close()
            server.close()

    def _relay(self, client: socket.socket, server: socket.socket, pid: int) -> None:
        """Passes on what comes from either side, until one closes or a commit is swallowed."""
        wrote = swallow = False
        while True:
            for readable in select.select([client, server], [], [])[0]:
                data = readable.recv(65536)
                if not data:
                    return
                if readable is client:
                    if b"COMMIT" in data:
                        swallow, self._swallow = wrote and self._swallow, self._swallow and not wrote
                        wrote = False
                    server.sendall(data)
                elif swallow:
                    self.swallowed += 1
                    return
                else:
                    wrote = wrote or b"INSERT 0 " in data
                    if self._after in data:
                        self._stop(pid)
                    client.sendall(data)

    def _stop(self, pid: int) -> None:
        with self._lock:
            action, self._within = self._within, None
        if action is not None:
            action(pid)
