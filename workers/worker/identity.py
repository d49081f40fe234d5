"""Who a worker is."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a worker is, and what it takes.

    Attributes:
        name: Unique among the nameserver's workers.
        host: Its machine.
        pid: Its process.
        device: ``cpu`` or ``cuda:0``.
        version: Of das-hpo.
        capacity: How many evaluations of equal shape are computed at once.
        only: The one run to be served; None serves all.
        tasks: The fingerprint of each task that it can run, by the task's name; empty for whatever it is given.
        session: Drawn anew for each process.
    """

    name: str
    host: str
    pid: int
    device: str
    version: str
    capacity: int = 1
    only: str | None = None
    tasks: Mapping[str, str] = field(default_factory=dict)
    session: str = field(default_factory=lambda: secrets.token_hex(8))
