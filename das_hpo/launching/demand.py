"""How much there is to compute at a nameserver, and how many workers there are for it: what autoscalers ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from spaces.errors import ClusterError, WireError
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.wire import Remote, mapping

#: How many seconds one run may take to answer, and all of them together.
RUN_S = 3.0
ALL_S = 15.0


@dataclass(frozen=True, slots=True)
class RunDemand:
    """What one run could use.

    Attributes:
        run: Its name.
        waiting: Evaluations that more workers could begin now, at most; None if the run did not answer.
        running: Evaluations that are being computed.
        workers: The living workers that it has heard from.
    """

    run: str
    waiting: int | None = None
    running: int | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What all runs of a nameserver could use.

    Attributes:
        workers: The workers that have asked the nameserver within the last minute.
        runs: Each run.
    """

    workers: int
    runs: tuple[RunDemand, ...]

    @property
    def waiting(self) -> int:
        """Evaluations of all runs that more workers could begin now, at most."""
        return sum(run.waiting or 0 for run in self.runs)

    @property
    def running(self) -> int:
        """Evaluations of all runs that are being computed."""
        return sum(run.running or 0 for run in self.runs)

    @property
    def silent(self) -> tuple[str, ...]:
        """The runs that did not answer."""
        return tuple(run.run for run in self.runs if run.waiting is None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; ``evaluations`` is what could be computed now by as many workers."""
        totals = {"waiting": self.waiting, "running": self.running, "evaluations": self.waiting + self.running}
        return {**totals, "workers": self.workers, "runs": [asdict(run) for run in self.runs]}


def demand_at(nameserver: str, keys: KeyFile | None, *, wait_s: float = 0.0) -> Demand:
    """Asks the nameserver for its runs, and each run; takes some 20 s at most, and ``wait_s`` for the nameserver.

    Args:
        nameserver: ``HOST:PORT``, or ``file:PATH``.
        keys: The key file; None for no keys.
        wait_s: How many seconds to wait for the nameserver.

    Raises:
        ClusterError: If the nameserver does not answer. A run that does not is listed without numbers.
    """
    with locate(nameserver, keys, wait_s=wait_s) as directory:
        return _asked(directory, partial(Remote, keys=keys, timeout_s=RUN_S))


def _asked(directory: Directory, connect: Callable[[str], Remote]) -> Demand:
    until = time.monotonic() + ALL_S
    found, _ = directory.dispatchers()
    workers = directory.workers()
    runs = [
        _of_run(run, where, connect) if time.monotonic() < until else RunDemand(run)
        for run, where in sorted(found.items())
    ]
    return Demand(workers, tuple(runs))


def _of_run(run: str, where: str, connect: Callable[[str], Remote]) -> RunDemand:
    try:
        with connect(where) as remote:
            answer = mapping(remote.call("demand"), "the run's answer")
        return RunDemand(run, *(_count(answer.get(name)) for name in ("waiting", "running", "workers")))
    except ClusterError:
        return RunDemand(run)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise WireError(f"a number of the run's answer must be a whole one of 0 or more, got {value!r}")
    return value
