"""Writes files so that they exist completely or not at all; devices and pipes are written into."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

#: How long to wait for a reader of a named pipe, and how often to look for one.
READER_S = 60.0
_LOOK_EVERY_S = 0.2

log = logging.getLogger(__name__)


def write_file(target: Path, write: Callable[[Path], object]) -> None:
    """Writes a file so that a reader finds either the old file or the complete new one.

    A link stays, and what it names is written. A device, a pipe, and this process's own stdout or stderr are never
    replaced: the whole content is written into them.

    Args:
        target: The file; its folder must be there.
        write: Writes the content to the path that it is given.

    Raises:
        OSError: If it cannot be written; a regular file is as it was.
    """
    if _is_stream(target):
        with tempfile.TemporaryDirectory(prefix="das-hpo-") as folder:
            draft = Path(folder) / "draft"
            write(draft)
            _pour(draft, target)
    else:
        _write_file(Path(os.path.realpath(target)), write)


def _is_stream(target: Path) -> bool:
    try:
        found = target.stat()
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(found.st_mode) or _own_stream(found) is not None


def _own_stream(found: os.stat_result) -> int | None:
    """Which of stdout and stderr that file is (``-o /dev/stdout``, also with ``> FILE``); None if neither."""
    for descriptor in (1, 2):
        try:
            if os.path.samestat(found, os.fstat(descriptor)):
                return descriptor
        except OSError:
            pass  # closed
    return None


def _pour(draft: Path, target: Path) -> None:
    """Writes the draft's content into what is there."""
    own = _own_stream(target.stat())
    # A copy of our own stream keeps its place in the file: what the shell wrote there before stays.
    descriptor = os.dup(own) if own is not None else _open_stream(target)
    with draft.open("rb") as source, os.fdopen(descriptor, "wb") as sink:
        shutil.copyfileobj(source, sink)


def _open_stream(target: Path) -> int:
    """Opens it for writing; a named pipe once it has a reader.

    Raises:
        OSError: If it cannot be opened, or nobody reads the pipe for :data:`READER_S`.
    """
    until = time.monotonic() + READER_S
    told = False
    while True:
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            os.set_blocking(descriptor, True)
            return descriptor
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(target.stat().st_mode):
                raise
        if time.monotonic() > until:
            raise OSError(f"nobody reads the pipe {target}: start a reader, as in cat {target}, and try again")
        if not told:
            told = True
            log.warning("waiting for somebody to read the pipe %s, for %.0f s at most (Ctrl-C ends)", target, READER_S)
        time.sleep(_LOOK_EVERY_S)


def _write_file(target: Path, write: Callable[[Path], object]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        write(temporary)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's files are the owner's alone; a result is like any file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
