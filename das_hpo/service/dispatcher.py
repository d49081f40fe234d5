"""The dispatcher of one run: listens, and hands the calls of workers to the lease manager.

Workers pull; hpbandster's own dispatcher, which pushes jobs and pings workers under one lock, is not used. Each attempt
has a lease with a single-use token. Heartbeats renew it; silence or a deadline ends it, and then the evaluation is
given out again, before all new work.

Threads: those of the listener, one that ends leases, and one that renews the entry in the nameserver.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from das_hpo import __version__
from das_hpo.service.admission import Admission
from das_hpo.service.deadlines import Deadlines
from das_hpo.service.endpoints import Endpoints
from das_hpo.service.lease_manager import LeaseManager
from das_hpo.service.lease_watch import LeaseWatch
from das_hpo.service.listener import KeyedDaemon
from das_hpo.service.queue import Attempt, EvaluationQueue
from das_hpo.service.registration import ALIVE, DEAD, REGISTER_EVERY_S, SILENT, Registration
from das_hpo.service.worker_registry import WorkerStatus
from spaces import clock
from spaces.errors import ClusterError, UnreachableError
from workers.transport.address_file import require_address, resolve
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.wire import DISPATCHER_PREFIX, Remote, format_address, parse_address, uri

#: At the end: how many seconds the nameserver may take to answer, and how many seconds the threads may take to end.
FAREWELL_S = 1.0
END_S = 2.5

#: At the end of a cancelled run: how many seconds its workers may take to hear of it. They beat every 10 s by default.
WITHDRAW_S = 15.0

#: How many seconds a dispatcher that another process entered in the nameserver may take to answer.
REACH_S = 2.0

_EVERYWHERE = ("0.0.0.0", "::")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """How a run is served.

    Attributes:
        host: The address to listen on; None is the one from which the nameserver is reached.
        wait_s: How many seconds to wait for the nameserver at the start.
        lease_s: An attempt is lost if its worker is silent for this many seconds; workers send a heartbeat in each
            third of it.
        evaluation_timeout_s: An evaluation that takes longer is lost; None derives a limit from the durations seen.
        version: The version of das-hpo that workers must have.
        task: The name and the fingerprint of the run's task, without which workers get no work; None for no check.
    """

    host: str | None = None
    wait_s: float = 0.0
    lease_s: float = 30.0
    evaluation_timeout_s: float | None = None
    version: str = __version__
    task: tuple[str, str] | None = None


class Dispatcher:
    """Serves one evaluation queue. ``with Dispatcher(...) as dispatcher:`` listens; nothing is started before.

    Args:
        queue: What to evaluate, and where outcomes go.
        run_name: The run's name, unique in the nameserver.
        nameserver: ``HOST:PORT``, or ``file:PATH``.
        keys: The key file; None for no keys.
        settings: How the run is served.
        attempts: The attempts that an earlier process of this run left running.
        stop: Ends the waiting for the nameserver when it is set.

    Raises:
        InvalidValueError: If the nameserver's address has another form.
    """

    def __init__(
        self,
        queue: EvaluationQueue,
        run_name: str,
        *,
        nameserver: str,
        keys: KeyFile | None,
        settings: DispatcherSettings | None = None,
        attempts: Sequence[Attempt] = (),
        stop: threading.Event | None = None,
    ) -> None:
        require_address(nameserver)
        self.settings = settings or DispatcherSettings()
        self.run_name = run_name
        self._address = nameserver
        self._keys = keys
        self._stop_waiting = stop
        self._lease_manager = LeaseManager(
            queue,
            Admission(run_name, self.settings.version, self.settings.task),
            lease_s=self.settings.lease_s,
            deadlines=Deadlines(self.settings.evaluation_timeout_s),
            attempts=attempts,
        )
        self._stop = threading.Event()
        self._registration = Registration(run_name, self._probe, stop or self._stop)
        self._daemon: KeyedDaemon | None = None
        self._threads: list[threading.Thread] = []

    # Lifetime -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Listens and registers in the nameserver.

        Raises:
            UnreachableError: If there is no nameserver, or the address cannot be listened on.
            AuthenticationError: If the nameserver does not hold one of our keys.
            RunExistsError: If a run of that name is being served there.
            KeyboardInterrupt: If ``stop`` ended the waiting for the nameserver.
        """
        directory = locate(self._address, self._keys, wait_s=self.settings.wait_s, stop=self._stop_waiting)
        try:
            towards = address_towards(*parse_address(resolve(self._address)))
            self._daemon = KeyedDaemon(self.settings.host or towards, 0, self._keys, lanes=("beat",))
            where = str(self._daemon.register(Endpoints(self._lease_manager), DISPATCHER_PREFIX + self.run_name))
            if self.settings.host in _EVERYWHERE:  # an address to listen on, but not one to call
                port = parse_address(self._daemon.address)[1]
                where = uri(DISPATCHER_PREFIX + self.run_name, format_address(towards, port))
            self._lease_manager.extend(clock.monotonic(), self.settings.lease_s)
            self._daemon.start()
            self._registration.begin(directory, where)
        except BaseException:
            directory.close()
            self.close()
            raise
        for target, name in ((self._watch, "leases"), (lambda: self._register(directory), "nameserver")):
            thread = threading.Thread(target=target, name=f"das-hpo {self.run_name} {name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        log.debug("the dispatcher of %s listens on %s", self.run_name, self._daemon.address)

    def close(self) -> None:
        """Leaves the nameserver and stops; returns when the threads have ended. May be called twice.

        Must not be called with the queue's condition held: calls that are being answered wait for it.
        """
        self.paused = True
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=END_S)
        self._threads.clear()
        if self._daemon is not None:
            self._daemon.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the run asks ---------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether no work is given out; outcomes are recorded all the same."""
        return self._lease_manager.paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._lease_manager.paused = value

    @property
    def displaced_by(self) -> str:
        """The address of another run of this name that is in the nameserver instead of this one; empty if none is."""
        return self._registration.displaced_by

    @property
    def running(self) -> int:
        """How many evaluations are being computed."""
        return self._lease_manager.running

    @property
    def queued(self) -> int:
        """How many evaluations wait to be computed again."""
        return self._lease_manager.queued

    def workers(self) -> list[WorkerStatus]:
        """The workers that this run heard from in the last minutes."""
        return self._lease_manager.workers()

    def number_of_workers(self) -> int:
        """How many workers are alive."""
        return sum(worker.alive for worker in self.workers())

    def withdraw(self, message: str) -> None:
        """Takes all work back, and waits until the workers know: for a heartbeat of each, :data:`WITHDRAW_S` at most.

        A worker that is not told by then goes on with what it computes, as if this process had been killed.
        """
        until = clock.monotonic() + WITHDRAW_S
        leases = self._lease_manager.withdraw(message)
        while not all(lease.told for lease in leases) and clock.monotonic() < until:
            if self._stop.wait(0.05):
                return
        untold = sorted({lease.attempt.worker.name for lease in leases if not lease.told})
        if untold:
            log.warning("the workers %s did not hear in time that the run ends", ", ".join(untold))

    def worker_exited(self, name: str, why: str = "the worker's process ended") -> None:
        """A worker's process was seen to end: its attempts are lost at once, and not only when their leases end."""
        self._lease_manager.worker_exited(name, why)

    def _probe(self, where: str) -> str:
        """Whether a dispatcher answers at that address: ALIVE, DEAD or SILENT."""
        try:
            with Remote(where, self._keys, lane="beat", timeout_s=REACH_S) as remote:
                remote.call("beat", "nobody", "none", ())
        except UnreachableError as error:
            return DEAD if error.refused else SILENT
        except ClusterError:
            return DEAD  # something else has that address now
        return ALIVE

    # Threads ------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Ends leases that have run out."""
        watch = LeaseWatch(self._lease_manager, self.settings.lease_s)
        while not self._stop.wait(watch.every_s):
            watch.tick()

    def _register(self, directory: Directory) -> None:
        """Renews the entry in the nameserver."""
        pause_s: float | None = REGISTER_EVERY_S
        while pause_s is not None and not self._stop.wait(pause_s):
            pause_s = self._registration.renew(directory)
        directory.close()
        if pause_s is None:
            return  # another run has the name now
        try:
            with Directory(self._address, self._keys, timeout_s=FAREWELL_S) as nameserver:
                nameserver.remove(self.run_name)
        except ClusterError as error:
            log.debug("the nameserver was not told of the end: %s", error)


def address_towards(host: str, port: int) -> str:
    """The local address from which that host is reached; nothing is sent."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"
