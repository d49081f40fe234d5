"""Which database files this process has open, since none of them may be opened past SQLite.

SQLite's locks on a file belong to the process (POSIX advisory locks): when any handle on it is closed, all of them are
gone. Another process that closes the database then takes itself for the last one, and removes the log that connections
of this process still read from and write to (https://sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from storage.location import is_empty

_lock = threading.Lock()
_open: Counter[tuple[int, int]] = Counter()


def enter(path: Path) -> bool:
    """Counts a file as open until :func:`leave`; returns whether it is empty.

    Its first bytes are looked at only if this process does not have it open, so that it is known to be sound.

    Raises:
        DatabaseMissingError: If there is no file.
        DatabaseUnusableError: If it cannot be read, or is no SQLite database.
    """
    with _lock:
        found = identity(path)
        empty = is_empty(path) if found is None or not _open[found] else False
        found = found or identity(path)
        if found is not None:
            _open[found] += 1
        return empty


def leave(found: tuple[int, int] | None) -> None:
    """Counts a file as closed once; ``found`` is its identity when it was opened."""
    with _lock:
        if found is not None and _open[found] > 0:
            _open[found] -= 1


def identity(path: Path | None) -> tuple[int, int] | None:
    """Device and number of a file, which identify it whatever its name is; None if there is none."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None
