"""Devices: found without importing torch, and refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spaces.errors import DeviceError, InvalidValueError
from workers.worker.devices import check_device, check_kernel, cpu_count, local_devices

torch = pytest.importorskip("torch")
GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0


def test_cpu_has_one_worker_a_core():
    """As many as this process may use."""
    assert local_devices("cpu") == ["cpu"] * cpu_count()
    assert 1 <= cpu_count() <= len(os.sched_getaffinity(0))


def test_the_number_of_workers_is_as_asked():
    """Devices are shared out in turns."""
    assert local_devices("cpu", 3) == ["cpu"] * 3


def test_devices_are_shared_out_in_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Three workers on two GPUs, of which another torch tells the process that is asked."""
    (tmp_path / "torch.py").write_text("class cuda:\n    is_available = lambda: True\n    device_count = lambda: 2\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert local_devices("cuda", 3) == ["cuda:0", "cuda:1", "cuda:0"]
    assert local_devices("cuda:1,cuda:0") == ["cuda:1", "cuda:0"]
    assert local_devices("cuda:1,cpu") == ["cuda:1", "cpu"]
    with pytest.raises(DeviceError, match="there is no cuda:2 on this machine: there are cuda:0, cuda:1"):
        local_devices("cuda:0,cuda:2")


def test_auto_takes_what_there_is():
    """All GPUs, else the CPU."""
    expected = [f"cuda:{number}" for number in range(GPUS)] or ["cpu"] * cpu_count()
    assert local_devices() == expected


@pytest.mark.skipif(GPUS > 0, reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:0,cuda:1"])
def test_a_gpu_that_is_not_there_is_said(device: str):
    """With what to do."""
    with pytest.raises(
        DeviceError, match=f"{device} needs a GPU, and torch finds none on this machine: use --device cpu or auto"
    ):
        local_devices(device)


@pytest.mark.parametrize("device", ["", "gpu", "cuda:", "cuda:x", "cuda,cuda:0", "cpu:0", "auto,cpu", "cuda:0,"])
def test_what_is_no_device(device: str):
    """With what is one."""
    with pytest.raises(InvalidValueError, match="a device is auto, cpu, cuda, or a list such as cuda:0,cuda:1"):
        local_devices(device)


def test_a_worker_has_one_device():
    """A list is for local workers."""
    assert check_device("cpu") == "cpu"
    with pytest.raises(InvalidValueError, match="a worker has one device, got 'cpu,cpu'"):
        check_device("cpu,cpu")


def test_fused_kernels_are_for_cpus():
    """A GPU that auto found is refused with the kernel fused, as is one that was named; nothing else is."""
    for kernel, devices in (("fused", ["cpu"]), ("fused", ["auto"]), ("torch", ["cuda:0"]), ("auto", ["cuda:0"])):
        check_kernel(kernel, devices)
    for devices in (["cuda"], ["cuda:1"], ["cpu", "cuda:0", "cuda:0"]):
        with pytest.raises(InvalidValueError, match=rf"fused .* {devices[-1]}: use --device cpu, or --kernel"):
            check_kernel("fused", devices)
