"""Workers side by side spread over the GPUs, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workers.worker.device_slots import DeviceSlot

GPUS = ("cuda:0", "cuda:1")


def taken(at: Path) -> subprocess.Popen[str]:
    """A process that has taken a place, and says on stdout which device it is."""
    code = (
        "import sys, pathlib; from workers.worker.device_slots import DeviceSlot\n"
        f"with DeviceSlot({GPUS!r}, pathlib.Path(sys.argv[1])) as place:\n"
        "    print(place.device, flush=True)\n    sys.stdin.read()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(at)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def device(process: subprocess.Popen[str]) -> str:
    """What it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_each_worker_takes_the_device_with_the_fewest(tmp_path: Path) -> None:
    """The third shares the first GPU; a killed worker's place is free at once."""
    workers = []
    for expected in ("cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"):
        workers.append(taken(tmp_path))
        assert device(workers[-1]) == expected
    workers[1].kill()
    workers[1].communicate()
    workers.append(taken(tmp_path))
    assert device(workers[-1]) == "cuda:1"
    for worker in workers:
        worker.kill()
        worker.communicate()


def test_one_device_needs_no_lock(tmp_path: Path) -> None:
    """Nothing is written."""
    with DeviceSlot(("cpu",), tmp_path / "locks") as place:
        assert place.device == "cpu"
    assert list(tmp_path.iterdir()) == []


def test_where_no_lock_can_be_had_the_first_device_is_taken(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "locks").write_text("")
    with DeviceSlot(GPUS, tmp_path / "locks") as place:
        assert place.device == "cuda:0"
