"""Kernels on disk: compiled once, by whoever comes first, wherever something can be written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

#: Compiles the quickest of the kernels, uses it, and says whether it came from disk.
SCRIPT = """
import torch
from numba.core import event
from workers.kernels.noise import NormalStream
out = torch.empty(3)
with event.install_recorder("numba:compile") as recorder:
    NormalStream(5).fill(out)
print(len(recorder.buffer) > 0, out.tolist())
"""

#: Takes the lock of a directory of kernels as a worker does that compiles them, and keeps it.
HOLDER = """
import sys, time
from pathlib import Path
from workers.kernels import cache
with cache._locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    """A process that needs a kernel."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env={**os.environ, **environment}, **pipes)  # type: ignore[call-overload]


def finish(process: subprocess.Popen[str]) -> tuple[bool, str]:
    """Whether the process compiled, and the numbers it got."""
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    compiled, numbers = out.strip().split(" ", 1)
    return compiled == "True", numbers


def kept(place: Path) -> list[Path]:
    """The compiled functions below a directory."""
    return list(place.rglob("*.nbc"))


def test_two_processes_at_once_compile_once(tmp_path: Path) -> None:
    """Of two workers that start together one compiles, the other waits for it; a later one loads."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    together = [start(environment) for _ in range(2)]
    first, second = (finish(process) for process in together)
    assert sorted([first[0], second[0]]) == [False, True]
    assert len(kept(tmp_path)) == 1
    assert finish(start(environment)) == (False, first[1])
    assert first[1] == second[1]


def test_a_stopped_process_does_not_keep_the_others(tmp_path: Path) -> None:
    """Whoever waits for one that holds the lock and does not go on says so, names it, and compiles for itself."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    _, numbers = finish(start(environment))
    (lock,) = tmp_path.rglob("*.lock")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, lock.with_suffix("")], stdout=subprocess.PIPE, cwd=Path.cwd(), text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        impatient = "from workers.kernels import cache; cache.PATIENCE_S, cache.TELL_AFTER_S = 1.0, 0.2\n" + SCRIPT
        process = subprocess.run(
            [sys.executable, "-c", impatient],
            env={**os.environ, **environment}, capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
        assert process.stdout.strip().split(" ", 1) == ["True", numbers]
        assert f"waiting for process {holder.pid} on " in process.stderr
        assert "was not given up: compiling the kernels for this process alone" in process.stderr
    finally:
        holder.kill()
        holder.communicate()
    assert finish(start(environment)) == (False, numbers)


def test_damaged_file_is_compiled_anew(tmp_path: Path) -> None:
    """A file cut off by a crash does not stop a worker."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    _, numbers = finish(start(environment))
    (file,) = kept(tmp_path)
    file.write_bytes(file.read_bytes()[:100])
    assert finish(start(environment)) == (True, numbers)
    assert finish(start(environment)) == (False, numbers)


@pytest.mark.parametrize("place", ["user", "nowhere"])
def test_without_a_directory_of_its_own(tmp_path: Path, place: str) -> None:
    """By default the user's cache directory is used, never the package; where nothing can be written, memory."""
    home = tmp_path / "home"
    if place == "nowhere":
        home.write_text("a file is no directory")
    environment = {"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": str(home)}
    compiled, _ = finish(start(environment))
    assert compiled
    assert len(kept(tmp_path)) == (place == "user")


def test_another_cpu_has_kernels_of_its_own(tmp_path: Path) -> None:
    """Machines that share a home do not load each other's instructions."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    finish(start(environment))
    compiled, _ = finish(start({**environment, "NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": ""}))
    assert compiled
    assert len(kept(tmp_path)) == 2


#: Gets everything ready as a worker does, then computes a trial, and says whether numba compiled in it.
TRIAL = """
from numba.core import event
from spaces.hyperparameters import preset
from spaces.inverse_1d.trial import InverseTrial
from workers.kernels import prepare
from workers.trials.pipeline import run_trial
prepare("cpu", "{kernel}")
with event.install_recorder("numba:compile") as recorder:
    run_trial(InverseTrial(preset("H1"), 0.1, 1, operations="all", retrain=True), kernel="{kernel}")
print(len(recorder.buffer))
"""


@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_a_prepared_worker_compiles_nothing_in_a_trial(kernel: str) -> None:
    """So that the first trial's time is that of a trial."""
    done = subprocess.run(
        [sys.executable, "-c", TRIAL.format(kernel=kernel)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"
