"""Whose process an owner of a lease is, and whether it lives: ``HOST:PID:STARTED:REALM:RANDOM``."""

from __future__ import annotations

import os
from pathlib import Path


def started(pid: int) -> str:
    """When a living process was started, in the kernel's ticks: with the id, it names a process for good."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if words[0] in "ZX" else words[19]  # dead, and not yet collected by its parent
    except (OSError, IndexError):
        return ""


def realm() -> str:
    """Names the process ids that are seen from here: those of one boot of one machine or container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def lives(owner: str) -> bool | None:
    """Whether that owner's process lives; None where it cannot be seen from here."""
    parts = owner.split(":")
    if len(parts) != 5 or parts[3] != realm() or not parts[3] or not parts[2] or not parts[1].isdecimal():
        return None
    return started(int(parts[1])) == parts[2]
