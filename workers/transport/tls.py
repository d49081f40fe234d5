"""TLS between nameserver, dispatcher and workers: mutual, with a private authority.

Keys prove who sent a message; TLS also keeps messages from being read. Either all or none of the processes that
communicate use it. Pyro4 has one setting for the whole process, and :func:`use` is the one place that changes it.
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

#: The environment variables for certificate, key and authority; local workers inherit them.
ENVIRONMENT = ("DAS_HPO_TLS_CERT", "DAS_HPO_TLS_KEY", "DAS_HPO_TLS_CA")
OPTIONS = ("--tls-cert", "--tls-key", "--tls-ca")


@dataclass(frozen=True, slots=True)
class Tls:
    """The files that TLS needs, in PEM.

    Attributes:
        certificate: The certificate of this process, which names the hosts at which it is reached.
        key: Its private key.
        authority: The certificate of the authority that has signed every certificate in use.
    """

    certificate: Path
    key: Path
    authority: Path

    def server_context(self) -> ssl.SSLContext:
        """A context that accepts only clients whose certificate the authority has signed.

        Raises:
            AuthenticationError: If a file cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._load(context)

    def client_context(self) -> ssl.SSLContext:
        """A context that accepts only servers whose certificate the authority has signed for the host that is called.

        Raises:
            AuthenticationError: If a file cannot be used.
        """
        return self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def _load(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for path in (self.certificate, self.key, self.authority):
            if not path.is_file():
                raise AuthenticationError(f"there is no TLS file {path}: das-hpo tls init makes it")
        if self.key.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise AuthenticationError(f"the TLS key {self.key} is open to others: chmod 600 it")
        try:
            context.load_cert_chain(self.certificate, self.key)
            context.load_verify_locations(self.authority)
        except (ssl.SSLError, OSError) as error:
            files = f"{self.certificate}, {self.key}, {self.authority}"
            raise AuthenticationError(f"the TLS files {files} do not belong together: {error}") from None
        return context


def choose(certificate: str | None, key: str | None, authority: str | None) -> Tls | None:
    """The files that the options name, else those of the environment; None if neither names any.

    Raises:
        InvalidValueError: If only some of the three are named.
    """
    given = (certificate, key, authority)
    named = [path or os.environ.get(name) for path, name in zip(given, ENVIRONMENT, strict=True)]
    if not any(named):
        return None
    missing = [option for option, path in zip(OPTIONS, named, strict=True) if not path]
    if missing:
        raise InvalidValueError(f"TLS needs all of {', '.join(OPTIONS)}: give {' and '.join(missing)} as well")
    return Tls(*(Path(path) for path in named if path))


def use(tls: Tls | None) -> None:
    """Sets whether every connection that this process makes from now on uses TLS; changes its environment likewise.

    Args:
        tls: The files; None for connections without TLS.


    Raises:
        AuthenticationError: If a file cannot be used.
    """
    # Pyro keeps one context of each kind. It gets ours, which trust no authority but the one of the files.
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
    """The context of listening sockets; None without TLS."""
    return socketutil.getSSLcontext(servercert=config.SSL_SERVERCERT) if config.SSL else None
