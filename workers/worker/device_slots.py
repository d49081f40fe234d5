"""Which GPU a worker takes where several are free: each the one with the fewest workers, by locks on files.

So workers that are started side by side, in terminals or in containers that share the folder, spread over the
GPUs of a machine without being told. A lock ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self

#: The folder of the locks; containers on one machine share it as a volume.
ENVIRONMENT = "DAS_HPO_GPU_LOCKS"

#: More workers than this on one GPU share its last place.
MOST = 64


def folder() -> Path:
    """``DAS_HPO_GPU_LOCKS``, else a folder of this user among the temporary files."""
    named = os.environ.get(ENVIRONMENT)
    return Path(named) if named else Path(tempfile.gettempdir()) / f"das-hpo-gpus-{os.getuid()}"


class DeviceSlot:
    """A device that is taken while this object is open.

    Args:
        devices: The devices to choose from; of those with equally few workers, the first.
        at: The folder of the locks; by default where :func:`folder` says. Where it cannot be used, the first
            device is taken without a lock.
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
            pass  # A read-only system: the workers share the first GPU, which is slower and not wrong.

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
    """The open, locked file; None if somebody else has it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
