"""The user's folders, of users who have a home and of one who has none."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from spaces.folders import user_folder

#: A number that no user of this machine has, as in a container that was started with ``--user 54321``.
NOBODY_KNOWN = 54321

#: Becomes that user, in a folder where it may write, and does what needs a home.
HOMELESS = """
import logging, os, pwd, sys
import storage.location, workers.kernels.cache, workers.transport.keys
from spaces.errors import DasHpoError
logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
os.environ = {name: value for name, value in os.environ.items() if name not in HIDDEN}
os.setgid(54321)
os.setuid(54321)
for use in (
    workers.transport.keys.key_path,
    workers.kernels.cache.cache_directory,
    lambda: storage.location.locate("postgresql://host/lab").spool,
):
    try:
        print(use())
    except DasHpoError as error:
        print(type(error).__name__, error)
""".replace("HIDDEN", repr(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "NUMBA_CACHE_DIR")))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody whom nobody knows")
def test_a_user_without_a_home_is_told_what_to_set(tmp_path: Path) -> None:
    """No folder named ``~`` is made, and nothing is called a defect."""
    with pytest.raises(KeyError):
        pwd.getpwuid(NOBODY_KNOWN)
    tmp_path.chmod(0o777)
    script = f"import os, sys\nsys.path.insert(0, {str(Path.cwd())!r})\nos.chdir({str(tmp_path)!r})\n{HOMELESS}"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    key, *cache, spool = process.stdout.splitlines()
    assert key.startswith("AuthenticationError")
    assert "set DAS_HPO_KEY_FILE to a file, or HOME" in key
    assert cache == [
        "compiling the kernels anew, as this user has no home to keep them in: set NUMBA_CACHE_DIR",
        "None",
    ]
    assert spool.startswith("DatabaseUnusableError")
    assert "set XDG_STATE_HOME, or HOME" in spool
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/cache", "HOME": "/home/me"}, "/cache"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache"),
        ({"XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache"),
        ({"HOME": ""}, f"{pwd.getpwuid(os.getuid()).pw_dir}/.cache"),
        ({"HOME": "~"}, None),
    ],
    ids=["named", "relative", "empty", "no-home", "tilde"],
)
def test_the_environment_names_the_folder(
    environment: dict[str, str], folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no absolute path does not count; without HOME the system's list of users is asked."""
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert user_folder("XDG_CACHE_HOME", ".cache") == (None if folder is None else Path(folder))
