"""Sleep that other threads, and signals, can end."""

from __future__ import annotations

import contextlib
import socket
from typing import Self


class Wakeup:
    """One thread waits; any thread, or Python's signal handling through ``fileno``, wakes it."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)

    def wake(self) -> None:
        """Ends the present wait, or the next."""
        with contextlib.suppress(OSError):  # its buffer is full of wakes, or it is closed
            self._write.send(b"\0")

    def wait(self, seconds: float) -> bytes:
        """Waits for so long, at most.

        Returns:
            What woke it: a zero for each :meth:`wake`, the numbers of signals; empty if nothing did.
        """
        self._read.settimeout(max(0.001, seconds))
        try:
            return self._read.recv(4096)
        except TimeoutError:
            return b""

    def fileno(self) -> int:
        """Where bytes that are written wake the waiting thread."""
        return self._write.fileno()

    def close(self) -> None:
        """Closes both ends."""
        self._read.close()
        self._write.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
