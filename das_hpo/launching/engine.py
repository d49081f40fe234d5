"""What places workers: one small interface, and what an engine is told.

An engine only starts and ends processes: ``das-hpo worker``, which asks the nameserver for runs. It carries no data, so
leases, keys and "recorded once" are the same whichever engine placed a worker.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from das_hpo.durations import require_duration
from spaces.errors import InvalidValueError


class Engine(Protocol):
    """Starts workers, counts them, and ends them."""

    def start(self, count: int) -> None:
        """Asks for so many workers; they come when there is room for them.

        Raises:
            ClusterError: If the engine refuses, or is not there.
        """
        ...

    def alive(self) -> int:
        """How many workers run now.

        Raises:
            ClusterError: If the engine does not answer.
        """
        ...

    def pending(self) -> int:
        """How many workers were asked for and have no place yet.

        Raises:
            ClusterError: If the engine does not answer.
        """
        ...

    def stop(self) -> None:
        """Ends all of them, and those that are still to come: they hand back what they compute.

        Raises:
            ClusterError: If the engine does not answer, or they do not end.
        """
        ...


@dataclass(frozen=True, slots=True)
class Placement:
    """Where workers go, and what each of them gets.

    Attributes:
        engine: A name in :data:`das_hpo.launching.engines.ENGINES`.
        group: Names the workers that are started, counted and ended together.
        gpus_per_worker: GPUs of each worker, a fraction of one where several share it; 0 for none.
        cpus_per_worker: CPU cores of each worker.
        folder: Where logs go, and the job script: on a disk that all machines share.
        walltime_s: For how many seconds a job may run; None leaves it to the engine.
        options: Further options of the engine's own command.
        address: Of the engine, where it has one.

    Raises:
        InvalidValueError: If a number is out of its range, or the group is no plain word.
    """

    engine: str
    group: str = "das-hpo"
    gpus_per_worker: float = 0.0
    cpus_per_worker: int = 1
    folder: Path = Path("das-hpo-logs")
    walltime_s: float | None = None
    options: tuple[str, ...] = ()
    address: str = "auto"

    def __post_init__(self) -> None:
        if not 0.0 <= self.gpus_per_worker <= 1.0:
            raise InvalidValueError(
                f"--gpus-per-worker is from 0 to 1, as a worker computes on one GPU, got {self.gpus_per_worker:g}"
            )
        if self.cpus_per_worker < 1:
            raise InvalidValueError(f"--cpus-per-worker is 1 or more, got {self.cpus_per_worker}")
        if not self.group or not all(letter.isalnum() or letter in "._-" for letter in self.group):
            raise InvalidValueError(f"--job-name is a word of letters, digits, '.', '_' and '-', got {self.group!r}")
        if self.walltime_s is not None:
            require_duration("walltime", self.walltime_s)

    @property
    def per_gpu(self) -> int:
        """How many workers share one GPU; 1 without GPUs."""
        return math.floor(1.0 / self.gpus_per_worker + 1e-9) if self.gpus_per_worker else 1
