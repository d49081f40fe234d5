"""Local workers: started, replaced a bounded number of times, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from das_hpo.launching.local import MAX_RESTARTS, LocalWorkers
from workers.transport.keys import KeyFile

#: Stands for `das-hpo worker`: notes its arguments, and serves until it is told to stop.
SCRIPT = """
import os, pathlib, sys, time
from das_hpo.launching.local import die_with_parent
die_with_parent()
pathlib.Path(sys.argv[1], str(os.getpid())).write_text(" ".join(sys.argv[2:]) + " " + os.environ["OMP_NUM_THREADS"])
{body}
"""


def command(directory: Path, body: str = "time.sleep(3600)") -> list[str]:
    """What LocalWorkers starts."""
    directory.mkdir(exist_ok=True)
    return [sys.executable, "-c", SCRIPT.format(body=body), str(directory)]


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Waits until it is true."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


def test_each_gets_its_device(tmp_path: Path, keys: KeyFile):
    """One process a device, one thread each, and all end with the block."""
    with LocalWorkers(
        "127.0.0.1:1",
        ["cpu", "cuda:1"],
        keys=keys,
        options=["--run", "a", "--capacity", "2"],
        command=command(tmp_path / "w"),
    ) as local:
        pids = local.pids()
        wait_for(lambda: all((tmp_path / "w" / str(pid)).exists() for pid in pids))
        wait_for(lambda: all((tmp_path / "w" / str(pid)).read_text() for pid in pids))
        said = sorted((tmp_path / "w" / str(pid)).read_text() for pid in pids)
        assert local.alive() == 2
    assert said == [
        "--nameserver 127.0.0.1:1 --run a --capacity 2 --device cpu 1",
        "--nameserver 127.0.0.1:1 --run a --capacity 2 --device cuda:1 1",
    ]
    assert not any(is_there(pid) for pid in pids)
    assert local.alive() == 0


def test_one_that_dies_is_replaced_and_told_of(tmp_path: Path, keys: KeyFile):
    """kill -9: another takes its place, and the name of the dead one is passed on."""
    told: list[str] = []
    with LocalWorkers("127.0.0.1:1", ["cpu"], keys=keys, exited=told.append, command=command(tmp_path / "w")) as local:
        [first] = local.pids()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: bool(told) and local.pids() != [first])
        assert told[0].endswith(f".{first}")
        assert not local.given_up


def test_one_that_always_dies_is_given_up(tmp_path: Path, keys: KeyFile):
    """A worker that cannot start is not started for ever."""
    with LocalWorkers("127.0.0.1:1", ["cpu"], keys=keys, command=command(tmp_path / "w", "sys.exit(3)")) as local:
        wait_for(lambda: local.given_up, 60.0)
        assert local.alive() == 0
    assert len(list((tmp_path / "w").iterdir())) == MAX_RESTARTS + 1


@pytest.mark.parametrize("body", ["time.sleep(3600)", "os.kill(os.getpid(), 19)"], ids=["running", "stopped"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_none_outlives_its_parent(tmp_path: Path, keys: KeyFile, number: int, body: str):
    """Whatever ends the parent, and even if the worker is stopped."""
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from workers.transport.keys import KeyFile\n"
            "from das_hpo.launching.local import LocalWorkers\n"
            f"LocalWorkers('127.0.0.1:1', ['cpu', 'cpu'], keys=KeyFile({str(keys.path)!r}),\n"
            f"             command={command(tmp_path / 'w', body)!r}).start(2)\n"
            "time.sleep(3600)\n",
        ]
    )
    wait_for(lambda: len(list((tmp_path / "w").iterdir())) == 2)
    pids = [int(path.name) for path in (tmp_path / "w").iterdir()]
    assert all(is_there(pid) for pid in pids)
    parent.send_signal(number)
    parent.wait()
    wait_for(lambda: not any(is_there(pid) for pid in pids))


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path, keys: KeyFile, monkeypatch: pytest.MonkeyPatch):
    """The block ends in bounded time."""
    monkeypatch.setattr("das_hpo.launching.local.END_S", 0.5)
    body = (
        "import signal; signal.signal(15, signal.SIG_IGN); pathlib.Path(sys.argv[1], 'ready').touch(); time.sleep(99)"
    )
    with LocalWorkers("127.0.0.1:1", ["cpu"], keys=keys, command=command(tmp_path / "w", body)) as local:
        wait_for(lambda: (tmp_path / "w" / "ready").exists())
        [pid] = local.pids()
    assert not is_there(pid)


def test_without_a_parent_nothing_happens():
    """A worker that was started by hand lives on its own."""
    script = "from das_hpo.launching.local import die_with_parent; die_with_parent(); print('alive')"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "alive\n"


def test_it_imports_no_torch():
    """Neither do the other modules of the control plane's side."""
    script = (
        "import sys, das_hpo.launching.local, workers.worker.devices, workers.worker.worker\n"
        "import workers.transport.wire, workers.transport.directory\n"
        "workers.worker.devices.local_devices('cpu', 2)\n"
        "print([name for name in ('torch', 'numba', 'ConfigSpace') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"
