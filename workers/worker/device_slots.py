"""Which GPU a worker takes: the one with the fewest workers, counted by locks on files.

So workers that are started side by side, in terminals or in containers that share the folder, spread over the GPUs of a
machine by themselves. A lock ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

#: The environment variable that names the folder of the locks; containers of one machine may share it as a volume.
ENVIRONMENT = "DAS_HPO_GPU_LOCKS"

#: The most workers on one GPU that are counted.
MOST = 64


def folder() -> Path:
    """``DAS_HPO_GPU_LOCKS``, else a folder of this user among the temporary files."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else Path(tempfile.gettempdir()) / f"das-hpo-gpus-{os.getuid()}"


class DeviceSlot:
    """A worker's place on a device, held until it is closed: ``with DeviceSlot(devices) as slot: slot.device``.

    Args:
        devices: The devices to choose from; of several with equally few workers, the first is taken.
        at: The folder of the locks; None is the one that :func:`folder` names. If it cannot be used, the first device
            is taken without a lock.
    """

    def __init__(self, devices: Sequence[str], at: Path | None = None) -> None:
        self.device = devices[0]
        self._lock: BinaryIO | None = None
        if len(devices) < 2:
            return
        try:
            at = folder() if at is None else at
            at.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(MOST):
                for device in devices:
                    self._lock = _locked(at / f"{device.replace(':', '-')}.{number}")
                    if self._lock is not None:
                        self.device = device
                        return
        except OSError:
            pass  # On a read-only system all workers share the first GPU, which is slower but not wrong.

    def close(self) -> None:
        """Gives the place back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _locked(path: Path) -> BinaryIO | None:
    """The file, open and locked; None if another process has locked it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
