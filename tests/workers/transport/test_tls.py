"""TLS: mutual, with a private authority, and a silent connection blocks nobody."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.service.listener import HANDSHAKE_S
from das_hpo.service.nameserver import NameServer, locate
from spaces.errors import AuthenticationError, ClusterError, InvalidValueError, UnreachableError
from workers.transport import tls
from workers.transport.certificates import make, own_hosts
from workers.transport.keys import KeyFile
from workers.transport.wire import parse_address


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tls.Tls]:
    """A certificate for loopback, in use."""
    for name in tls.ENVIRONMENT:
        monkeypatch.setenv(name, "")
    made = make(tmp_path / "tls", "cert", ["127.0.0.1", "localhost"])
    tls.use(made)
    yield made
    tls.use(None)


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


def test_calls_go_through_it(ours, keys):
    """With a certificate of the same authority, everything is as without TLS."""
    with NameServer(keys=keys) as nameserver, locate(nameserver.address, keys) as directory:
        directory.enter("a", "PYRO:x@127.0.0.1:1")
        assert directory.dispatchers()[0] == {"a": "PYRO:x@127.0.0.1:1"}
        directory.enter("b", "PYRO:" + "x" * 400 + "@127.0.0.1:1")
        assert len(directory.dispatchers()[0]) == 2


def test_silent_connections_block_nobody(ours, keys):
    """Neither those that say nothing nor those that stop within the TLS handshake."""
    with NameServer(keys=keys) as nameserver:
        silent = [socket.create_connection(parse_address(nameserver.address)) for _ in range(100)]
        for sock in silent[::2]:
            sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        began = time.monotonic()
        with locate(nameserver.address, keys):
            assert time.monotonic() - began < HANDSHAKE_S
        for sock in silent:
            sock.close()


def test_a_client_without_certificate_is_refused(ours, keys):
    """TLS is mutual."""
    context = ssl.create_default_context(cafile=ours.authority)
    with NameServer(keys=keys) as nameserver:
        with (
            socket.create_connection(parse_address(nameserver.address), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
            pytest.raises((ssl.SSLError, ConnectionResetError)),
        ):
            sock.recv(100)
        locate(nameserver.address, keys).close()


def test_a_plain_client_is_told(ours, keys):
    """It is closed, and its message says what may be the matter."""
    with NameServer(keys=keys) as nameserver:
        tls.use(None)
        with pytest.raises(UnreachableError, match="or uses TLS, which this process does not"):
            locate(nameserver.address, keys)


def test_a_plain_server_is_told(ours, keys):
    """We use TLS, and the nameserver does not."""
    tls.use(None)
    with NameServer(keys=keys) as nameserver:
        tls.use(ours)
        with pytest.raises(AuthenticationError, match="does not use TLS, and this process does"):
            locate(nameserver.address, keys)


def test_another_authority_is_refused(ours, keys, tmp_path: Path):
    """In both directions: neither believes the other."""
    other = make(tmp_path / "other", "cert", ["127.0.0.1"])
    with NameServer(keys=keys) as nameserver:
        tls.use(other)
        with pytest.raises(AuthenticationError, match="do not trust each other's TLS certificates"):
            locate(nameserver.address, keys)
        tls.use(tls.Tls(other.certificate, other.key, ours.authority))
        with pytest.raises(ClusterError, match=r"do not trust each other's TLS|does not trust our certificate"):
            locate(nameserver.address, keys)


def test_another_host_is_refused(ours, keys, tmp_path: Path):
    """A certificate of our authority, but for another machine."""
    tls.use(make(tmp_path / "tls", "elsewhere", ["elsewhere.example"]))
    with NameServer(keys=keys) as nameserver:
        tls.use(ours)
        with pytest.raises(AuthenticationError, match="TLS certificates"):
            locate(nameserver.address, keys)


def test_the_authority_is_made_once(tmp_path: Path):
    """More certificates are signed by the same one; private keys are private."""
    first = make(tmp_path, "one", ["127.0.0.1"])
    before = first.authority.read_bytes()
    make(tmp_path, "two", own_hosts())
    assert first.authority.read_bytes() == before
    for name in ("ca-key.pem", "one-key.pem", "two-key.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_options_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Options, else the environment; all three or none."""
    for name in tls.ENVIRONMENT:
        monkeypatch.setenv(name, "")
    assert tls.choose(None, None, None) is None
    assert tls.choose("c", "k", "a") == tls.Tls(Path("c"), Path("k"), Path("a"))
    with pytest.raises(
        InvalidValueError, match="TLS needs all of --tls-cert, --tls-key, --tls-ca: give --tls-ca as well"
    ):
        tls.choose("c", "k", None)
    monkeypatch.setenv("DAS_HPO_TLS_CA", "e")
    assert tls.choose("c", "k", None) == tls.Tls(Path("c"), Path("k"), Path("e"))


def test_children_inherit_it(ours):
    """What a process uses is in its environment for the workers it starts."""
    assert os.environ["DAS_HPO_TLS_CERT"] == str(ours.certificate)
    assert tls.choose(None, None, None) == ours


def test_files_are_checked(ours):
    """One that is missing, and a key that others can read."""
    with pytest.raises(AuthenticationError, match=r"there is no TLS file .*das-hpo tls init makes it"):
        tls.use(tls.Tls(ours.certificate.with_name("none"), ours.key, ours.authority))
    ours.key.chmod(0o644)
    with pytest.raises(AuthenticationError, match="open to others: chmod 600"):
        tls.use(ours)
    ours.key.chmod(0o600)
    ours.key.write_text("no key")
    with pytest.raises(AuthenticationError, match="TLS files"):
        tls.use(ours)


def test_many_calls_at_once(ours, keys):
    """Sixteen clients, hundreds of calls: records and messages do not fall on the same borders."""
    failures: list[BaseException] = []

    def call(address: str, number: int) -> None:
        try:
            with locate(address, keys) as directory:
                for size in range(1, 60):
                    mine = "PYRO:" + "x" * (size * 7) + "@127.0.0.1:1"
                    directory.enter(f"{number}", mine, directory.dispatchers()[0].get(str(number), ""))
                    assert len(directory.dispatchers()[0][str(number)]) == size * 7 + 17
        except BaseException as error:  # noqa: BLE001 (raised again in the main thread)
            failures.append(error)

    with NameServer(keys=keys) as nameserver:
        threads = [threading.Thread(target=call, args=(nameserver.address, number)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
