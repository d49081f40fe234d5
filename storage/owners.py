"""Which process the owner of a lease is, and whether it lives. An owner is ``HOST:PID:STARTED:REALM:RANDOM``."""

from __future__ import annotations

import os
from pathlib import Path


def started(pid: int) -> str:
    """When a living process was started, in the kernel's ticks; empty if it does not live.

    Together with the process id this names a process uniquely, although ids are used again.
    """
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if words[0] in "ZX" else words[19]  # it has ended, and its parent has not noticed yet
    except (OSError, IndexError):
        return ""


def realm() -> str:
    """Names the boot of the machine or container whose process ids can be seen from here; empty if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def lives(owner: str) -> bool | None:
    """Whether an owner's process lives; None if that cannot be seen from this machine."""
    parts = owner.split(":")
    if len(parts) != 5 or parts[3] != realm() or not parts[3] or not parts[2] or not parts[1].isdecimal():
        return None
    return started(int(parts[1])) == parts[2]
