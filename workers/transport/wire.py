"""The network: Pyro4 with serpent, keys and bounds, and the one way in which a process calls another.

Only builtin types cross it, nothing is ever unpickled, and every message is signed.
"""

from __future__ import annotations

import math
import secrets
import ssl
from collections.abc import Mapping
from typing import Any, Self

import Pyro4.core
import serpent
from Pyro4 import errors
from Pyro4.configuration import config

from spaces.errors import (
    AuthenticationError,
    ClusterError,
    InvalidValueError,
    UnreachableError,
    WireError,
)
from spaces.texts import cleaned, is_clean
from workers.transport.keys import KeyFile

#: The largest message, in bytes: an outcome of 1,000 epochs in the cell space has about 4 MB.
MAX_MESSAGE_SIZE = 16 * 1024 * 1024

#: The largest value, in bytes, that fits into a message beside its other parts.
MAX_VALUE_SIZE = MAX_MESSAGE_SIZE - 1024 * 1024

#: How deeply a value may be nested; an outcome has 5 levels.
MAX_DEPTH = 16

#: How many seconds a peer may take to answer a call.
TIMEOUT_S = 10.0

_SCALARS = (bool, int, float)

DISPATCHER_PREFIX = "das-hpo.dispatcher."
NAMESERVER_ID = "Pyro.NameServer"


#: The annotation that binds a message to its connection and its place in it.
STAMP = "DHPO"


def stamp(session: bytes, count: int) -> bytes:
    """The stamp of the ``count``-th message of a session and of its answer."""
    return session + count.to_bytes(8, "big")


def configure() -> None:
    """Configures Pyro4 for this process; calling it again changes nothing."""
    config.SERIALIZER = "serpent"
    config.SERIALIZERS_ACCEPTED = {"serpent"}
    config.MAX_MESSAGE_SIZE = MAX_MESSAGE_SIZE
    config.COMMTIMEOUT = TIMEOUT_S
    config.SOCK_NODELAY = True
    config.SERVERTYPE = "multiplex"
    config.AUTOPROXY = False  # a registered object that is sent by mistake must not become a proxy
    config.ITER_STREAMING = False
    config.COMPRESSION = False
    config.FLAME_ENABLED = False
    config.REQUIRE_EXPOSE = True
    config.DETAILED_TRACEBACK = False
    config.LOGWIRE = False
    config.MAX_RETRIES = 0
    config.NS_AUTOCLEAN = 0.0
    config.NATHOST = None
    config.NATPORT = 0


