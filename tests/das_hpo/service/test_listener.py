"""The listening sockets: silence, garbage, half messages, wrong keys, floods, and mutated real messages."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import statistics
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import Pyro4.core
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from Pyro4 import errors, message
from Pyro4.util import SerpentSerializer

from das_hpo.service import listener
from das_hpo.service.connection import MAX_FIRST_MESSAGE
from das_hpo.service.nameserver import NameServer, locate
from spaces.errors import AuthenticationError, ClusterError, WireError
from workers.transport.keys import KeyFile, new_key, retire_keys
from workers.transport.wire import MAX_MESSAGE_SIZE, NAMESERVER_ID, Remote, parse_address, uri


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path_factory.mktemp("keys") / "key")


@pytest.fixture(scope="module")
def served(keys: KeyFile) -> Iterator[tuple[NameServer, KeyFile]]:
    """A nameserver: it has the same listener as the dispatcher."""
    with NameServer(keys=keys) as nameserver:
        yield nameserver, keys


def connect(nameserver: NameServer) -> socket.socket:
    """A raw connection."""
    return socket.create_connection(parse_address(nameserver.address), timeout=5.0)


def ended(sock: socket.socket, within_s: float = 5.0) -> bool:
    """Whether the other side closes the connection, having said at most that it refuses."""
    sock.settimeout(within_s)
    try:
        while sock.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def answer_s(nameserver: NameServer, keys: KeyFile) -> float:
    """How long a new client with the key waits for its first answer."""
    began = time.monotonic()
    with locate(nameserver.address, keys):
        return time.monotonic() - began


def handshake(key: bytes | None, target: str = NAMESERVER_ID) -> bytes:
    """A client's first message."""
    data, _ = SerpentSerializer().serializeData({"handshake": {"lane": ""}, "object": target}, False)
    return message.Message(
        message.MSG_CONNECT, data, SerpentSerializer.serializer_id, message.FLAGS_META_ON_CONNECT, 0, hmac_key=key
    ).to_bytes()


def invocation(key: bytes | None, method: str, *arguments: object, flags: int = 0) -> bytes:
    """A client's call."""
    data, _ = SerpentSerializer().serializeCall(NAMESERVER_ID, method, arguments, {}, False)
    return message.Message(message.MSG_INVOKE, data, SerpentSerializer.serializer_id, flags, 1, hmac_key=key).to_bytes()


def test_silent_connections_and_garbage_leave_it_answering(served):
    """200 silent connections and a flood of garbage: a client is answered within a second."""
    nameserver, keys = served
    silent = [connect(nameserver) for _ in range(200)]
    halting = threading.Event()

    def flood() -> None:
        noise = random.Random(0)
        while not halting.is_set():
            try:
                with connect(nameserver) as sock:
                    sock.sendall(noise.randbytes(2000))
            except OSError:
                pass

    flooding = [threading.Thread(target=flood) for _ in range(4)]
    for thread in flooding:
        thread.start()
    try:
        waits = [answer_s(nameserver, keys) for _ in range(20)]
    finally:
        halting.set()
        for thread in flooding:
            thread.join()
        for sock in silent:
            sock.close()
    assert statistics.median(waits) < 1.0
    assert max(waits) < listener.HANDSHAKE_S  # nobody waited for a silent one to be closed


def test_the_oldest_stranger_goes_when_there_are_too_many(served):
    """More connections than are kept without a key: the first ones are closed, and clients get in."""
    nameserver, keys = served
    strangers = [connect(nameserver) for _ in range(listener.MAX_STRANGERS + 20)]
    assert answer_s(nameserver, keys) < listener.HANDSHAKE_S
    assert ended(strangers[0])
    assert not ended(strangers[-1], 0.1)
    for sock in strangers:
        sock.close()


def test_a_silent_connection_is_closed(served):
    """Whoever has not proved a key after some seconds is gone."""
    nameserver, _ = served
    with connect(nameserver) as silent, connect(nameserver) as halting:
        halting.sendall(handshake(b"k" * 32)[:20])
        assert ended(silent, listener.HANDSHAKE_S + 5)
        assert ended(halting, 5)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PYRO" + b"\xff" * 20,
        b"\x80\x04cos\nsystem\n(S'touch planted'\ntR.",
        handshake(None)[:24].replace(b"PYRO", b"PYRA"),
    ],
    ids=["http", "tls", "header", "pickle", "tag"],
)
def test_what_is_no_message_is_closed_at_once(served, sent):
    """The first wrong byte is enough."""
    nameserver, _ = served
    with connect(nameserver) as sock:
        sock.sendall(sent)
        assert ended(sock, 2)


