"""Whether a SQLite file has only one name, which its log needs.

SQLite keeps its write-ahead log beside the name under which the file was opened. A file with a second name (a hard
link, or a bind mount of the single file, as ``docker run -v FILE:FILE`` makes one) has a second log. What is committed
to one log cannot be seen through the other name, and is overwritten later.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from spaces.errors import DatabaseUnusableError
from storage.location import Location

#: The mounts that this process sees; the fifth word of a line is the path, with spaces and the like as octal numbers.
_MOUNTS = Path("/proc/self/mountinfo")


def draft_of(path: Path, *who: int) -> Path:
    """The name under which a new database is made, before it is linked to its place."""
    return path.with_name(".".join(["", path.name, *map(str, who), "new"]))


def further_names(path: Path) -> str | None:
    """What is wrong, and what to do, in one line, if the file has a further name; None if it has none."""
    if _links(path) > 1:
        _remove_own_drafts(path)
        links = _links(path)
        if links > 1:
            return (
                f"the database {path} has {links} names (hard links), each with a log of its own, so that results "
                "would be lost: end what uses it, keep the name that has a file NAME-wal beside it (any one, if none "
                "has), and remove the others"
            )
    if _is_mounted(path):
        return (
            f"the database {path} is mounted as a single file, whose log would stay outside the mount, so that results "
            "would be lost: mount its folder instead, as in docker run -v FOLDER:FOLDER"
        )
    return None


def require_sole_name(location: Location) -> None:
    """Refuses to write to a file that has a further name.

    Raises:
        DatabaseUnusableError: If it has one; says of which kind, and what to do.
    """
    problem = further_names(location.path) if location.path is not None else None
    if problem is not None:
        raise DatabaseUnusableError(problem)


def _links(path: Path) -> int:
    try:
        return path.stat().st_nlink
    except OSError:
        return 1  # there is no file yet, or it cannot be looked at: opening it gives the error


def _remove_own_drafts(path: Path) -> None:
    """Removes the names under which this very file was made: the process that made it may have been killed.

    If that process still lives, it is about to do the same: after the file is linked to its place, this is its last
    step.
    """
    drafts = re.compile(re.escape(f".{path.name}.") + r"\d+\.\d+\.new")
    with suppress(OSError):
        for draft in path.parent.iterdir():
            if drafts.fullmatch(draft.name):
                with suppress(OSError):
                    if draft.samefile(path):
                        draft.unlink()


def _is_mounted(path: Path) -> bool:
    """Whether the file itself is a mount point; False if the system does not tell."""
    with suppress(OSError):
        mounted = os.fsencode(path)
        for line in _MOUNTS.read_bytes().splitlines():
            words = line.split(b" ")
            if len(words) > 4 and _unescaped(words[4]) == mounted:
                return True
    return False


def _unescaped(word: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), word)
