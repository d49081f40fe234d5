"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_then_rename(target: Path, write: Callable[[Path], object]) -> None:
    """Whoever reads the target finds the old file or the whole new one.

    Args:
        target: The file; its folder must be there.
        write: Writes the content to the path that it is given.

    Raises:
        OSError: If it cannot be written; the target is as it was.
    """
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
