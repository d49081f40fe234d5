"""What evaluates a run: a nameserver (a running one, or one of this process), and local workers if there are any."""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from das_hpo.durations import require_duration
from spaces.errors import InvalidValueError
from spaces.task_registry import DEFAULT_TASK, without_plugins

#: An address that is nobody's (RFC 5737), in the direction of which most networks are; nothing is sent there.
OUTSIDE = "192.0.2.1"

#: A worker of an engine ends after so many seconds without work, should its run end without being able to stop it.
ORPHAN_S = 600

if TYPE_CHECKING:
    from das_hpo.launching.engine import Engine, Placement
    from das_hpo.launching.local import LocalWorkers
    from das_hpo.service.dispatcher import Dispatcher
    from das_hpo.service.queue import Attempt, EvaluationQueue
    from storage.records import RunRecord
    from workers.transport.keys import KeyFile


@dataclass(frozen=True, slots=True)
class Service:
    """Where and by whom a run is evaluated.

    Attributes:
        keys: The key file; None for no keys (loopback only).
        nameserver: ``HOST:PORT`` of a running nameserver, whose workers evaluate; None starts one in this process.
        workers: How many local worker processes; None is one per GPU, else one per core, or none with ``nameserver``.
        device: Of the local workers: ``auto``, ``cpu``, ``cuda`` or ``cuda:0,cuda:1``.
        kernel: Of the local workers: ``auto``, ``torch`` or ``fused``.
        capacity: How many evaluations a local worker computes at once; None leaves it to the worker.
        plugins: Modules that local workers import.
        host: Address the dispatcher listens on; None is the one that leads to the nameserver.
        wait_s: How many seconds to wait for the nameserver at the start.
        lease_s: A worker that is silent for this many seconds has lost its evaluation.
        failing_s: A run whose commits have failed for this many seconds (disk full, database locked) is stopped.
        command: The command that starts a local worker, without its options.
        tasks: The tasks that local workers may run, as ``--task`` takes them; empty is ``inverse-1d``.
        placement: Where an engine puts ``workers`` workers; None starts them as processes of this machine.

    Raises:
        InvalidValueError: If a time is not valid; :data:`das_hpo.durations.RANGES` says what is.
    """

    keys: KeyFile | None
    nameserver: str | None = None
    workers: int | None = None
    device: str = "auto"
    kernel: str = "auto"
    capacity: int | None = None
    plugins: tuple[str, ...] = ()
    host: str | None = None
    wait_s: float = 0.0
    lease_s: float = 30.0
    failing_s: float = 120.0
    command: tuple[str, ...] = (sys.executable, "-m", "das_hpo", "worker")
    tasks: tuple[str, ...] = ()
    placement: Placement | None = None

    def with_tasks(self, *doors: str) -> Service:
        """The same with local workers that may run these tasks, each as ``--task`` takes it."""
        return replace(self, tasks=tuple(dict.fromkeys(doors)))

    def __post_init__(self) -> None:
        for name, seconds in (("wait", self.wait_s), ("lease", self.lease_s), ("failing", self.failing_s)):
            require_duration(name, seconds)
        if self.placement is not None and not self.workers:
            raise InvalidValueError(
                f"--engine {self.placement.engine} needs --workers, 1 or more: how many to start, got {self.workers}"
            )


