"""The nameserver: where dispatchers are found. Pyro4's, with keys, no broadcast, and entries that expire.

It keeps nothing on disk: dispatchers renew their entries every few seconds, so one that was killed and
started again on the same port knows everything again before anybody has noticed.
"""

from __future__ import annotations

import logging
from typing import Any, Self

import Pyro4.core
import Pyro4.naming
from Pyro4 import errors

from das_hpo.service.listener import KeyedDaemon
from das_hpo.service.registration import EXPIRY_S
from spaces import clock
from spaces.errors import WireError
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.wire import DISPATCHER_PREFIX, NAMESERVER_ID, object_uri, text

__all__ = ["Directory", "NameServer", "locate"]

#: Workers ask this often at most, all together, and each at least every so many seconds.
QUESTIONS_PER_S = 100.0
SLOWEST_S = 30.0
QUICKEST_S = 1.0

MAX_NAMES = 10_000
MAX_LENGTH = 512

log = logging.getLogger(__name__)


@Pyro4.core.expose
class Names(Pyro4.naming.NameServer):  # type: ignore[misc]
    """What is exposed: Pyro4's names, bounded, and what workers ask."""

    def __init__(self) -> None:
        super().__init__()
        self._renewed: dict[str, float] = {}
        self._workers: dict[str, float] = {}

    def register(self, name: Any, uri: Any, safe: bool = False, metadata: Any = None) -> None:
        """Enters or renews a name."""
        _check(name, uri)
        with self.lock:
            if name not in self.storage and len(self.storage) >= MAX_NAMES:
                raise errors.NamingError(f"the nameserver holds {MAX_NAMES} names already")
            before = self._live(name)
            if before not in ("", uri):
                raise errors.NamingError(f"{name} is at {before}, and was heard of less than {EXPIRY_S:g} s ago")
            known = name in self.storage
            super().register(name, uri, safe)
            self._renewed[name] = clock.monotonic()
        if not known:
            log.info("%s is at %s", name, uri)

    def enter(self, name: Any, uri: Any, before: Any = "") -> str:
        """Enters or renews a name, unless it has a live entry of an address that is neither this nor ``before``.

        Returns:
            The address that the name has now.
        """
        _check(name, uri)
        with self.lock:
            there = self._live(name)
            if there not in ("", uri, before):
                return there
            self._renewed.pop(name, None)
            self.register(name, uri)
        return str(uri)

    def _live(self, name: Any) -> str:
        """The address of a name that was renewed lately; empty if there is none."""
        renewed = self._renewed.get(name) if type(name) is str else None
        if renewed is None or clock.monotonic() - renewed > EXPIRY_S or name not in self.storage:
            return ""
        return str(self.storage[name][0])

    def remove(self, name: Any = None, prefix: Any = None, regex: Any = None) -> int:
        """Removes one name."""
        if prefix is not None or regex is not None:
            raise errors.NamingError("names are removed one by one")
        with self.lock:
            self._renewed.pop(name, None)
            removed = super().remove(name)
        if removed:
            log.info("%s is gone", name)
        return int(removed)

    def list(self, prefix: Any = None, regex: Any = None, *_: Any, **__: Any) -> Any:
        """The names, or those with a prefix."""
        if regex is not None:
            raise errors.NamingError("names are listed by prefix")
        return super().list(prefix)

    def dispatchers(self, worker: Any = "") -> dict[str, Any]:
        """The dispatchers that renewed their entry lately, and when to ask again."""
        now = clock.monotonic()
        with self.lock:
            if type(worker) is str and 0 < len(worker) <= MAX_LENGTH and len(self._workers) < MAX_NAMES:
                self._workers[worker] = now
            for name in [name for name, at in self._renewed.items() if now - at > EXPIRY_S]:
                log.warning("%s has not been heard of for %.0f s", name, EXPIRY_S)
                del self._renewed[name]
                self.storage.remove_items([name])
            found = {
                name.removeprefix(DISPATCHER_PREFIX): uri
                for name, (uri, _) in self.storage.items()
                if name.startswith(DISPATCHER_PREFIX)
            }
        wait_s = min(max(QUICKEST_S, self.workers() / QUESTIONS_PER_S), SLOWEST_S)
        return {"dispatchers": found, "wait_s": wait_s}

    def workers(self) -> int:
        """How many workers have asked lately."""
        now = clock.monotonic()
        with self.lock:
            for worker in [worker for worker, at in self._workers.items() if now - at > 2 * SLOWEST_S]:
                del self._workers[worker]
            return len(self._workers)


def _check(name: Any, uri: Any) -> None:
    """Refuses what those who look for dispatchers could not read: it would be among their answer, for all of them.

    Raises:
        NamingError: If the name or the address is of another form.
    """
    try:
        text(text(name, "a name", most=MAX_LENGTH).removeprefix(DISPATCHER_PREFIX), "a name")
        object_uri(uri)
    except WireError as error:
        raise errors.NamingError(str(error)) from None


class NameServer:
    """A running nameserver: ``with NameServer(...) as nameserver: nameserver.address``.

    Args:
        host: The address to listen on; loopback unless told otherwise.
        port: The port; 0 takes a free one.
        keys: The key file; None answers everybody.

    Raises:
        UnreachableError: If the address cannot be listened on.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, keys: KeyFile | None) -> None:
        self._daemon = KeyedDaemon(host, port, keys, threads=2)
        names = Names()
        names.storage[NAMESERVER_ID] = str(self._daemon.register(names, NAMESERVER_ID)), None
        self._daemon.start()

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return self._daemon.address

    def close(self) -> None:
        """Stops answering; may be called twice."""
        self._daemon.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