@pytest.mark.parametrize("key", [None, b"k" * 64], ids=["unsigned", "another key"])
def test_a_stranger_is_refused_with_an_unsigned_word(served, key):
    """A stranger learns that it is refused, and never gets a signature of ours."""
    nameserver, keys = served
    with connect(nameserver) as sock:
        sock.sendall(handshake(key))
        said = b""
        while chunk := sock.recv(4096):
            said += chunk
    assert b"hmac" in said
    assert b"HMAC" not in said
    kind = struct.unpack_from("!H", said, 6)[0]
    assert kind == message.MSG_CONNECTFAIL
    assert keys.current()[0] not in said


def test_a_call_before_the_handshake_is_closed(served):
    """Even a signed one."""
    nameserver, keys = served
    with connect(nameserver) as sock:
        sock.sendall(invocation(keys.current()[0], "ping"))
        assert ended(sock, 2)


def test_a_call_signed_with_another_key_than_the_handshake_is_closed(served):
    """Proving a key once opens nothing for others."""
    nameserver, keys = served
    with connect(nameserver) as sock:
        sock.sendall(handshake(keys.current()[0]))
        assert sock.recv(65536)
        sock.sendall(invocation(b"k" * 64, "ping"))
        assert ended(sock, 2)


@pytest.mark.parametrize(
    "flags",
    [
        message.FLAGS_COMPRESSED,
        message.FLAGS_ONEWAY,
        message.FLAGS_BATCH,
        message.FLAGS_KEEPSERIALIZED,
        message.FLAGS_ITEMSTREAMRESULT,
    ],
)
def test_flags_are_refused(served, flags):
    """The header is not signed, so its flags must not switch anything on: marshal, zlib, batches."""
    nameserver, keys = served
    with connect(nameserver) as sock:
        sock.sendall(handshake(keys.current()[0]))
        assert sock.recv(65536)
        sock.sendall(invocation(keys.current()[0], "ping", flags=flags))
        assert ended(sock, 2)


def test_sizes_are_bounded(served):
    """A stranger's message is short, and a friend's has a limit; neither is read before it is refused."""
    nameserver, keys = served

    def header(kind: int, size: int) -> bytes:
        checksum = (kind + 48 + size + 0 + 1 + 0 + 0 + 0x34E9) & 0xFFFF
        return struct.pack(message.Message.header_format, b"PYRO", 48, kind, 0, 0, size, 1, 0, 0, checksum)

    with connect(nameserver) as sock:
        sock.sendall(header(message.MSG_CONNECT, MAX_FIRST_MESSAGE + 1))
        assert ended(sock, 2)
    with connect(nameserver) as sock:
        sock.sendall(handshake(keys.current()[0]))
        assert sock.recv(65536)
        sock.sendall(header(message.MSG_INVOKE, MAX_MESSAGE_SIZE + 1))
        assert ended(sock, 2)


def test_a_large_message_passes_in_pieces(served):
    """Up to the limit, however slowly it comes."""
    nameserver, keys = served
    sent = invocation(keys.current()[0], "lookup", "x" * 1_000_000)
    with connect(nameserver) as sock:
        sock.sendall(handshake(keys.current()[0]))
        assert sock.recv(65536)
        for start in range(0, len(sent), 100_000):
            sock.sendall(sent[start : start + 100_000])
            time.sleep(0.001)
        assert b"unknown name" in sock.recv(65536)


def test_messages_that_come_together_are_answered_in_order(served):
    """A client may send without waiting."""
    nameserver, keys = served
    key = keys.current()[0]
    with connect(nameserver) as sock:
        sock.sendall(handshake(key) + invocation(key, "count") + invocation(key, "lookup", "nobody"))
        said = b""
        while b"unknown name" not in said:
            said += sock.recv(65536)
    assert said.index(b"python3.2\n1") < said.index(b"unknown name")


def test_a_plain_pyro_client_with_the_key_is_served(served):
    """Pyro4's own tools work, given the key; without it they do not."""
    nameserver, keys = served
    host, port = parse_address(nameserver.address)
    with Pyro4.locateNS(host, port, hmac_key=keys.current()[0]) as plain:
        assert NAMESERVER_ID in plain.list()
    with pytest.raises(errors.PyroError):
        Pyro4.locateNS(host, port)


def test_keys_are_rotated_without_stopping(tmp_path: Path, monkeypatch):
    """Old and new clients are served while both keys are in the file, and the old one is not after it is retired."""
    monkeypatch.setattr("workers.transport.keys.CHECK_EVERY_S", 0.0)
    server_keys = KeyFile(tmp_path / "server")
    old = KeyFile(tmp_path / "old")
    old.path.write_bytes(server_keys.path.read_bytes())
    with NameServer(keys=server_keys) as nameserver:
        kept = locate(nameserver.address, old)
        new_key(server_keys.path)
        new = KeyFile(tmp_path / "new")
        new.path.write_bytes(server_keys.path.read_bytes())
        for client in (old, new):
            locate(nameserver.address, client).close()
        kept.ping()
        retire_keys(server_keys.path)
        locate(nameserver.address, new).close()
        with pytest.raises(AuthenticationError):
            locate(nameserver.address, old)
        kept.close()