def native(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The same value in builtin types alone: numpy's scalars and arrays become numbers and lists, texts are cleaned.

    Raises:
        WireError: For a value that has no builtin counterpart, is nested too deeply, or is a number that must not cross
            (an integer beyond 64 bits, infinity, NaN).
    """
    kind = type(value)
    if kind is str:
        return cleaned(value)
    if value is None or kind in _SCALARS:
        return _number(value)
    if depth == 0:
        raise WireError(f"nested deeper than {MAX_DEPTH} levels")
    if kind is dict:
        return {native(key, depth - 1): native(item, depth - 1) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(native(item, depth - 1) for item in value)
    if kind.__module__ == "numpy":
        return native(value.tolist(), depth - 1)
    for base in (str, int, float):  # numpy.str_ and the like, and enumerations
        if issubclass(kind, base):
            return native(base(value), depth)
    raise WireError(f"only None, bool, int, float, str, list, tuple and dict cross the wire, got {kind.__name__}")


def require_room(value: Any, name: str) -> None:
    """Makes sure that a native value fits into a message.

    Raises:
        WireError: If it does not.
    """
    size = len(serpent.dumps(value))
    if size > MAX_VALUE_SIZE:
        raise WireError(f"{name} has {size} bytes, and at most {MAX_VALUE_SIZE} cross the wire")


def checked(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Checks that a value is of builtin types alone, with numbers and texts that a database can hold; returns it.

    Only types are looked at first: no attribute of an object in a hostile message is ever used.

    Raises:
        WireError: If it holds anything else.
    """
    kind = type(value)
    if kind is str:
        if not is_clean(value):
            raise WireError("a text must not hold a NUL or half a character, which cannot be stored")
        return value
    if value is None or kind in _SCALARS:
        return _number(value)
    if depth > 0 and kind is dict:
        for key, item in value.items():
            checked(key, 0)
            checked(item, depth - 1)
        return value
    if depth > 0 and kind in (list, tuple):
        for item in value:
            checked(item, depth - 1)
        return value
    raise WireError(f"a message must be of builtin types, got {kind.__name__}")


def _number(value: Any) -> Any:
    """Checks that a value, if it is a number, can be stored; returns it.

    Raises:
        WireError: If it cannot. The message does not name an integer, as Python does not print very long ones.
    """
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise WireError("an integer must fit into 64 bits")
    if type(value) is float and not math.isfinite(value):
        raise WireError(f"a number must be finite, got {value}")
    return value


def parse_address(text: str) -> tuple[str, int]:
    """Splits ``HOST:PORT`` (``[::1]:9090`` for IPv6).

    Raises:
        InvalidValueError: If it has another form.
    """
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidValueError(f"an address is HOST:PORT, for example 127.0.0.1:9090, got {text!r}")
    return host, int(port)


def format_address(host: str, port: int) -> str:
    """``HOST:PORT``, as :func:`parse_address` reads it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def uri(object_id: str, address: str) -> str:
    """The Pyro URI of an object at ``HOST:PORT``."""
    return f"PYRO:{object_id}@{address}"


class _Proxy(Pyro4.core.Proxy):  # type: ignore[misc]
    """A Pyro4 proxy that keeps what the other side answered when it accepted the connection."""

    def __init__(self, uri: Pyro4.core.URI) -> None:
        super().__init__(uri)
        object.__setattr__(self, "greeting", None)  # by itself Pyro would look for this attribute on the other side

    def _pyroValidateHandshake(self, response: Any) -> None:  # noqa: N802 (Pyro's name)
        object.__setattr__(self, "greeting", response)


class Remote:
    """An object of another process. It keeps one connection, opened by the first call; one thread at a time may call.

    Every method that das-hpo exposes may be called twice without harm. So if a kept connection turns out to be closed,
    the call is made once more over a new one.

    Args:
        uri: The object's Pyro URI.
        keys: The key file; None sends unsigned messages (``--insecure``).
        timeout_s: How many seconds connecting, or one answer, may take.
        lane: Which of the listener's threads answer this connection; empty for the usual ones.

    Raises:
        WireError: If the URI has another form.
    """

    def __init__(self, uri: str, keys: KeyFile | None, *, timeout_s: float = TIMEOUT_S, lane: str = "") -> None:
        configure()
        try:
            self._uri = Pyro4.core.URI(uri)
        except errors.PyroError:
            raise WireError(f"an object's address is PYRO:OBJECT@HOST:PORT, got {uri!r}") from None
        self._keys = keys
        self._timeout_s = timeout_s
        self._lane = lane
        self._proxy: _Proxy | None = None
        self._session = b""
        self._count = 0

    @property
    def address(self) -> str:
        """``HOST:PORT`` of the other process."""
        return str(self._uri.location)

    def call(self, method: str, *arguments: Any) -> Any:
        """Calls a method of the object.

        Raises:
            UnreachableError: If nobody answers in time.
            AuthenticationError: If the other side does not hold one of our keys.
            WireError: If the call or its answer is not of the agreed form.
        """
        for attempt in (1, 2):
            kept = self._proxy is not None
            try:
                return checked(self._invoke(method, arguments))
            except errors.ConnectionClosedError as error:
                self.close()
                if not kept or attempt == 2:
                    raise _translated(error, self.address, self._keys) from error
            except Exception as error:
                self.close()
                raise _translated(error, self.address, self._keys) from error
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Closes the connection; the next call opens a new one."""
        if self._proxy is not None:
            self._proxy._pyroRelease()
            self._proxy = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _invoke(self, method: str, arguments: tuple[Any, ...]) -> Any:
        """One call with a stamp, so that a recorded message cannot be used again, nor on another connection."""
        proxy = self._connected()
        self._count += 1
        mine = stamp(self._session, self._count)
        Pyro4.core.current_context.annotations = {STAMP: mine}
        answer = proxy._pyroInvoke(method, arguments, {})
        if bytes(Pyro4.core.current_context.response_annotations.get(STAMP, b"")) != mine:
            raise WireError(f"{self.address} answered another call than this one")
        return answer

    def _connected(self) -> _Proxy:
        if self._proxy is None:
            keys: tuple[bytes | None, ...] = (None,) if self._keys is None else self._keys.current()
            for key in keys:
                nonce = secrets.token_hex(16)
                proxy = _Proxy(self._uri)
                proxy._pyroHmacKey = key
                proxy._pyroTimeout = self._timeout_s
                proxy._pyroHandshake = {"lane": self._lane, "nonce": nonce}
                try:
                    proxy._pyroBind()
                    self._session, self._count = _session(proxy.greeting, nonce), 0
                except Exception as error:
                    proxy._pyroRelease()
                    if key == keys[-1] or not _is_security(error):
                        raise
                else:
                    self._proxy = proxy
                    return proxy
            raise AssertionError("there is at least one key")
        return self._proxy


def _session(greeting: Any, nonce: str) -> bytes:
    """The session that the other side has drawn; its answer must name our nonce."""
    if type(greeting) is not dict or greeting.get("nonce") != nonce or type(greeting.get("session")) is not str:
        raise WireError("this is not a nameserver or dispatcher of das-hpo, or it is one of another version")
    try:
        return bytes.fromhex(greeting["session"])
    except ValueError:
        raise WireError("the other side sent a session that is not hexadecimal") from None


def _is_security(error: BaseException | None) -> bool:
    """Whether a key was the reason of an error; Pyro hides it among the causes."""
    while error is not None:
        if isinstance(error, errors.SecurityError) or "hmac" in str(error):
            return True
        error = error.__cause__
    return False


def _translated(error: Exception, address: str, keys: KeyFile | None) -> ClusterError:
    """The error of :mod:`spaces.errors` that says what happened."""
    if isinstance(error, ClusterError):
        return error
    if _is_security(error):
        ours = "which has none" if keys is None else f"its key file is {keys.path}"
        return AuthenticationError(
            f"{address} holds another key than this process ({ours}): "
            "copy the key file of the nameserver's machine here"
        )
    if isinstance(error.__cause__, ssl.SSLEOFError):
        return AuthenticationError(
            f"{address} does not use TLS, and this process does: configure it on both sides, or on none"
        )
    if isinstance(error.__cause__, ssl.SSLError) or isinstance(error, ssl.SSLError) or "[SSL" in str(error):
        return AuthenticationError(f"{address} and this process do not trust each other's TLS certificates: {error}")
    if isinstance(error, errors.ProtocolError):
        return WireError(f"{address} does not answer as das-hpo does: {error}")
    if isinstance(error, errors.ConnectionClosedError):
        reason = "does not trust our certificate" if config.SSL else "uses TLS, which this process does not"
        return UnreachableError(f"{address} closed the connection: it has ended, or {reason}")
    if isinstance(error, errors.CommunicationError | OSError):
        return UnreachableError(f"nobody answers at {address} ({_short(error)})", refused=_is_refused(error))
    return WireError(f"{address} refused the call: {type(error).__name__}: {error}")


def _is_refused(error: BaseException | None) -> bool:
    """Whether the machine answered that no process listens there."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__
    return False


def _short(error: BaseException) -> str:
    cause = error.__cause__ or error
    return str(cause.strerror if isinstance(cause, OSError) and cause.strerror else cause)


def finite(value: Any, name: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    """Checks that a value of a message is a finite number within bounds; returns it as a float.

    Raises:
        WireError: If it is not.
    """
    if type(value) not in (int, float) or not least <= _number(value) <= most:
        raise WireError(f"{name} must be a number in [{least}, {most}]")
    return float(value)


def text(value: Any, name: str, *, most: int = 256) -> str:
    """Checks that a value of a message is a text of 1 to ``most`` characters that can be stored; returns it.

    Raises:
        WireError: If it is not.
    """
    if type(value) is not str or not 0 < len(value) <= most or not is_clean(value):
        raise WireError(f"{name} must be a text of 1 to {most} characters, without NUL")
    return value


def object_uri(value: Any) -> str:
    """Checks that a value of a message is ``PYRO:OBJECT@HOST:PORT``, and no other form that Pyro knows; returns it.

    Raises:
        WireError: If it is not.
    """
    found = text(value, "an address", most=512)
    object_id, _, address = found.removeprefix("PYRO:").rpartition("@")
    if not found.startswith("PYRO:") or not object_id:
        raise WireError(f"an address is PYRO:OBJECT@HOST:PORT, got {found!r}")
    try:
        parse_address(address)
    except InvalidValueError as error:
        raise WireError(str(error)) from None
    return found


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    """Checks that a value of a message is a dict of builtin types alone; returns it.

    Raises:
        WireError: If it is not.
    """
    if type(value) is not dict:
        raise WireError(f"{name} must be a mapping")
    checked(value)
    return value
