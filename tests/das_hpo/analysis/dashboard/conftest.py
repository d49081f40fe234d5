"""The live page as its command serves it, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def dashboard(url: str, *options: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """Runs the command on a free port; gives the address that it prints, and ends it with Ctrl-C's signal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "das_hpo", "dashboard", "--db", url, "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line
        yield found.group().removesuffix("/")
    finally:
        process.send_signal(2)
        _, rest = process.communicate(timeout=60)
        assert rest in ("", "das-hpo: interrupted\n")
    assert process.returncode in (0, 130)


@pytest.fixture(scope="module")
def live(url: str) -> Iterator[str]:
    """The live page of the database that the tests of the report have, too."""
    with dashboard(url) as address:
        yield address
