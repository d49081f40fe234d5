"""A PostgreSQL server for the tests: started in a moment, on a Unix socket, and gone with them."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_NAMES = itertools.count()


def _postgresql_binaries() -> Path | None:
    """The directory of initdb and postgres; Debian keeps them off the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = shutil.which("postgres")
    places += [Path(found).resolve().parent] if found else []
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


def _unprivileged() -> dict[str, Any]:
    """How to start a process as somebody who is not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


@contextmanager
def running_server(*options: str) -> Iterator[Path]:
    """The directory of the socket of a running server; its superuser is das_hpo, whom it trusts.

    Skips the test where no server is installed.
    """
    binaries = _postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    identity = _unprivileged()
    with tempfile.TemporaryDirectory(prefix="das-hpo-pg-") as name:
        directory = Path(name)
        if identity:
            os.chown(directory, identity["user"], identity["group"])
        data, log = directory / "data", directory / "log"
        made = subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "das_hpo", "-A", "trust", "-E", "UTF8", "--no-sync"],
            capture_output=True,
            text=True,
            cwd=directory,
            **identity,
        )
        assert made.returncode == 0, made.stderr
        with log.open("w") as output:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", directory, "-c", "listen_addresses=", "-F", *options],
                stdout=output,
                stderr=output,
                cwd=directory,
                **identity,
            )
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    psycopg.connect(host=name, user="das_hpo", dbname="postgres").close()
                    break
                except psycopg.OperationalError:
                    assert server.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.05)
            yield directory
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)


@contextmanager
def empty_database(server: Path, name: str = "") -> Iterator[str]:
    """The URL of an empty database of that server."""
    name = name or f"test{os.getpid()}_{next(_NAMES)}"
    with psycopg.connect(host=str(server), user="das_hpo", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"postgresql://das_hpo@/{name}?host={server}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
