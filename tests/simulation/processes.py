# ruff: noqa: D102
"""Nameserver, masters and workers of the simulation: the real code, on virtual sockets and threads."""

from __future__ import annotations

import contextlib
import itertools
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from das_hpo import __version__
from das_hpo.launching.cluster import Service
from das_hpo.running import Execution
from das_hpo.service.admission import Admission
from das_hpo.service.deadlines import Deadlines
from das_hpo.service.endpoints import Endpoints
from das_hpo.service.lease_manager import LeaseManager
from das_hpo.service.lease_watch import LeaseWatch
from das_hpo.service.nameserver import Names
from das_hpo.service.queue import Attempt, EvaluationQueue
from das_hpo.service.registration import ALIVE, DEAD, REGISTER_EVERY_S, SILENT, Registration
from spaces import clock
from spaces.errors import ClusterError, DasHpoError, UnreachableError
from spaces.trial import TrialOutcome, TrialSpec
from storage import queries
from tests.simulation.database import SimulatedDatabase
from tests.simulation.network import SimulatedRemote
from tests.simulation.world import Process, VirtualEvent
from workers.transport.directory import Directory
from workers.transport.messages import Caller
from workers.transport.wire import DISPATCHER_PREFIX, uri
from workers.worker.computation import Abandoned, Interrupted
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.heartbeat import Heartbeat
from workers.worker.loop import WorkerLoop, leave
from workers.worker.state import WorkerState

if TYPE_CHECKING:
    from tests.simulation.lab import Lab

NAMESERVER = "nameserver:9090"

#: Real time-outs of calls, as the real processes have them.
CALL_S, BEAT_S, LEAVE_S, REACH_S, NAMESERVER_S = 10.0, 5.0, 2.0, 2.0, 5.0

log = logging.getLogger("das_hpo.simulation")


def directory(lab: Lab) -> Directory:
    """The real client of the nameserver, over the simulated network."""
    made = Directory(NAMESERVER, None)
    made._remote = SimulatedRemote(lab.network, uri("Pyro.NameServer", NAMESERVER), NAMESERVER_S)
    return made


class SimulatedNameserver:
    """A nameserver that forgets everything when it is started again."""

    def __init__(self, lab: Lab) -> None:
        self.process = Process(lab.world, "nameserver")
        names = Names()
        methods = {name: getattr(names, name) for name in ("dispatchers", "enter", "remove", "workers")}
        lab.network.listen(NAMESERVER, self.process, {**methods, "ping": lambda: None})


class SimulatedDispatcher:
    """What :class:`das_hpo.service.dispatcher.Dispatcher` wires, without sockets and threads."""

    _ports = itertools.count(10000)

    def __init__(self, master: SimulatedMaster, queue: EvaluationQueue, attempts: Sequence[Attempt], timeout_s: Any):
        self._master = master
        self._lab = master.lab
        self._queue = queue
        self._lease_s = master.service.lease_s
        self._manager = LeaseManager(
            queue,
            Admission(master.run, __version__),
            lease_s=self._lease_s,
            deadlines=Deadlines(timeout_s),
            attempts=attempts,
        )
        self._registration = Registration(master.run, self._probe, master.stop)
        self._closed = VirtualEvent(self._lab.world)
        self._address = f"{master.process.name}:{next(master.lab.ports)}"

    def __enter__(self) -> Self:
        try:
            endpoints = Endpoints(self._manager)
            methods = {name: getattr(endpoints, name) for name in ("claim", "report", "beat", "hand_back", "leave")}
            self._manager.extend(clock.monotonic(), self._lease_s)
            self._lab.network.listen(self._address, self._master.process, methods)
            self._registration.begin(directory(self._lab), uri(DISPATCHER_PREFIX + self._master.run, self._address))
        except BaseException:
            self.__exit__()
            raise
        self._master.process.spawn(self._watch, "leases")
        self._master.process.spawn(self._register, "registration")
        return self

    def __exit__(self, *_: object) -> None:
        self.paused = True
        self._closed.set()
        self._lab.network.close(self._address)

    def _watch(self) -> None:
        watch = LeaseWatch(self._manager, self._lease_s)
        while not self._closed.wait(watch.every_s):
            watch.tick()

    def _register(self) -> None:
        pause_s: float | None = REGISTER_EVERY_S
        while pause_s is not None and not self._closed.wait(pause_s):
            pause_s = self._registration.renew(directory(self._lab))
        if pause_s is not None:
            with contextlib.suppress(ClusterError):
                directory(self._lab).remove(self._master.run)

    def _probe(self, where: str) -> str:
        try:
            SimulatedRemote(self._lab.network, where, REACH_S).call("beat", "nobody", "none", ())
        except UnreachableError as error:
            return DEAD if error.refused else SILENT
        except ClusterError:
            return DEAD
        return ALIVE

    @property
    def paused(self) -> bool:
        return self._manager.paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._manager.paused = value

    @property
    def running(self) -> int:
        return self._manager.running

    @property
    def displaced_by(self) -> str:
        return self._registration.displaced_by

    def number_of_workers(self) -> int:
        return sum(worker.alive for worker in self._manager.workers())


