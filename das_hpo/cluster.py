"""Who evaluates a run: a nameserver that is there or brought along, and local workers if there are to be any."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spaces.errors import InvalidValueError

if TYPE_CHECKING:
    from das_hpo.dispatcher import Dispatcher
    from workers.keys import KeyFile
    from workers.local import LocalWorkers


@dataclass(frozen=True, slots=True)
class Service:
    """Where and by whom a run is evaluated.

    Attributes:
        keys: The key file; None for no keys (loopback only).
        nameserver: ``HOST:PORT`` of a nameserver whose workers evaluate; None brings an own one.
        workers: Local worker processes; None is one per GPU, else one per core, or none with ``nameserver``.
        device: Of the local workers: ``auto``, ``cpu``, ``cuda`` or ``cuda:0,cuda:1``.
        kernel: Of the local workers: ``auto``, ``torch`` or ``fused``.
        capacity: Evaluations that a local worker computes at once; None leaves it to the worker.
        host: Address the dispatcher listens on; None is the one that leads to the nameserver.
        wait_s: How long to wait for the nameserver at the start.
        lease_s: A worker that is silent for so long has lost its evaluation.
        command: What is started as a local worker, without its options.
    """

    keys: KeyFile | None
    nameserver: str | None = None
    workers: int | None = None
    device: str = "auto"
    kernel: str = "auto"
    capacity: int | None = None
    host: str | None = None
    wait_s: float = 0.0
    lease_s: float = 30.0
    command: tuple[str, ...] = (sys.executable, "-m", "das_hpo", "worker")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A nameserver that answers, and what is needed to start local workers.

    Attributes:
        service: What was asked for.
        address: ``HOST:PORT`` of the nameserver.
        own: Whether it is this run's own, so that nobody else's workers can have its evaluations.
        plan: The devices of the local workers, one each.
    """

    service: Service
    address: str
    own: bool
    plan: tuple[str, ...]

    @property
    def parallel(self) -> int | None:
        """Evaluations that may be open at a time: as many as own workers take; None where that is not known.

        So a run with one worker always has the same order, whatever happens to the worker.
        """
        if not self.own or (self.service.capacity is None and any(device != "cpu" for device in self.plan)):
            return None
        return len(self.plan) * (self.service.capacity or 1)

    @contextmanager
    def workers(self, dispatcher: Dispatcher) -> Iterator[LocalWorkers | None]:
        """Local workers while the block lasts, if there are any."""
        from workers.local import LocalWorkers

        if not self.plan:
            yield None
            return
        options = ["--kernel", self.service.kernel] if self.service.kernel != "auto" else []
        if self.service.capacity is not None:
            options += ["--capacity", str(self.service.capacity)]
        with LocalWorkers(
            self.address,
            self.plan,
            keys=self.service.keys,
            options=options,
            exited=dispatcher.worker_exited,
            command=self.service.command,
        ) as local:
            yield local


@contextmanager
def cluster_of(service: Service) -> Iterator[Cluster]:
    """Makes sure of devices and nameserver before anything is written.

    Raises:
        InvalidValueError: If there would be no worker at all.
        DeviceError: If a device is asked for that is not there.
        UnreachableError: If the nameserver does not answer.
        AuthenticationError: If it does not hold one of our keys.
    """
    from das_hpo.nameserver import NameServer
    from workers.devices import local_devices
    from workers.directory import locate

    if service.nameserver is not None:
        plan = local_devices(service.device, service.workers) if service.workers else []
        locate(service.nameserver, service.keys, wait_s=service.wait_s).close()
        yield Cluster(service, service.nameserver, own=False, plan=tuple(plan))
        return
    if service.workers == 0:
        raise InvalidValueError("without a nameserver a run needs local workers: 0 came, 1 or more is valid")
    plan = local_devices(service.device, service.workers)
    with NameServer(keys=service.keys) as nameserver:
        yield Cluster(service, nameserver.address, own=True, plan=tuple(plan))
