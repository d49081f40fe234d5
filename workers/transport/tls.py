"""TLS between nameserver, dispatcher and workers: mutual, with a private authority.

Keys prove who speaks; TLS also keeps what is said from being read or replayed. All or none of the
processes that speak to each other use it. Pyro4 has one setting for a process, and so has this module.
"""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from Pyro4 import socketutil
from Pyro4.configuration import config

from spaces.errors import AuthenticationError, InvalidValueError

#: The environment's names of certificate, key and authority; what a process uses, its workers inherit.
ENVIRONMENT = ("DAS_HPO_TLS_CERT", "DAS_HPO_TLS_KEY", "DAS_HPO_TLS_CA")
OPTIONS = ("--tls-cert", "--tls-key", "--tls-ca")


@dataclass(frozen=True, slots=True)
class Tls:
    """The files, in PEM.

    Attributes:
        certificate: Our certificate, which names the hosts that we are reached at.
        key: Its private key.
        authority: The certificate of the authority that has signed ours and everybody else's.
    """

    certificate: Path
    key: Path
    authority: Path

    def server_context(self) -> ssl.SSLContext:
        """Takes only clients whose certificate our authority has signed.

        Raises:
            AuthenticationError: If a file cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._load(context)

    def client_context(self) -> ssl.SSLContext:
        """Takes only servers whose certificate our authority has signed for the host that is called.

        Raises:
            AuthenticationError: If a file cannot be used.
        """
        return self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def _load(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for path in (self.certificate, self.key, self.authority):
            if not path.is_file():
                raise AuthenticationError(f"there is no TLS file {path}: das-hpo tls init makes one")
        if self.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise AuthenticationError(f"the TLS key {self.key} is open to others: chmod 600 it")
        try:
            context.load_cert_chain(self.certificate, self.key)
            context.load_verify_locations(self.authority)
        except (ssl.SSLError, OSError) as error:
            files = f"{self.certificate}, {self.key}, {self.authority}"
            raise AuthenticationError(f"the TLS files {files} do not go together: {error}") from None
        return context


def choose(certificate: str | None, key: str | None, authority: str | None) -> Tls | None:
    """What the options name, else the environment; None if neither names anything.

    Raises:
        InvalidValueError: If only some of the three are named.
    """
    given = (certificate, key, authority)
    named = [path or os.environ.get(name) for path, name in zip(given, ENVIRONMENT, strict=True)]
    if not any(named):
        return None
    missing = [option for option, path in zip(OPTIONS, named, strict=True) if not path]
    if missing:
        raise InvalidValueError(f"TLS needs {', '.join(OPTIONS)}: {' and '.join(missing)} did not come")
    return Tls(*(Path(path) for path in named if path))


def use(tls: Tls | None) -> None:
    """Lets every connection of this process, from now on, use TLS, or none.

    Raises:
        AuthenticationError: If a file cannot be used.
    """
    # Pyro keeps one context of each kind: it gets ours, which trust nobody but our authority.
    setattr(socketutil, "__ssl_server_context", tls and tls.server_context())
    setattr(socketutil, "__ssl_client_context", tls and tls.client_context())
    config.SSL_SERVERCERT = str(tls.certificate) if tls else ""
    config.SSL_REQUIRECLIENTCERT = tls is not None
    config.SSL = tls is not None
    for name in ENVIRONMENT:
        os.environ.pop(name, None)
    if tls is not None:
        paths = (tls.certificate, tls.key, tls.authority)
        os.environ.update(zip(ENVIRONMENT, (str(path.absolute()) for path in paths), strict=True))


def server_context() -> ssl.SSLContext | None:
    """What listening sockets use."""
    return socketutil.getSSLcontext(servercert=config.SSL_SERVERCERT) if config.SSL else None
