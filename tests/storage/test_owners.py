"""Whether the process that owns a lease lives, found out with real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from das_hpo.service.ownership import process_identity
from storage.owners import lives, realm, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells when a process was started")


def owner(pid: int) -> str:
    """The name of a process as the owner of a lease."""
    return f"host:{pid}:{started(pid)}:{realm()}:random"


def test_a_process_lives_until_it_has_ended() -> None:
    """Also before its parent has noticed the end."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    named = owner(process.pid)
    assert lives(named) is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert started(process.pid) == ""
    assert lives(named) is False
    process.communicate()
    assert lives(named) is False


def test_this_process_lives() -> None:
    """By the name that a run's lease has."""
    assert lives(process_identity()) is True


@pytest.mark.parametrize(
    "named",
    [
        f"host:{os.getpid()}:1:another-boot:random",
        f"host:{os.getpid()}::{realm()}:random",
        f"host:x:1:{realm()}:random",
        "text",
        "",
    ],
    ids=["another machine", "no start", "no number", "text", "empty"],
)
def test_what_cannot_be_seen_from_here_is_unknown(named: str) -> None:
    """It may live: then only the end of its lease tells."""
    assert lives(named) is None


def test_a_process_id_that_is_used_again_is_another_process() -> None:
    """It was started at another time."""
    pid = os.getpid()
    assert lives(f"host:{pid}:{int(started(pid)) - 1}:{realm()}:random") is False
