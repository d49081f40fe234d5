"""The user's own folders, as the XDG base directory specification names them; there need not be a home."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def user_folder(variable: str, below_home: str) -> Path | None:
    """The folder that the environment's variable names, else the one below the user's home.

    Args:
        variable: For example ``XDG_CACHE_HOME``; what is no absolute path does not count, as the specification says.
        below_home: For example ``.cache``.

    Returns:
        The folder, which need not be there; None if neither the environment nor the system's users know a home, as in
        a container of a user without a name.
    """
    named = os.environ.get(variable, "")
    if os.path.isabs(named):
        return Path(named)
    home = os.environ.get("HOME") or _home_of_record()
    return Path(home, below_home) if os.path.isabs(home) else None


def _home_of_record() -> str:
    with suppress(ImportError, KeyError):  # no such list of users on this system; not in it
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    return ""
