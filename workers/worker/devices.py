"""Which devices this machine has, found out without importing torch in this process."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from spaces.errors import DeviceError, InvalidValueError

AUTO = "auto"
CPU = "cpu"
CUDA = "cuda"

#: Files of which a machine with a GPU has at least one.
_SIGNS = ("/dev/nvidia0", "/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/kfd", "/dev/dxg")

_PROBE = "import torch; print('das-hpo:', torch.cuda.device_count() if torch.cuda.is_available() else 0)"
_PROBE_S = 120.0


def local_devices(device: str = AUTO, workers: int | None = None) -> list[str]:
    """The device of each local worker.

    Args:
        device: ``auto`` (all GPUs, else the CPU), ``cpu``, ``cuda`` (all GPUs), or a list such as
            ``cuda:0,cuda:1``.
        workers: How many workers; None is one for each GPU, else one for each CPU core.

    Raises:
        InvalidValueError: If the device has another form.
        DeviceError: If a GPU is asked for that is not there.
    """
    devices = _resolve(device)
    if workers is None:
        workers = cpu_count() if devices == [CPU] else len(devices)
    return [devices[number % len(devices)] for number in range(workers)]


def check_device(device: str) -> str:
    """The one device of a worker: ``auto`` is the first GPU, else the CPU.

    Raises:
        InvalidValueError: If it is not one device.
        DeviceError: If it is not there.
    """
    devices = _resolve(device)
    if device not in (AUTO, CUDA) and len(devices) != 1:
        raise InvalidValueError(f"a worker has one device, got {device!r}: start a worker for each")
    return devices[0]


def check_kernel(kernel: str, devices: Iterable[str]) -> None:
    """Refuses fused kernels, which are for CPUs alone, on a GPU.

    Raises:
        InvalidValueError: If they are asked for on a GPU.
    """
    gpus = [device for device in devices if device.partition(":")[0] == CUDA]
    if kernel == "fused" and gpus:
        raise InvalidValueError(
            f"the kernel fused computes on CPUs alone, and the device is {', '.join(dict.fromkeys(gpus))}: "
            "use --device cpu, or --kernel auto or torch"
        )


def cpu_count() -> int:
    """How many CPU cores this process may use, by its affinity and its container's quota."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass  # no quota
    return max(1, cores)


def _resolve(device: str) -> list[str]:
    if device == CPU:
        return [CPU]
    if device == AUTO:
        count = _gpu_count() if _may_have_gpu() else 0
        return [f"{CUDA}:{number}" for number in range(count)] or [CPU]
    names = device.split(",")
    if any(name != CUDA and not _is_numbered(name) and name != CPU for name in names) or (
        len(names) > 1 and CUDA in names
    ):
        raise InvalidValueError(f"a device is auto, cpu, cuda, or a list such as cuda:0,cuda:1, got {device!r}")
    if CUDA not in device:
        return names
    count = _gpu_count()
    if count == 0:
        raise DeviceError(
            f"--device {device} needs a GPU, and torch finds none on this machine: use --device cpu or auto"
        )
    if names == [CUDA]:
        return [f"{CUDA}:{number}" for number in range(count)]
    missing = [name for name in names if _is_numbered(name) and int(name.partition(":")[2]) >= count]
    if missing:
        there = ", ".join(f"{CUDA}:{number}" for number in range(count))
        raise DeviceError(f"there is no {', '.join(missing)} on this machine: there are {there}")
    return names


def _is_numbered(name: str) -> bool:
    kind, colon, number = name.partition(":")
    return kind == CUDA and bool(colon) and number.isdecimal() and len(number) < 4


def _may_have_gpu() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return any(os.path.exists(sign) for sign in _SIGNS) or shutil.which("nvidia-smi") is not None


def _gpu_count() -> int:
    """How many GPUs torch can use, found out by a process of its own: this one never imports torch."""
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(f"torch did not say within {_PROBE_S:.0f} s which GPUs there are: use --device cpu") from None
    for line in probe.stdout.splitlines():
        if line.startswith("das-hpo:"):
            return int(line.split()[1])
    last = (probe.stderr.strip().splitlines() or ["nothing"])[-1]
    raise DeviceError(f"torch could not say which GPUs there are ({last}): use --device cpu")
