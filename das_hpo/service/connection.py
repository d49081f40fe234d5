"""One connection of the listener: turns bytes into complete Pyro4 messages without blocking the reading thread."""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
import ssl
import struct
import time

from Pyro4 import constants, errors, message

from workers.transport.wire import MAX_MESSAGE_SIZE, STAMP, stamp

#: The most bytes of a first message, and of the annotations of a message; das-hpo sends two short annotations.
MAX_FIRST_MESSAGE = 4096
MAX_ANNOTATIONS = 1024

#: How many seconds a peer may leave an answer unread.
SEND_S = 10.0

#: The errors that reading raises if the bytes are not a message of das-hpo.
MALFORMED = (errors.PyroError, struct.error)

_HEADER = struct.Struct(message.Message.header_format)
_SERPENT = 1

#: Pyro's other flags are refused: batches, compression (which allows bombs), one-way calls (whose failure nobody would
#: see) and blobs (which are read by marshal). The header is not signed, so a stranger could set them.
_FLAGS = (0, message.FLAGS_META_ON_CONNECT)


class Connection:
    """Stands for Pyro4's SocketConnection in its daemon: recv() gives the bytes of the message that is held.

    The listener's reading thread calls :meth:`receive`. When that returns True, the message belongs to one answering
    thread until :meth:`release`.

    Args:
        sock: The accepted socket.
        until: Monotonic time at which the connection is closed if no message has arrived.
        context: For TLS; None for none.

    Attributes:
        key: The key with which the peer signs; None before its first message.
        trusted: Whether the peer has proved that it holds a key (or none is required).
        lane: Which threads answer it.
        session: Random bytes of this connection; empty for a plain Pyro client, which cannot stamp its messages.
        count: How many stamped messages have arrived.
        busy: Whether an answering thread has it.
        until: Monotonic time at which it is closed if nothing arrives.
    """

    def __init__(self, sock: socket.socket, until: float, context: ssl.SSLContext | None = None) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._shaking = context is not None
        self.sock = sock
        if context is not None:
            self.sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.descriptor = sock.fileno() if context is None else self.sock.fileno()
        self.key: bytes | None = None
        self.trusted = False
        self.lane = ""
        self.busy = False
        self.closed = False
        self.until = until
        self.wanted = selectors.EVENT_READ
        self.session = b""
        self.count = 0
        self.objectId = None
        self.pyroInstances: dict[object, object] = {}
        self._received = bytearray()
        self._message = b""
        self._position = 0

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self.descriptor

    # For the reading thread ---------------------------------------------------------------------

    def receive(self) -> bool:
        """Reads the bytes that have arrived; True if a whole message is held now.

        Raises:
            PyroError: If the bytes are not a message of das-hpo.
            OSError: If the connection has ended.
        """
        if self._shaking and not self._shake():
            return False
        while True:
            if self._complete():
                return True
            try:
                chunk = self.sock.recv(262144)
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            if not chunk:
                raise ConnectionResetError("closed by the peer")
            self._received += chunk

    @property
    def message_started(self) -> bool:
        """Whether a part of a message has arrived."""
        return bool(self._received)

    def pending(self) -> bool:
        """Whether there may be bytes of which the selector does not know."""
        return bool(self._received) or (isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0)

    def dispose(self) -> None:
        """Closes the socket. Only the reading thread does: no descriptor that it still watches may be reused."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.close()

    def _shake(self) -> bool:
        """Continues the TLS handshake; True when it is finished."""
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            self.wanted = selectors.EVENT_READ
            return False
        except ssl.SSLWantWriteError:
            self.wanted = selectors.EVENT_WRITE
            return False
        self.wanted = selectors.EVENT_READ
        self._shaking = False
        return True

    def _complete(self) -> bool:
        received = self._received
        if len(received) < _HEADER.size:
            if not b"PYRO".startswith(received[:4]):
                raise errors.ProtocolError("not a Pyro message")
            return False
        size = _HEADER.size + self._body_size()
        if len(received) < size:
            return False
        self._message = bytes(received[:size])
        self._position = 0
        del received[:size]
        return True

    def _body_size(self) -> int:
        """The size of annotations and data; every field of the header is checked first."""
        tag, version, kind, flags, sequence, data, serializer, annotations, _, checksum = _HEADER.unpack_from(
            self._received
        )
        expected = kind + version + data + annotations + flags + serializer + sequence + 0x34E9
        if tag != b"PYRO" or version != constants.PROTOCOL_VERSION or checksum != expected & 0xFFFF:
            raise errors.ProtocolError("not a Pyro message")
        valid = (message.MSG_INVOKE, message.MSG_PING) if self.trusted else (message.MSG_CONNECT,)
        if kind not in valid or flags not in _FLAGS or (serializer != _SERPENT and kind != message.MSG_PING):
            raise errors.ProtocolError("a kind of message that is not accepted")
        limit = MAX_MESSAGE_SIZE if self.trusted else MAX_FIRST_MESSAGE
        if not 0 <= data <= limit or annotations > MAX_ANNOTATIONS:
            raise errors.MessageTooLargeError(f"a message of {data} bytes: at most {limit} are accepted")
        return int(data + annotations)

    # For the answering thread -------------------------------------------------------------------

    def is_signed_with(self, key: bytes) -> bool:
        """Whether the held message is signed with that key; the message can be read again afterwards."""
        try:
            message.Message.recv(self, hmac_key=key)
        except (errors.PyroError, struct.error, UnicodeDecodeError):
            return False
        finally:
            self._position = 0
        return True

    def stamp(self) -> bytes:
        """The stamp of the held message, after checking that it is the expected one.

        The stamp is an annotation, so it is signed. A message that was recorded on another connection, or earlier on
        this one, has another stamp.

        Raises:
            SecurityError: If it is not.
        """
        found = self._annotation(STAMP.encode())
        self.count += 1
        due = stamp(self.session, self.count) if self.session else b""
        if found != due:
            raise errors.SecurityError("a message of another connection, or an earlier one")
        return due

    def _annotation(self, name: bytes) -> bytes:
        position = _HEADER.size
        end = position + struct.unpack_from("!H", self._message, 18)[0]
        while position + 6 <= end:
            found, length = struct.unpack_from("!4sH", self._message, position)
            position += 6 + length
            if found == name:
                return self._message[position - length : position]
        return b""

    def recv(self, size: int) -> bytes:
        """The next bytes of the held message."""
        start, self._position = self._position, self._position + size
        part = self._message[start : self._position]
        if size < 0 or len(part) != size:
            raise errors.ProtocolError("a message shorter than it says")
        return part

    def send(self, data: bytes) -> None:
        """Sends an answer; waits at most :data:`SEND_S` seconds for the peer to read.

        Raises:
            ConnectionClosedError: If the connection is lost.
            TimeoutError: If the peer does not read.
        """
        until = time.monotonic() + SEND_S
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
                continue
            except (BlockingIOError, ssl.SSLWantWriteError):
                event = select.POLLOUT
            except ssl.SSLWantReadError:
                event = select.POLLIN
            except OSError as error:
                raise errors.ConnectionClosedError(f"sending: {error}") from None
            poll = select.poll()
            poll.register(self.descriptor, event)
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise errors.TimeoutError("sending: the peer does not read")

    def release(self) -> None:
        """Drops the message that was answered."""
        self._message = b""
        self._position = 0

    def close(self) -> None:
        """Ends the connection; the reading thread closes the socket."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
