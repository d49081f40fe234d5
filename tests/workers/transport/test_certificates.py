"""A private authority and its certificates, checked by the ssl module and by cryptography."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from spaces.errors import AuthenticationError
from workers.transport.certificates import LOOPBACK, make, own_hosts


def test_two_certificates_of_one_authority_trust_each_other(tmp_path: Path) -> None:
    """A real handshake over loopback, each side checking the other."""
    server, client = make(tmp_path, "server", ["127.0.0.1"]), make(tmp_path, "client", ["127.0.0.1"])
    assert server.authority.read_bytes() == client.authority.read_bytes()
    listening = socket.create_server(("127.0.0.1", 0))
    said: list[bytes] = []

    def serve() -> None:
        accepted, _ = listening.accept()
        with server.server_context().wrap_socket(accepted, server_side=True) as secured:
            said.append(secured.recv(5))
            secured.sendall(b"heard")

    thread = threading.Thread(target=serve)
    thread.start()
    plain = socket.create_connection(listening.getsockname())
    with client.client_context().wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        secured.sendall(b"hello")
        assert secured.recv(5) == b"heard"
    thread.join(10)
    listening.close()
    assert said == [b"hello"]


def test_a_certificate_is_for_its_hosts_alone(tmp_path: Path) -> None:
    """Names and addresses as the certificate's alternative names; the authority signs, the others do not."""
    made = make(tmp_path, "gpu1", ["gpu1.example", "10.0.0.7", "fe80::1%eth0"])
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gpu1.example"]
    addresses = [ipaddress.ip_address("10.0.0.7"), ipaddress.ip_address("fe80::1")]
    assert names.get_values_for_type(x509.IPAddress) == addresses
    authority = x509.load_pem_x509_certificate(made.authority.read_bytes())
    certificate.verify_directly_issued_by(authority)
    for found, is_authority in ((certificate, False), (authority, True)):
        assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is is_authority


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Also in a folder that is open to all; certificates may be read by others."""
    made = make(tmp_path / "tls", "gpu1", LOOPBACK)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls" / "ca-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(made.certificate.stat().st_mode) == 0o644
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.certificate, made.key)


@pytest.mark.parametrize("content", [b"", b"text", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"])
def test_an_authority_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes) -> None:
    """It is not replaced: other certificates may be of it."""
    make(tmp_path, "first", LOOPBACK)
    (tmp_path / "ca-key.pem").write_bytes(content)
    with pytest.raises(AuthenticationError, match="no certificate could be made in"):
        make(tmp_path, "second", LOOPBACK)
    assert (tmp_path / "ca-key.pem").read_bytes() == content
    assert not (tmp_path / "second.pem").exists()


def test_this_machines_own_names_are_found() -> None:
    """Each once, loopback first."""
    hosts = own_hosts()
    assert hosts[: len(LOOPBACK)] == list(LOOPBACK)
    assert socket.gethostname() in hosts
    assert len(set(hosts)) == len(hosts)
