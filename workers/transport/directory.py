"""The client of the nameserver: which dispatchers exist, and at which addresses."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Self

from spaces.errors import UnreachableError, WireError
from workers.transport import address_file
from workers.transport.keys import KeyFile
from workers.transport.wire import (
    DISPATCHER_PREFIX,
    NAMESERVER_ID,
    Remote,
    finite,
    mapping,
    object_uri,
    text,
    uri,
)

#: How many seconds one answer of the nameserver may take. While a process waits for the nameserver to come it allows
#: less, so that it reacts to signals soon.
TIMEOUT_S = 5.0
WAITING_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class Directory:
    """A client of the nameserver; one thread at a time may use it. It connects with its first call.

    Args:
        address: ``HOST:PORT``, or ``file:PATH`` of a file that holds it, which is read again if nobody answers.
        keys: The key file; None for a nameserver without keys.
        timeout_s: How many seconds one answer may take.

    Raises:
        InvalidValueError: If the address has another form.
    """

    def __init__(self, address: str, keys: KeyFile | None, *, timeout_s: float = TIMEOUT_S) -> None:
        address_file.require_address(address)
        self.address = address
        self._keys = keys
        self._timeout_s = timeout_s
        self._in_a_file = address_file.path_of(address) is not None
        self._remote = None if self._in_a_file else self._connected(address)

    def dispatchers(self, worker: str = "") -> tuple[dict[str, str], float]:
        """The dispatchers' URIs by run name, and in how many seconds to ask again.

        Raises:
            ClusterError: As :meth:`workers.transport.wire.Remote.call` does.
        """
        answer = mapping(self._call("dispatchers", worker), "the nameserver's answer")
        found: dict[str, str] = {}
        for name, where in mapping(answer.get("dispatchers"), "dispatchers").items():
            try:
                found[text(name, "a run's name")] = object_uri(where)
            except WireError as error:
                log.warning("an entry of the nameserver is ignored: %s", error)
        return found, finite(answer.get("wait_s"), "wait_s", least=0, most=3600)

    def workers(self) -> int:
        """How many workers have asked for dispatchers within the last minute.

        Raises:
            WireError: If the answer is not a number.
            ClusterError: As :meth:`workers.transport.wire.Remote.call` does.
        """
        count = self._call("workers")
        if type(count) is not int:
            raise WireError("the nameserver's answer must be a whole number")
        return count

    def enter(self, run: str, where: str, before: str = "") -> str:
        """Enters or renews the dispatcher of a run, unless one of another address is entered and alive.

        Args:
            run: The run's name.
            where: The dispatcher's URI.
            before: The URI of an entry that may be replaced, because its dispatcher is known to have ended.

        Returns:
            The URI that is entered now.
        """
        return object_uri(self._call("enter", DISPATCHER_PREFIX + run, where, before))

    def remove(self, run: str) -> None:
        """Removes the entry of a run's dispatcher."""
        self._call("remove", DISPATCHER_PREFIX + run)

    def ping(self) -> None:
        """Makes sure that the nameserver answers."""
        self._call("ping")

    def close(self) -> None:
        """Closes the connection."""
        if self._remote is not None:
            self._remote.close()

    def _connected(self, where: str) -> Remote:
        return Remote(uri(NAMESERVER_ID, where), self._keys, timeout_s=self._timeout_s)

    def _call(self, method: str, *arguments: object) -> Any:
        if self._remote is None:
            self._remote = self._connected(address_file.resolve(self.address))
        try:
            return self._remote.call(method, *arguments)
        except UnreachableError:
            if self._in_a_file:  # by now it may name another machine
                self.close()
                self._remote = None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def locate(
    address: str, keys: KeyFile | None, *, wait_s: float = 0.0, stop: threading.Event | None = None
) -> Directory:
    """A client of the nameserver, after it has answered once.

    Args:
        address: ``HOST:PORT``, or ``file:PATH``.
        keys: The key file; None for a nameserver without keys.
        wait_s: For how many seconds it may be unreachable; it is asked again at growing intervals of up to 5 s.
        stop: Ends the waiting when it is set, within :data:`WAITING_TIMEOUT_S`.

    Raises:
        KeyboardInterrupt: If ``stop`` ended the waiting.
        InvalidValueError: If the address has another form.
        UnreachableError: If nobody answers.
        AuthenticationError: If the nameserver does not hold one of our keys.
    """
    stop = stop or threading.Event()
    until = time.monotonic() + wait_s
    pause_s = 0.2
    while True:
        directory = Directory(address, keys, timeout_s=WAITING_TIMEOUT_S if wait_s else TIMEOUT_S)
        try:
            directory.ping()
            return directory
        except UnreachableError as error:
            directory.close()
            if stop.is_set():
                raise KeyboardInterrupt from None
            if time.monotonic() + pause_s > until:
                raise UnreachableError(
                    f"no nameserver answers at {address}: start one with das-hpo nameserver, "
                    f"or wait for it with --wait ({error}){address_file.origin(address)}"
                ) from None
            if stop.wait(pause_s):
                raise KeyboardInterrupt from None
            pause_s = min(2 * pause_s, 5.0)
