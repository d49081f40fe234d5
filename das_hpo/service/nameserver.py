"""The nameserver: where dispatchers are found. It is Pyro4's, with keys, no broadcast, and entries that expire.

It keeps nothing on disk. Dispatchers renew their entries every few seconds, so a nameserver that was killed and started
again on the same port soon knows all of them again.
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

#: Workers are told to ask so rarely that all of them together ask at most this often, but each of them waits no longer
#: than SLOWEST_S and no shorter than QUICKEST_S.
QUESTIONS_PER_S = 100.0
SLOWEST_S = 30.0
QUICKEST_S = 1.0

MAX_NAMES = 10_000
MAX_LENGTH = 512

log = logging.getLogger(__name__)


@Pyro4.core.expose
class Names(Pyro4.naming.NameServer):  # type: ignore[misc]
    """The exposed object: Pyro4's nameserver with bounds, and the questions of das-hpo's workers and dispatchers."""

    def __init__(self) -> None:
        super().__init__()
        self._renewed: dict[str, float] = {}
        self._workers: dict[str, float] = {}

    def register(self, name: Any, uri: Any, safe: bool = False, metadata: Any = None) -> None:
        """Enters or renews a name."""
        _check(name, uri)
        with self.lock:
            if name not in self.storage and len(self.storage) >= MAX_NAMES:
                raise errors.NamingError(f"the nameserver holds at most {MAX_NAMES} names, and holds that many")
            before = self._live(name)
            if before not in ("", uri):
                raise errors.NamingError(f"{name} is at {before}, which was renewed less than {EXPIRY_S:g} s ago")
            known = name in self.storage
            super().register(name, uri, safe)
            self._renewed[name] = clock.monotonic()
        if not known:
            log.info("%s is at %s", name, uri)

    def enter(self, name: Any, uri: Any, before: Any = "") -> str:
        """Enters or renews a name, unless it has a live entry whose address is neither ``uri`` nor ``before``.

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
        """The address of a name, if its entry has not expired; else empty."""
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
        """The dispatchers whose entries have not expired, and in how many seconds to ask again."""
        now = clock.monotonic()
        with self.lock:
            if type(worker) is str and 0 < len(worker) <= MAX_LENGTH and len(self._workers) < MAX_NAMES:
                self._workers[worker] = now
            for name in [name for name, at in self._renewed.items() if now - at > EXPIRY_S]:
                log.warning("%s was not renewed for %.0f s: its entry is removed", name, EXPIRY_S)
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
        """How many workers have asked for dispatchers within the last minute."""
        now = clock.monotonic()
        with self.lock:
            for worker in [worker for worker, at in self._workers.items() if now - at > 2 * SLOWEST_S]:
                del self._workers[worker]
            return len(self._workers)


def _check(name: Any, uri: Any) -> None:
    """Refuses a name or an address that clients could not read: it would spoil the answer to every one of them.

    Raises:
        NamingError: If the name or the address is of another form.
    """
    try:
        text(text(name, "a name", most=MAX_LENGTH).removeprefix(DISPATCHER_PREFIX), "a name")
        object_uri(uri)
    except WireError as error:
        raise errors.NamingError(str(error)) from None


class NameServer:
    """A nameserver, which answers while it is open: ``with NameServer(...) as nameserver: nameserver.address``.

    Args:
        host: The address to listen on; by default this machine alone.
        port: The port; 0 takes a free one.
        keys: The key file; None answers everybody.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, keys: KeyFile | None) -> None:
        self._host = host
        self._port = port
        self._keys = keys
        self._daemon: KeyedDaemon | None = None

    @property
    def address(self) -> str:
        """``HOST:PORT``, once it has been started.

        Raises:
            RuntimeError: If it was never started.
        """
        if self._daemon is None:
            raise RuntimeError("a nameserver has no address before it is started")
        return self._daemon.address

    def start(self) -> None:
        """Listens, and answers on threads of its own until it is closed.

        Raises:
            UnreachableError: If the address cannot be listened on.
        """
        self._daemon = KeyedDaemon(self._host, self._port, self._keys, threads=2)
        names = Names()
        names.storage[NAMESERVER_ID] = str(self._daemon.register(names, NAMESERVER_ID)), None
        self._daemon.start()

    def close(self) -> None:
        """Stops answering; may be called twice."""
        if self._daemon is not None:
            self._daemon.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