class Cluster:
    """A nameserver that answers, and local workers, which are started when they are first needed.

    Args:
        service: What was asked for.
        address: ``HOST:PORT`` of the nameserver.
        own: Whether this process serves it, so that only the local workers can get evaluations.
        plan: The device of each local worker.
    """

    def __init__(self, service: Service, address: str, *, own: bool, plan: Sequence[str]) -> None:
        self.service = service
        self.address = address
        self.own = own
        self.plan = tuple(plan)
        self._local: LocalWorkers | None = None
        self._placed: Engine | None = None
        self._served: Dispatcher | None = None

    @property
    def parallel(self) -> int | None:
        """How many evaluations workers may have at a time: as many as the local workers compute; None if unknown.

        With this limit a run with one worker always has the same order, whatever happens to the worker.
        """
        if not self.own or not self.plan:
            return None
        if self.service.capacity is None and any(device != "cpu" for device in self.plan):
            return None
        return len(self.plan) * (self.service.capacity or 1)

    @property
    def lost(self) -> bool:
        """Whether all local workers have ended too often, so that none is started again."""
        return self._local is not None and self._local.given_up

    def dispatcher(
        self,
        queue: EvaluationQueue,
        run: RunRecord,
        attempts: Sequence[Attempt],
        timeout_s: float | None,
        stop: threading.Event,
    ) -> Dispatcher:
        """The dispatcher of a run, not started yet.

        Args:
            queue: What to evaluate.
            run: The run.
            attempts: The attempts that an earlier process of this run left running.
            timeout_s: An evaluation that takes more seconds is lost; None derives a limit from the durations seen.
            stop: Ends waiting for the nameserver when it is set.
        """
        from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings

        return Dispatcher(
            queue,
            run.name,
            nameserver=self.address,
            keys=self.service.keys,
            settings=DispatcherSettings(
                host=self.service.host,
                wait_s=self.service.wait_s,
                lease_s=self.service.lease_s,
                evaluation_timeout_s=timeout_s,
                task=None if run.fingerprint is None else (run.task, without_plugins(run.fingerprint)),
            ),
            attempts=attempts,
            stop=stop,
        )

    @contextmanager
    def serving(self, dispatcher: Dispatcher) -> Iterator[None]:
        """Local workers run while the block lasts, and longer; if the block raises an error, they are ended first."""
        self._served = dispatcher
        try:
            if self.service.placement is not None and self._placed is None:
                self._placed = self._place(self.service.placement)
            if self.plan and self._local is None:
                self._local = self._start()
            yield
        except BaseException:
            self.end_workers()
            raise
        finally:
            self._served = None

    def end_workers(self) -> None:
        """Ends local workers; if a dispatcher still runs, they hand their evaluations back to it."""
        if self._local is not None:
            self._local.stop()
            self._local = None
        if self._placed is not None:
            placed, self._placed = self._placed, None
            placed.stop()

    def _place(self, placement: Placement) -> Engine:
        from das_hpo.launching.engines import engine_of

        options = ["--nameserver", self.address, *self._options(), "--idle-timeout", f"{ORPHAN_S}s"]
        options += ["--device", self.service.device, "--log-dir", str(placement.folder.absolute())]
        placed = engine_of(placement, options, self.service.keys)
        placed.start(self.service.workers or 1)
        return placed

    def _start(self) -> LocalWorkers:
        from das_hpo.launching.local import LocalWorkers

        local = LocalWorkers(
            self.address,
            self.plan,
            keys=self.service.keys,
            options=self._options(),
            exited=self._exited,
            command=self.service.command,
        )
        local.start(len(self.plan))
        return local

    def _options(self) -> list[str]:
        """Those of ``das-hpo worker`` that say what it computes with."""
        options = ["--kernel", self.service.kernel] if self.service.kernel != "auto" else []
        for plugin in self.service.plugins:
            options += ["--plugin", plugin]
        if set(self.service.tasks) - {DEFAULT_TASK}:
            options += [word for door in self.service.tasks for word in ("--task", door)]
        if self.service.capacity is not None:
            options += ["--capacity", str(self.service.capacity)]
        return options

    def _exited(self, name: str) -> None:
        served = self._served
        if served is not None:
            served.worker_exited(name)


@contextmanager
def cluster_of(service: Service, stop: threading.Event | None = None) -> Iterator[Cluster]:
    """Checks devices and nameserver before anything is written, and gives what evaluates a run.

    Args:
        service: Where and by which workers.
        stop: Ends the waiting for a nameserver when it is set.

    Raises:
        KeyboardInterrupt: If ``stop`` ended the waiting.
        InvalidValueError: If there would be no worker at all, or the kernel asked for does not compute on its device.
        DeviceError: If a device is asked for that is not there.
        UnreachableError: If the nameserver does not answer.
        AuthenticationError: If it does not hold one of our keys.
    """
    from das_hpo.service.nameserver import NameServer
    from workers.transport.directory import locate
    from workers.worker.devices import check_kernel, local_devices

    placed = service.placement is not None
    host = (service.host or _host_for_others()) if placed else "127.0.0.1"
    with ExitStack() as stack:
        if service.nameserver is not None:
            plan = local_devices(service.device, service.workers) if service.workers and not placed else []
            check_kernel(service.kernel, plan)
            locate(service.nameserver, service.keys, wait_s=service.wait_s, stop=stop).close()
            cluster = Cluster(service, service.nameserver, own=False, plan=plan)
        else:
            if service.workers == 0:
                raise InvalidValueError("without a nameserver a run needs 1 or more local workers, got 0")
            plan = [] if placed else local_devices(service.device, service.workers)
            check_kernel(service.kernel, plan)
            nameserver = stack.enter_context(NameServer(host, keys=service.keys))
            cluster = Cluster(service, nameserver.address, own=True, plan=plan)
        stack.callback(cluster.end_workers)
        yield cluster


def _host_for_others() -> str:
    """What other machines reach this one by: its name, or, where that means loopback here, its address outwards."""
    from das_hpo.service.dispatcher import address_towards
    from workers.transport.messages import host_name

    try:
        by_name = ipaddress.ip_address(socket.gethostbyname(host_name()))
    except OSError:
        by_name = ipaddress.ip_address("127.0.0.1")
    return address_towards(OUTSIDE, 9) if by_name.is_loopback else host_name()
