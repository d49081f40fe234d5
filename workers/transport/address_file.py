"""The nameserver's address in a file: on a disk that all machines share, for clusters that choose the machine.

Wherever ``HOST:PORT`` of a nameserver is taken, ``file:PATH`` is, too. The file is read again when the nameserver that
it named does not answer any more, so a nameserver that was started again on another machine is found.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from spaces.errors import InvalidValueError, UnreachableError
from workers.transport.messages import host_name
from workers.transport.wire import parse_address

#: What an address begins with if a file holds it.
PREFIX = "file:"

#: The most that is read of such a file, in bytes.
_MOST = 4096


def path_of(address: str) -> Path | None:
    """The file that holds the address; None if the address is ``HOST:PORT`` itself.

    Raises:
        InvalidValueError: If no path follows the prefix.
    """
    if not address.startswith(PREFIX):
        return None
    path = address.removeprefix(PREFIX)
    if not path:
        raise InvalidValueError(f"{PREFIX} needs the path of an address file, as in {PREFIX}/shared/das-hpo/nameserver")
    return Path(path)


def require_address(address: str) -> None:
    """Makes sure that it has the form ``HOST:PORT`` or ``file:PATH``; the file need not be there yet.

    Raises:
        InvalidValueError: If it has neither.
    """
    if path_of(address) is None:
        parse_address(address)


def resolve(address: str) -> str:
    """``HOST:PORT`` of an address that may be ``file:PATH``.

    Raises:
        InvalidValueError: If it has neither form.
        UnreachableError: If the file is not there, or holds no address.
    """
    path = path_of(address)
    if path is None:
        return address
    return _read(path)[0]


def origin(address: str) -> str:
    """Where an address comes from, for a message: empty for ``HOST:PORT``, else what the file says of who wrote it."""
    path = path_of(address)
    if path is None:
        return ""
    try:
        where, written = _read(path)
    except UnreachableError:
        return ""
    return (
        f"; the address file {path} names {where}{f', {written}' if written else ''}: if that nameserver has ended, "
        "start it again with --address-file"
    )


def write(path: Path, where: str) -> None:
    """Writes the address of this process's nameserver: a reader finds the old file or the complete new one.

    Raises:
        OSError: If it cannot be written.
    """
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    draft = path.with_name(f".{path.name}.{host_name()}.{os.getpid()}")
    try:
        draft.write_text(f"{where}\nwritten at {at} by process {os.getpid()} of {host_name()}\n")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def remove(path: Path, where: str) -> None:
    """Removes the file, if it still holds this address: another nameserver may have written its own meanwhile."""
    with contextlib.suppress(UnreachableError, OSError):
        if _read(path)[0] == where:
            path.unlink()


def _read(path: Path) -> tuple[str, str]:
    """The address, and who wrote it when.

    Raises:
        UnreachableError: If the file is not there, or holds no address.
    """
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST).decode(errors="replace").splitlines()
    except OSError as error:
        raise UnreachableError(
            f"the address file {path} cannot be read ({error.strerror}): das-hpo nameserver --address-file writes it, "
            "on a disk that both machines see"
        ) from None
    where = lines[0].strip() if lines else ""
    try:
        parse_address(where)
    except InvalidValueError:
        raise UnreachableError(
            f"the address file {path} holds no HOST:PORT in its first line, but {where[:80]!r}: das-hpo nameserver "
            "--address-file writes it"
        ) from None
    return where, lines[1].strip() if len(lines) > 1 else ""
