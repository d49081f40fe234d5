"""Makes a private certificate authority and certificates, for tests of TLS and for labs without their own."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.errors import AuthenticationError
from workers.transport.tls import Tls

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

#: Every certificate is valid for these hosts: a run's own nameserver and workers use them.
LOOPBACK = ("localhost", "127.0.0.1", "::1")

VALID_DAYS = 825
AUTHORITY_DAYS = 3650


def make(directory: Path, name: str, hosts: Sequence[str]) -> Tls:
    """Makes a certificate for hosts, signed by the authority in the directory, which is made if there is none.

    Args:
        directory: Holds ``ca.pem`` and ``ca-key.pem``; the certificate becomes ``NAME.pem`` and ``NAME-key.pem``.
        name: The certificate's name.
        hosts: Names and addresses at which its owner is reached.

    Returns:
        The files of the certificate, its key and its authority.

    Raises:
        AuthenticationError: If the directory or the authority cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority, authority_key = _authority(directory)
        key = _new_key()
        certificate = _sign(name, key.public_key(), authority.subject, authority_key, VALID_DAYS, _names(hosts), False)
        _write(directory / f"{name}-key.pem", _private(key), 0o600)
        _write(directory / f"{name}.pem", _public(certificate), 0o644)
    except (OSError, ValueError) as error:
        raise AuthenticationError(f"no certificate could be made in {directory}: {error}") from None
    return Tls(directory / f"{name}.pem", directory / f"{name}-key.pem", directory / "ca.pem")


def own_hosts() -> list[str]:
    """The names and addresses of this machine, as far as it knows them."""
    hosts = [*LOOPBACK, socket.gethostname(), socket.getfqdn()]
    with contextlib.suppress(OSError):  # the host cannot resolve its own name
        hosts += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None)]
    return list(dict.fromkeys(hosts))


def _authority(directory: Path) -> tuple[Certificate, EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certificate_path, key_path = directory / "ca.pem", directory / "ca-key.pem"
    if certificate_path.exists():
        key = load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise ValueError(f"{key_path} is not a key that das-hpo made")
        return x509.load_pem_x509_certificate(certificate_path.read_bytes()), key
    key = _new_key()
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "das-hpo authority")])
    certificate = _sign("das-hpo authority", key.public_key(), subject, key, AUTHORITY_DAYS, None, True)
    _write(key_path, _private(key), 0o600)
    _write(certificate_path, _public(certificate), 0o644)
    return certificate, key


def _sign(
    name: str, public_key: Any, issuer: Any, key: EllipticCurvePrivateKey, days: int, names: Any, is_authority: bool
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


def _names(hosts: Sequence[str]) -> list[Any]:
    from cryptography import x509

    names: list[Any] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host.partition("%")[0])))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _private(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Writes a file beside and renames it; it has the mode from its first moment on."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(temporary, path)