class SimulatedMaster:
    """A process that serves a run, with the real :class:`das_hpo.running.Execution`; also what it knows as cluster."""

    own = False
    parallel = None
    lost = False
    address = NAMESERVER

    def __init__(self, lab: Lab, name: str, run: str, url: str) -> None:
        self.lab = lab
        self.run = run
        self.url = url
        self.process = Process(lab.world, name)
        self.service = Service(keys=None, nameserver=NAMESERVER, lease_s=lab.scenario.lease_s)
        self.stop: Any = VirtualEvent(lab.world)
        self.queue: Any = None
        self.takes = False
        self.summary: Any = None
        self.database = SimulatedDatabase(url, self.process, lab.committed, lab.ended_by_server(url))
        self.process.spawn(self._body, "master")

    def _body(self) -> None:
        try:
            # As das-hpo resume does before it begins.
            while True:
                try:
                    directory(self.lab).ping()
                    break
                except UnreachableError:
                    self.lab.world.sleep(1.0)
            record = queries.run(self.database, self.run)
            if record.status == "completed":
                return
            self.summary = Execution(self.database, record, self._make, self, self.stop, None).run()
        except DasHpoError as error:
            self.lab.world.say(f"{self.process.name} ends: {error}")
            if "nothing can be recorded" in str(error) and not self.lab.faults["fill disk"]:
                self.lab.world.found(f"{self.process.name} has given up, though the database could be written: {error}")
        except KeyboardInterrupt:
            self.lab.world.say(f"{self.process.name} was interrupted")
        finally:
            self.database.close()
            self.process.end()

    def _make(self, replay: Any, recorder: Any, parallel: int | None) -> Any:
        made = self.lab.make(replay, recorder, parallel)
        self.queue = made[0]
        return made

    def dispatcher(self, queue: Any, run: str, attempts: Any, timeout_s: float | None, stop: Any) -> Any:
        return SimulatedDispatcher(self, queue, attempts, timeout_s or self.lab.scenario.timeout_s)

    @contextmanager
    def serving(self, _: Any) -> Iterator[None]:
        yield

    def end_workers(self) -> None:
        pass


class SimulatedWakeup:
    """As :class:`workers.worker.wakeup.Wakeup`."""

    def __init__(self, lab: Lab) -> None:
        self._event = VirtualEvent(lab.world)
        self._bytes = b""

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wake(self, with_byte: bytes = b"\0") -> None:
        self._bytes += with_byte
        self._event.set()

    def wait(self, seconds: float) -> bytes:
        self._event.wait(max(0.001, seconds))
        self._event = VirtualEvent(self._event._world)
        came, self._bytes = self._bytes, b""
        return came


class SimulatedComputation:
    """Takes virtual time, and gives what the lab says a trial gives."""

    def __init__(self, worker: SimulatedWorker) -> None:
        self._worker = worker
        self._ended_by: VirtualEvent | None = None
        self._in_hand: frozenset[str] = frozenset()
        self._why: type[BaseException] | None = None

    def results(self, specs: Sequence[TrialSpec], tokens: frozenset[str]) -> list[TrialOutcome | str]:
        lab = self._worker.lab
        self._why = None
        self._in_hand, self._ended_by = tokens, VirtualEvent(lab.world)
        lab.computing += 1
        try:
            if self._worker.state.stopping:
                raise Interrupted
            seconds = sum(lab.duration_s(spec) for spec in specs) * self._worker.slowness
            hangs, self._worker.hangs = self._worker.hangs, False
            self._ended_by.wait(None if hangs else seconds)
        finally:
            lab.computing -= 1
            self._in_hand = frozenset()
        if self._why is not None:
            raise self._why
        return [lab.result(spec, self._worker.number) for spec in specs]

    def give_up(self, unwanted: frozenset[str]) -> bool:
        if not self._in_hand or not self._in_hand <= unwanted:
            return False
        self._end(Abandoned)
        return True

    def interrupt(self) -> None:
        if self._in_hand:
            self._end(Interrupted)

    def _end(self, why: type[BaseException]) -> None:
        self._why = why
        if self._ended_by is not None:
            self._ended_by.set()


class SimulatedWorker:
    """A worker process, with the real loop and heartbeat."""

    def __init__(self, lab: Lab, number: int, name: str, slowness: float) -> None:
        self.lab = lab
        self.number = number
        self.slowness = slowness
        self.hangs = False
        self.process = Process(lab.world, name)
        identity = Caller(name, "host", number + 1, "cpu", __version__, session=lab.word())
        self.state = WorkerState(identity, directory(lab), SimulatedWakeup(lab), capacity=lab.scenario.capacity)

        def connections(timeout_s: float, heard: Callable[..., None] | None = None) -> DispatcherConnections:
            return DispatcherConnections(
                self.state.dispatchers, lambda where: SimulatedRemote(lab.network, where, timeout_s, heard)
            )

        self._farewell = lambda: connections(LEAVE_S)
        self.computation = SimulatedComputation(self)
        self._signals = SimulatedWakeup(lab)
        self.heartbeat = Heartbeat(
            self.state,
            connections(BEAT_S),
            self.computation.give_up,
            self._leave,
            self._signals,
        )
        self.loop = WorkerLoop(self.state, connections(CALL_S, lab.heard), self.computation, self.heartbeat)
        self.process.spawn(self._body, "worker")

    def terminate(self) -> None:
        """SIGTERM."""
        if self.process.alive:
            self.lab.world.say(f"{self.process.name} is told to end")
            self.heartbeat.reacted(signal.SIGTERM)
            self.state.stop()
            self.computation.interrupt()

    def _leave(self) -> None:
        leave(self.state, self._farewell())

    def _body(self) -> None:
        self.state.dispatchers.refresh()
        self.process.spawn(self.heartbeat.run, "heartbeat")
        try:
            try:
                self.loop.serve()
            finally:
                self.state.stopping = True
                self._leave()
        except DasHpoError as error:
            self.lab.world.say(f"{self.process.name} ends: {error}")
        finally:
            self.process.end()
