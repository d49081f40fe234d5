"""Sleep that other threads, and signals, can end."""

from __future__ import annotations

import contextlib
import socket
from typing import Self


class Wakeup:
    """One thread waits; any thread, or Python's signal handling through ``fileno``, wakes it.

    It can be waited on while it is open: ``with Wakeup() as wakeup:``. Before and after, waking it does nothing. A pair
    of sockets is used, as no lock may be taken in a signal handler.
    """

    def __init__(self) -> None:
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def wake(self) -> None:
        """Ends the present wait, or the next."""
        if self._ends is not None:
            with contextlib.suppress(OSError):  # its buffer is full of wakes, or it was closed meanwhile
                self._ends[1].send(b"\0")

    def wait(self, seconds: float) -> bytes:
        """Waits for at most so many seconds.

        Returns:
            What ended the wait: a zero byte for each :meth:`wake`, the numbers of signals; empty if nothing did.
        """
        assert self._ends is not None, "a wakeup is waited on while it is open"
        self._ends[0].settimeout(max(0.001, seconds))
        try:
            return self._ends[0].recv(4096)
        except TimeoutError:
            return b""

    def fileno(self) -> int:
        """The file descriptor to which bytes are written that wake the waiting thread."""
        assert self._ends is not None, "a wakeup has a descriptor while it is open"
        return self._ends[1].fileno()

    def close(self) -> None:
        """Closes it; may be called twice."""
        ends, self._ends = self._ends, None
        for end in ends or ():
            end.close()

    def __enter__(self) -> Self:
        self._ends = socket.socketpair()
        self._ends[1].setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
