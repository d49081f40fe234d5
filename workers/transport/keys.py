"""The key file: the secret with which every message between nameserver, dispatcher and workers is signed.

It holds one key a line. A process signs its messages with the first of its keys that the other side accepts. It
accepts messages that are signed with any of its keys. So keys can be replaced while everything runs: ``das-hpo key
new`` puts a new key before the old one, the file is copied to the other machines one after another, and ``das-hpo key
retire`` removes the old key.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
import tempfile
import threading
import time
from pathlib import Path

from spaces.errors import AuthenticationError
from spaces.folders import user_folder

ENVIRONMENT = "DAS_HPO_KEY_FILE"
LEAST_LENGTH = 32

#: Seconds between two looks whether the file has changed.
CHECK_EVERY_S = 1.0

log = logging.getLogger(__name__)


def key_path() -> Path:
    """Where the key file is: ``DAS_HPO_KEY_FILE``, else ``das-hpo/key`` in the user's config directory.

    Raises:
        AuthenticationError: If the environment does not name it and this user has no home directory.
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    config = user_folder("XDG_CONFIG_HOME", ".config")
    if config is None:
        raise AuthenticationError(
            f"there is no place for the key file, as this user has no home: set {ENVIRONMENT} to a file, or HOME"
        )
    return config / "das-hpo" / "key"


class KeyFile:
    """A key file that is read again when it changes. Safe to share between threads.

    Args:
        path: The file; None is the one that :func:`key_path` names.
        create: Whether the file is made, with one new key, if there is none.

    Raises:
        AuthenticationError: If the file cannot be read or made, holds no valid key, or is open to others.
    """

    def __init__(self, path: Path | str | None = None, *, create: bool = True) -> None:
        self.path = key_path() if path is None else Path(path)
        if create and not self.path.exists():
            _create(self.path)
        self._lock = threading.Lock()
        self._state = self._stat()
        self._keys = _read(self.path)
        self._checked = time.monotonic()

    def current(self) -> tuple[bytes, ...]:
        """The keys, newest first; those that were read last if the file cannot be read any more."""
        with self._lock:
            if time.monotonic() - self._checked > CHECK_EVERY_S:
                self._checked = time.monotonic()
                with contextlib.suppress(AuthenticationError):
                    self._reload(self._stat())
            return self._keys

    def _reload(self, state: tuple[int, int, int]) -> None:
        if state == self._state:
            return
        self._state = state
        try:
            self._keys = _read(self.path)
            log.info("read %d keys from %s, which has changed", len(self._keys), self.path)
        except AuthenticationError as error:
            log.warning("the key file cannot be read again, so the keys read before stay in use: %s", error)

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise AuthenticationError(_unreadable(self.path, error)) from None
        return found.st_mtime_ns, found.st_size, found.st_ino


def new_key(path: Path | str | None = None) -> Path:
    """Puts a new key before the newest one, which stays valid; makes the file if there is none. Returns its path.

    Raises:
        AuthenticationError: If the file cannot be read or written.
    """
    target = key_path() if path is None else Path(path)
    kept = _read(target)[:1] if target.exists() else ()
    _replace(target, (secrets.token_hex(32).encode(), *kept))
    return target


def retire_keys(path: Path | str | None = None) -> int:
    """Drops all keys but the newest; returns how many were dropped.

    Raises:
        AuthenticationError: If the file cannot be read or written.
    """
    target = key_path() if path is None else Path(path)
    keys = _read(target)
    _replace(target, keys[:1])
    return len(keys) - 1


def _read(path: Path) -> tuple[bytes, ...]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
            raise AuthenticationError(f"the key file {path} is not a regular file: name one with DAS_HPO_KEY_FILE")
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(65536)
    except OSError as error:
        raise AuthenticationError(_unreadable(path, error)) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AuthenticationError(
            f"the key file {path} is open to others (mode {stat.S_IMODE(mode):04o}): chmod 600 it, "
            "and make a new key if others may have read it"
        )
    keys = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith(b"#"))
    short = [key for key in keys if len(key) < LEAST_LENGTH or not key.isascii()]
    if not keys or short:
        raise AuthenticationError(
            f"the key file {path} must hold one key a line, each of at least {LEAST_LENGTH} ASCII characters"
        )
    return keys


def _create(path: Path) -> None:
    """Writes a file with a first key; if another process has just made the file, that one stays."""
    temporary = _write_beside(path, (secrets.token_hex(32).encode(),))
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    except OSError as error:
        raise AuthenticationError(_unwritable(path, error)) from None
    finally:
        os.unlink(temporary)


def _replace(path: Path, keys: tuple[bytes, ...]) -> None:
    temporary = _write_beside(path, keys)
    try:
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise AuthenticationError(_unwritable(path, error)) from None


def _write_beside(path: Path, keys: tuple[bytes, ...]) -> str:
    """Writes a file in the same directory; only its owner can read it, from its first moment on (mkstemp)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise AuthenticationError(_unwritable(path, error)) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"".join(key + b"\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _unreadable(path: Path, error: OSError) -> str:
    return f"the key file {path} cannot be read ({error.strerror}): copy it from the nameserver's machine, mode 0600"


def _unwritable(path: Path, error: OSError) -> str:
    return f"the key file {path} cannot be written ({error.strerror}): name another with {ENVIRONMENT}"
