"""One connection of the listener, over a real pair of sockets: whole messages, in pieces, or none at all."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from Pyro4 import errors, message

from das_hpo.service.connection import MAX_FIRST_MESSAGE, Connection
from workers.transport.wire import MAX_MESSAGE_SIZE, STAMP, stamp

KEY = b"k" * 32


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection and its peer."""
    tcp = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(tcp.getsockname())
    accepted, _ = tcp.accept()
    tcp.close()
    connection = Connection(accepted, until=1e9)
    yield connection, peer
    connection.dispose()
    peer.close()


def sent(kind: int, content: bytes = b"x", *, session: bytes = b"", count: int = 0, flags: int = 0) -> bytes:
    """A signed message."""
    annotations = {STAMP: stamp(session, count)} if session else {}
    made = message.Message(kind, content, 1, flags, 1, annotations=annotations, hmac_key=KEY)
    return bytes(made.to_bytes())


def received(connection: Connection, peer: socket.socket, content: bytes) -> bool:
    """Whether a whole message is held once these bytes have arrived."""
    peer.sendall(content)
    select.select([connection.sock], [], [], 1.0)
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        if connection.receive():
            return True
    return False


def test_a_message_is_whole_when_its_last_byte_has_come(ends: tuple[Connection, socket.socket]) -> None:
    """What comes behind it is kept for the next."""
    connection, peer = ends
    first = sent(message.MSG_CONNECT)
    assert not received(connection, peer, first[:10])
    assert connection.message_started
    assert not received(connection, peer, first[10:-1])
    assert received(connection, peer, first[-1:] + first[:5])
    assert connection.recv(len(first)) == first
    assert connection.pending()
    connection.release()
    assert received(connection, peer, first[5:])


def test_the_key_is_told_and_the_message_can_be_read_again(ends: tuple[Connection, socket.socket]) -> None:
    """A connection finds out which key its peer holds before the message is answered."""
    connection, peer = ends
    assert received(connection, peer, sent(message.MSG_CONNECT))
    assert not connection.is_signed_with(b"another key" * 4)
    assert connection.is_signed_with(KEY)
    assert message.Message.recv(connection, hmac_key=KEY).type == message.MSG_CONNECT


@pytest.mark.parametrize(
    ("trusted", "content"),
    [
        (False, b"GET / HTTP/1.1\r\n\r\n" + b"x" * 20),
        (False, sent(message.MSG_INVOKE)),
        (False, sent(message.MSG_CONNECT, b"x" * (MAX_FIRST_MESSAGE + 1))),
        (True, sent(message.MSG_CONNECT)),
        (True, sent(message.MSG_INVOKE, flags=message.FLAGS_ONEWAY)),
        (True, sent(message.MSG_INVOKE)[:4] + b"\xff" + sent(message.MSG_INVOKE)[5:]),
    ],
    ids=["another protocol", "a call first", "a large first one", "a second handshake", "one way", "a changed header"],
)
def test_what_is_no_message_of_das_hpo_is_refused(
    ends: tuple[Connection, socket.socket], trusted: bool, content: bytes
) -> None:
    """Before any of its content is looked at."""
    connection, peer = ends
    connection.trusted = trusted
    with pytest.raises(errors.PyroError):
        received(connection, peer, content)


def test_a_trusted_peer_may_send_large_messages(ends: tuple[Connection, socket.socket]) -> None:
    """Up to the limit: one that says it is larger is refused by its header alone."""
    connection, peer = ends
    connection.trusted = True
    assert received(connection, peer, sent(message.MSG_INVOKE, b"x" * MAX_FIRST_MESSAGE * 2))
    connection.release()
    header = message.Message.header_format
    fields = list(struct.unpack_from(header, sent(message.MSG_INVOKE)))
    fields[-1] += MAX_MESSAGE_SIZE + 1 - fields[5]
    fields[5] = MAX_MESSAGE_SIZE + 1
    fields[-1] &= 0xFFFF
    with pytest.raises(errors.MessageTooLargeError, match=f"at most {MAX_MESSAGE_SIZE} are accepted"):
        received(connection, peer, struct.pack(header, *fields))


def test_messages_are_stamped_in_their_order(ends: tuple[Connection, socket.socket]) -> None:
    """One that comes again, or of another connection, is refused."""
    connection, peer = ends
    connection.trusted = True
    connection.session = b"s" * 16
    first = sent(message.MSG_INVOKE, session=b"s" * 16, count=1)
    assert received(connection, peer, first)
    assert connection.stamp() == stamp(b"s" * 16, 1)
    connection.release()
    assert received(connection, peer, first)
    with pytest.raises(errors.SecurityError, match="another connection, or an earlier one"):
        connection.stamp()


def test_a_peer_that_has_gone_ends_the_connection(ends: tuple[Connection, socket.socket]) -> None:
    """Reading says so, and so does sending."""
    connection, peer = ends
    peer.close()
    select.select([connection.sock], [], [], 5.0)
    with pytest.raises(ConnectionResetError, match="closed by the peer"):
        connection.receive()
    connection.close()
    with pytest.raises(errors.ConnectionClosedError):
        connection.send(b"x" * 100_000)
