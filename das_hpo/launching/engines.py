"""Which engines place workers, beside the local processes of :mod:`das_hpo.launching.local`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from das_hpo.launching.engine import Engine, Placement
from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from workers.transport.keys import KeyFile

#: The engine that needs no other software.
LOCAL = "local"


def _slurm(placement: Placement, options: Sequence[str], keys: KeyFile | None, *, lasting: bool) -> Engine:
    from das_hpo.launching.slurm import SlurmWorkers

    return SlurmWorkers(placement, [sys.executable, "-m", "das_hpo"], options, keys)


def _ray(placement: Placement, options: Sequence[str], keys: KeyFile | None, *, lasting: bool) -> Engine:
    from das_hpo.launching.ray import RayWorkers

    return RayWorkers(placement, options, keys, lasting=lasting)


#: The engines by name.
ENGINES: dict[str, Callable[..., Engine]] = {"slurm": _slurm, "ray": _ray}


def engine_of(
    placement: Placement, options: Sequence[str] = (), keys: KeyFile | None = None, *, lasting: bool = False
) -> Engine:
    """The engine that a placement names; nothing is started.

    Args:
        placement: Where workers go.
        options: Of ``das-hpo worker``, with ``--nameserver``; none are needed to count and end workers.
        keys: The key file; None for no keys.
        lasting: Whether the workers go on when this process ends.

    Raises:
        InvalidValueError: If there is no such engine.
        ClusterError: If it is not there.
    """
    if placement.engine not in ENGINES:
        raise InvalidValueError(f"an engine is {LOCAL}, {' or '.join(ENGINES)}, got {placement.engine!r}")
    return ENGINES[placement.engine](placement, options, keys, lasting=lasting)
