"""The listening side of the network: a Pyro4 daemon whose connections need no thread each and prove a key first.

Pyro's own servers either give every connection a thread (a few dozen silent connections exhaust it), or read from all
connections in one thread, which a half-sent message blocks. Here one thread reads from every connection without
blocking, and complete messages go to a few threads that answer them. A connection that has not proved a key yet may
send one short message, has a few seconds for it, and is the first to be closed when there are too many connections.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import queue
import resource
import secrets
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import Pyro4.core

from das_hpo.service.connection import MALFORMED, Connection
from spaces.errors import UnreachableError
from workers.transport.keys import KeyFile
from workers.transport.tls import server_context
from workers.transport.wire import STAMP, configure, format_address

#: How many seconds a connection may take to prove its key, and a message may take to arrive.
HANDSHAKE_S = 5.0
MESSAGE_S = 30.0

#: A connection that is silent for this many seconds is closed; its peer opens another one when it needs it.
IDLE_S = 900.0

#: How many connections may be open that have not proved a key (the oldest one is closed for a new one), and in all.
MAX_STRANGERS = 256
MAX_CONNECTIONS = 16384

#: How many seconds stopping waits for messages that are being answered.
STOP_S = 5.0

log = logging.getLogger(__name__)


class KeyedDaemon(Pyro4.core.Daemon):  # type: ignore[misc]
    """A Pyro4 daemon that requires a key, bounds what it holds, and answers with few threads.

    As every Pyro4 daemon it takes its socket when it is made; it answers after :meth:`start`, until :meth:`stop`.

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        keys: Any key of the file opens a connection; None accepts everybody (``--insecure``).
        threads: How many threads answer.
        lanes: Names of further lanes, each with a thread of its own, for calls that must not wait for the others.

    Raises:
        UnreachableError: If the address cannot be listened on.
    """

    transportServer: Any  # noqa: N815 (Pyro's name)

    def __init__(
        self, host: str, port: int, keys: KeyFile | None, *, threads: int = 8, lanes: tuple[str, ...] = ()
    ) -> None:
        configure()
        self._keys = keys
        self._current = threading.local()
        try:
            super().__init__(host, port)
        except OSError as error:
            raise UnreachableError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        sock = self.transportServer.sock
        self.transportServer.sock = None  # Pyro's own server hands the socket over, and is dropped
        if isinstance(sock, ssl.SSLSocket):  # its accept() would wait for a handshake; a connection does that itself
            sock = socket.socket(fileno=sock.detach())
        self.transportServer.selector.close()
        self.transportServer = _Server(self, sock, host, threads, lanes)
        self.locationStr = self.transportServer.locationStr

    @property
    def _pyroHmacKey(self) -> bytes | None:  # noqa: N802 (Pyro's name)
        """The key of the connection that the calling thread answers."""
        return getattr(self._current, "key", None)

    def start(self) -> None:
        """Answers, on threads of its own, until :meth:`stop`."""
        self.transportServer.start()

    def stop(self) -> None:
        """Closes everything; returns when the threads have ended. May be called twice."""
        self.transportServer.shutdown()

    @property
    def address(self) -> str:
        """``HOST:PORT`` it listens on."""
        return str(self.locationStr)

    def validateHandshake(self, conn: Connection, data: Any) -> str | dict[str, str]:  # noqa: N802 (Pyro's name)
        """Notes the lane that the client asks for, and draws the session with which its messages are to be stamped."""
        if type(data) is not dict:
            return "das-hpo"
        lane, nonce = data.get("lane"), data.get("nonce")
        conn.lane = lane if type(lane) is str and lane in self.transportServer.lanes else ""
        if type(nonce) is not str:
            return "das-hpo"
        conn.session = secrets.token_bytes(16)
        return {"nonce": nonce, "session": conn.session.hex()}

    def annotations(self) -> dict[str, bytes]:
        """Gives an answer the stamp of its question, so that no recorded answer can be put in its place."""
        stamp = getattr(self._current, "stamp", b"")
        return {STAMP: stamp} if stamp else {}

    def answer(self, connection: Connection) -> bool:
        """Answers the message that the connection holds; False if the connection is to be closed."""
        if connection.trusted:
            self._current.key = connection.key
            self._current.stamp = connection.stamp()
            self.handleRequest(connection)
            return True
        refusal = None
        if self._keys is not None:
            connection.key = next((key for key in self._keys.current() if connection.is_signed_with(key)), None)
            # A refusal is not signed: a stranger cannot make this process sign anything.
            refusal = None if connection.key else "hmac key refused"
        self._current.key = connection.key
        self._current.stamp = b""
        connection.trusted = bool(self._handshake(connection, denied_reason=refusal))
        return connection.trusted


class _Server:
    """Takes the place of Pyro's socket server in a daemon."""

    def __init__(self, daemon: KeyedDaemon, sock: socket.socket, host: str, threads: int, lanes: tuple[str, ...]):
        _raise_descriptor_limit()
        self.sock = sock
        sock.setblocking(False)
        sock.listen(1024)
        self.locationStr = format_address(host, sock.getsockname()[1])
        self.selector = selectors.DefaultSelector()
        self.lanes: dict[str, queue.SimpleQueue[Connection | None]] = {
            name: queue.SimpleQueue() for name in ("", *lanes)
        }
        self._daemon = daemon
        self._context = server_context()
        self._answered: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._connections: dict[int, Connection] = {}
        self._strangers: dict[int, Connection] = {}
        self._stopping = False
        self._started = False
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        name = f"das-hpo {self.locationStr}"
        self._threads = [threading.Thread(target=self._read, name=f"{name} reader", daemon=True)]
        for lane in self.lanes:
            for number in range(1 if lane else threads):
                target = _bound(self._answer, self.lanes[lane])
                self._threads.append(threading.Thread(target=target, name=f"{name} {lane}{number}", daemon=True))

    @property
    def sockets(self) -> list[socket.socket]:
        return [self.sock]

    def start(self) -> None:
        self._started = True
        for thread in self._threads:
            thread.start()

    def shutdown(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._wake()
        for lane in self.lanes.values():
            for _ in self._threads:
                lane.put(None)
        if self._started:
            until = time.monotonic() + STOP_S
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join(timeout=max(0.0, until - time.monotonic()))
        for connection in self._connections.values():
            connection.close()
            connection.dispose()
        self._connections.clear()
        self._strangers.clear()
        self.selector.close()
        for sock in (self.sock, self._wake_read, self._wake_write):
            sock.close()

    close = shutdown

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # the buffer is full, so the reader wakes up anyway; or it has ended
            self._wake_write.send(b"\0")

    # The reading thread -------------------------------------------------------------------------

    def _read(self) -> None:
        self.selector.register(self.sock, selectors.EVENT_READ, self._accept)
        self.selector.register(self._wake_read, selectors.EVENT_READ, self._take_back)
        swept = time.monotonic()
        while not self._stopping:
            for key, _ in self.selector.select(1.0):
                try:
                    if isinstance(key.data, Connection):
                        self._receive(key.data)
                    else:
                        key.data()
                except Exception:
                    log.exception("reading from a connection failed")
                    if isinstance(key.data, Connection):
                        self._drop(key.data)
            if time.monotonic() - swept >= 1.0:
                swept = time.monotonic()
                self._sweep(swept)

    def _accept(self) -> None:
        for _ in range(64):
            try:
                accepted, _address = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    log.debug("a connection failed while it was accepted: %s", error)
                    return
                if not self._drop_stranger():
                    log.warning("no file descriptors left for another connection (%s)", error)
                    time.sleep(0.05)
                    return
                continue
            while len(self._strangers) >= MAX_STRANGERS or len(self._connections) >= MAX_CONNECTIONS:
                if not self._drop_stranger():
                    break
            if len(self._connections) >= MAX_CONNECTIONS:
                accepted.close()
                continue
            try:
                connection = Connection(accepted, time.monotonic() + HANDSHAKE_S, self._context)
            except OSError:
                accepted.close()
                continue
            descriptor = connection.fileno()
            self._connections[descriptor] = self._strangers[descriptor] = connection
            self.selector.register(connection, connection.wanted, connection)

    def _receive(self, connection: Connection) -> None:
        """Reads what has arrived. A complete message goes to the threads; reading pauses until it is answered."""
        if connection.closed:  # dropped earlier in this round, for another connection
            return
        try:
            complete = connection.receive()
        except (*MALFORMED, OSError):
            self._drop(connection)
            return
        if complete:
            self.selector.unregister(connection)
            connection.busy = True
            # A handshake is quick and waits for nothing, so it never waits behind calls that take long.
            lane = connection.lane if connection.trusted else next(reversed(self.lanes))
            self.lanes[lane].put(connection)
            return
        if connection.message_started and connection.trusted and connection.until > time.monotonic() + MESSAGE_S:
            connection.until = time.monotonic() + MESSAGE_S
        if connection.wanted != self.selector.get_key(connection).events:
            self.selector.modify(connection, connection.wanted, connection)

    def _take_back(self) -> None:
        """Reads again from the connections whose messages have been answered."""
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass
        while True:
            try:
                connection = self._answered.get_nowait()
            except queue.Empty:
                return
            connection.busy = False
            if connection.closed:
                self._forget(connection)
                continue
            self._strangers.pop(connection.fileno(), None)
            connection.until = time.monotonic() + IDLE_S
            self.selector.register(connection, connection.wanted, connection)
            if connection.pending():
                self._receive(connection)

    def _sweep(self, now: float) -> None:
        for connection in [c for c in self._connections.values() if c.until < now and not c.busy]:
            self._drop(connection)

    def _drop_stranger(self) -> bool:
        for connection in self._strangers.values():
            if not connection.busy:
                self._drop(connection)
                return True
        return False

    def _drop(self, connection: Connection) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(connection)
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection.descriptor, None)
        self._strangers.pop(connection.descriptor, None)
        connection.dispose()

    # The answering threads ----------------------------------------------------------------------

    def _answer(self, lane: queue.SimpleQueue[Connection | None]) -> None:
        while True:
            connection = lane.get()
            if connection is None:
                return
            try:
                keep = self._daemon.answer(connection)
            except (*MALFORMED, UnicodeDecodeError, OSError) as error:
                log.debug("a connection is closed: %s", error)
                keep = False
            except Exception:
                log.exception("a message could not be answered")
                keep = False
            finally:
                connection.release()
            if not keep:
                connection.close()
            self._answered.put(connection)
            self._wake()


def _bound(target: Callable[[Any], None], argument: Any) -> Callable[[], None]:
    return lambda: target(argument)


def _raise_descriptor_limit() -> None:
    """Raises the limit of open files as far as the system allows: each connection needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * MAX_CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