def test_a_client_with_a_newer_key_first_tries_the_older(tmp_path: Path):
    """The order in which machines get the new file does not matter."""
    server_keys = KeyFile(tmp_path / "server")
    client = KeyFile(tmp_path / "client")
    client.path.write_bytes(server_keys.path.read_bytes())
    new_key(client.path)
    with NameServer(keys=server_keys) as nameserver, locate(nameserver.address, KeyFile(client.path)) as directory:
        directory.ping()


def test_recorded_messages_are_refused(served):
    """Who records a client's whole conversation can replay none of it, neither question nor answer."""
    nameserver, keys = served
    recorded: list[bytes] = []
    answered: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as spy:

        def listen(replay: bool) -> None:
            victim, _ = spy.accept()
            with victim, connect(nameserver) as there:
                for turn in range(2):
                    question = victim.recv(65536)
                    recorded.append(question)
                    there.sendall(question)
                    answer = there.recv(65536)
                    answered.append(answer)
                    victim.sendall(answered[1] if replay and turn else answer)

        address = f"127.0.0.1:{spy.getsockname()[1]}"
        for replay in (False, True):
            thread = threading.Thread(target=listen, args=(replay,))
            thread.start()
            with Remote(uri(NAMESERVER_ID, address), keys) as remote:
                if replay:
                    with pytest.raises(WireError, match="answered another call than this one"):
                        remote.call("register", "das-hpo.dispatcher.second", "PYRO:x@127.0.0.1:1")
                else:
                    remote.call("register", "das-hpo.dispatcher.first", "PYRO:x@127.0.0.1:1")
            thread.join()
    with locate(nameserver.address, keys) as directory:
        directory.remove("first")
        directory.remove("second")
        with connect(nameserver) as sock:
            sock.sendall(recorded[0])
            assert sock.recv(65536)
            sock.sendall(recorded[1])
            assert ended(sock)
        assert directory.dispatchers()[0] == {}


CONNECTIONS = 4_000
SIGNED_EACH = 5


@pytest.mark.slow
def test_mutated_messages_do_no_harm(served):
    """22,000 mutated real messages: no crash, no growth, no forgery accepted.

    Each connection proves the key, or does not; then come messages whose content was mutated before it
    was signed (a friend gone mad), and one that was mutated or truncated on the way (anybody).
    """
    nameserver, keys = served
    key = keys.current()[0]
    chance = random.Random(1)
    forged = ("das-hpo.dispatcher.forged", "PYRO:forged@127.0.0.1:1")
    names = ("register", "list", "remove", "ping", "dispatchers", "nothing", "__init__", "set_metadata")
    contents = [SerpentSerializer().serializeCall(NAMESERVER_ID, name, forged, {}, False)[0] for name in names[1:]]
    on_way = [invocation(key, name, *forged) for name in names[1:]] + [handshake(key), handshake(None)]
    register = invocation(key, "register", *forged)
    threads = threading.active_count()
    descriptors = len(os.listdir("/proc/self/fd"))

    def mutated(content: bytes) -> bytearray:
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return mutated(content) if changed == content else changed

    for number in range(CONNECTIONS):
        pieces = []
        if number % 4:
            pieces.append(handshake(key))
            for _ in range(SIGNED_EACH):
                content = bytes(mutated(chance.choice(contents)))
                pieces.append(message.Message(message.MSG_INVOKE, content, 1, 0, 1, hmac_key=key).to_bytes())
        last = mutated(chance.choice(on_way))
        if number % 4 == 1:  # a dispatcher's own entry, with another content under its signature
            last = bytearray(register[:-100]) + mutated(register[-100:])
        if chance.random() < 0.3:
            del last[chance.randrange(len(last)) :]
        with connect(nameserver) as sock:
            sock.sendall(b"".join([*pieces, last]))
            sock.shutdown(socket.SHUT_WR)
            assert ended(sock)
    with locate(nameserver.address, keys) as directory:
        assert directory.dispatchers()[0] == {}
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) < descriptors + 20


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_random_bytes_do_no_harm(served, noise):
    """After any bytes at all, the next client is served."""
    nameserver, keys = served
    with connect(nameserver) as sock:
        sock.sendall(noise)
    with Remote(uri(NAMESERVER_ID, nameserver.address), keys) as remote:
        assert remote.call("ping") is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(), st.lists))
@settings(max_examples=200)
def test_any_argument_is_borne(served, argument):
    """A friend's mistake is answered with an error, never with silence."""
    nameserver, keys = served
    with Remote(uri(NAMESERVER_ID, nameserver.address), keys) as remote:
        for method in ("register", "remove", "list", "lookup"):
            with contextlib.suppress(ClusterError):
                remote.call(method, argument, argument)
        assert remote.call("ping") is None
