"""The dispatcher of one run: hands evaluations to workers that ask, and takes outcomes in, exactly once.

hpbandster's dispatcher pushes jobs and pings workers under one lock; of it only the place in the master
is kept. Here workers pull. A lease with a single-use token stands for each attempt: beats renew it,
silence or a deadline ends it, and the evaluation is offered again, before all new work.

Locks: all changes happen under the desk's condition; ``beat`` takes none. Threads: those of the
listener, one that looks for lost leases, and one that renews the entry in the nameserver.
"""

from __future__ import annotations

import logging
import math
import random
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from hpbandster.core.dispatcher import Dispatcher as HpBandSterDispatcher

from das_hpo import __version__
from das_hpo.deadlines import Deadlines
from das_hpo.desk import ERROR, HANDED_BACK, LOST, Attempt, Desk
from das_hpo.leases import MAX_ATTEMPTS, Lease, Ledger, Task, new_task, new_token
from das_hpo.listener import KeyedDaemon
from das_hpo.service import AGAIN_S, Service
from spaces.errors import ClusterError
from spaces.trial import COMPLETED, TrialOutcome
from storage.records import WorkerInfo
from workers.directory import Directory, locate
from workers.keys import KeyFile
from workers.messages import AGAIN, DONE, DUPLICATE, RECORDED, REFUSED, UNKNOWN, WAIT, WORK, Answer, Caller, Work
from workers.wire import DISPATCHER_PREFIX, parse_address

#: Waiting workers ask this often at most, all together, and each at least every so many seconds.
CLAIMS_PER_S = 200.0
QUICKEST_S = 0.05
SLOWEST_S = 10.0

#: How often the entry in the nameserver is renewed.
REGISTER_EVERY_S = 5.0

#: A worker that was not heard of for so long is no longer listed.
FORGET_S = 600.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """A worker that has been heard of; ``expected_s`` is how long it may be silent."""

    info: WorkerInfo
    session: str
    seen: float
    expected_s: float
    idle: bool = True


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker, for whoever watches a run.

    Attributes:
        info: Who it is.
        computing: How many evaluations it computes.
        silent_s: For how long it was not heard of.
        alive: Whether that is as long as it should be.
    """

    info: WorkerInfo
    computing: int
    silent_s: float
    alive: bool


class Dispatcher(HpBandSterDispatcher):  # type: ignore[misc]
    """Serves one desk. ``with Dispatcher(...) as dispatcher:`` listens; nothing is started before.

    Args:
        desk: What to evaluate, and where outcomes go.
        run_name: The run's name, unique in the nameserver.
        nameserver: ``HOST:PORT``.
        keys: The key file; None for no keys.
        host: The address to listen on; by default the one that leads to the nameserver.
        lease_s: An attempt is lost if its worker is silent for so long; workers beat three times as often.
        evaluation_timeout_s: An evaluation that takes longer is lost; None leaves it to what is usual.
        attempts: What a master before this one left running.
        wait_s: How long to wait for the nameserver at the start.
    """

    def __init__(
        self,
        desk: Desk,
        run_name: str,
        *,
        nameserver: str,
        keys: KeyFile | None,
        host: str | None = None,
        lease_s: float = 30.0,
        evaluation_timeout_s: float | None = None,
        attempts: Sequence[Attempt] = (),
        wait_s: float = 0.0,
        version: str = __version__,
    ) -> None:
        nameserver_host, nameserver_port = parse_address(nameserver)
        super().__init__(
            self._told, run_name, nameserver=nameserver_host, nameserver_port=nameserver_port, host=host, logger=log
        )
        self.desk = desk
        self.run_name = run_name
        self.paused = False
        self._address = nameserver
        self._keys = keys
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._version = version
        self._deadlines = Deadlines(evaluation_timeout_s)
        self._ledger = Ledger()
        self._ledger.adopt(attempts, lease_s, time.monotonic())
        self._known: dict[str, _Known] = {
            attempt.worker.name: _Known(attempt.worker, "", time.monotonic(), lease_s, idle=False)
            for attempt in attempts
        }
        self._idle = 0
        self._stop = threading.Event()
        self._daemon: KeyedDaemon | None = None
        self._threads: list[threading.Thread] = []

    # Lifetime -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Listens and registers in the nameserver.

        Raises:
            UnreachableError: If there is no nameserver, or the address cannot be listened on.
            AuthenticationError: If the nameserver does not hold one of our keys.
        """
        directory = locate(self._address, self._keys, wait_s=self._wait_s)
        try:
            host = self.host or _address_towards(*parse_address(self._address))
            self._daemon = KeyedDaemon(host, 0, self._keys, lanes=("beat",))
            where = str(self._daemon.register(Service(self), DISPATCHER_PREFIX + self.run_name))
            self._extend(time.monotonic(), self._lease_s)
            self._daemon.start()
            directory.register(self.run_name, where)
        except BaseException:
            directory.close()
            self.close()
            raise
        for target, name in ((self._watch, "leases"), (lambda: self._register(directory, where), "nameserver")):
            thread = threading.Thread(target=target, name=f"das-hpo {self.run_name} {name}", daemon=True)
            self._threads.append(thread)
            thread.start()
        log.debug("the dispatcher of %s listens on %s", self.run_name, self._daemon.address)

    def close(self) -> None:
        """Leaves the nameserver and stops; returns when the threads have ended. May be called twice."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5.0)
        self._threads.clear()
        if self._daemon is not None:
            self._daemon.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the master may ask --------------------------------------------------------------------

    @property
    def running(self) -> int:
        """How many evaluations are being computed."""
        with self.desk.condition:
            return self._ledger.running

    @property
    def queued(self) -> int:
        """How many evaluations wait to be computed again."""
        with self.desk.condition:
            return self._ledger.queued

    def workers(self) -> list[WorkerStatus]:
        """The workers that were heard of in the last minutes."""
        now = time.monotonic()
        with self.desk.condition:
            return [
                WorkerStatus(
                    known.info,
                    len(self._ledger.of_worker(name)),
                    now - known.seen,
                    now - known.seen < known.expected_s,
                )
                for name, known in self._known.items()
            ]

    def number_of_workers(self) -> int:
        """How many workers are alive."""
        return sum(worker.alive for worker in self.workers())

    def worker_exited(self, name: str, why: str = "the worker's process ended") -> None:
        """Somebody has seen a worker's process end: what it computed is lost now, not when the lease ends."""
        with self.desk.condition:
            self._known.pop(name, None)
            self._end(self._ledger.of_worker(name), LOST, why)

    # hpbandster's ways in -----------------------------------------------------------------------

    def run(self) -> None:
        """Serves until :meth:`close` is called from another thread."""
        self.start()
        self._stop.wait()

    def shutdown(self, shutdown_workers: bool = False) -> None:
        """Stops; workers belong to the nameserver and go on to other runs."""
        self.close()

    def submit_job(self, id: Any, **kwargs: Any) -> None:
        """Never called: workers pull from the desk."""
        raise NotImplementedError("workers pull: the desk's next_evaluations gives the work")

    def trigger_discover_worker(self) -> None:
        """Never called: workers present themselves when they claim."""
        raise NotImplementedError("workers present themselves when they claim")

    def register_result(self, id: Any = None, result: Any = None) -> None:
        """Never called: outcomes come in as reports."""
        raise NotImplementedError("outcomes come in as reports")

    def _told(self, job: Any) -> None:
        raise NotImplementedError("the desk is told, with finished()")

    # What workers ask, checked by the service ---------------------------------------------------

    def claim(self, caller: Caller, capacity: int) -> Answer:
        """Work, or how long to wait."""
        if caller.version != self._version:
            return Answer(REFUSED, message=self._other_version(caller))
        with self.desk.condition:
            self._meet(caller)
            return self._next(caller, capacity, "")

    def report(self, caller: Caller, token: str, outcome: TrialOutcome, duration_s: float, capacity: int) -> Answer:
        """Takes an outcome in; it is durable before this returns."""
        if caller.version != self._version:
            capacity = 0
        with self.desk.condition:
            self._meet(caller)
            lease = self._ledger.leases.get(token)
            if lease is None:
                became = DUPLICATE if self._ledger.was_used(token) else UNKNOWN
                log.info("a report of %s is ignored: %s token", caller.name, became)
                return self._next(caller, capacity, became)
            chosen: list[Task] = []
            leases: list[Lease] = []
            evaluation = lease.task.evaluation
            try:
                with self.desk.transaction():
                    self.desk.finished(evaluation, token, outcome, duration_s)
                    if capacity and not self._missing(caller):
                        leases = self._choose(caller, capacity, chosen)
            except Exception:
                log.exception(
                    "the outcome of evaluation %d could not be recorded; its worker asks again", evaluation.id
                )
                self._ledger.put_back(chosen)
                return Answer(WAIT, wait_s=AGAIN_S, report=AGAIN, message="not recorded, see the master's log")
            self._ledger.over(lease.task)
            if outcome.status == COMPLETED:
                self._deadlines.add(evaluation.budget, duration_s)
            if leases:
                return self._granted(caller, leases, RECORDED)
            if capacity and self._missing(caller):
                return self._next(caller, capacity, RECORDED)
            return self._wait(caller, RECORDED, capacity)

    def hand_back(self, caller: Caller, tokens: tuple[str, ...], result: str, message: str) -> Answer:
        """A worker gives evaluations up, or computing them raised."""
        with self.desk.condition:
            self._meet(caller)
            held = [self._ledger.leases[token] for token in tokens if token in self._ledger.leases]
            if not self._end([lease for lease in held if not lease.late], result, message):
                return Answer(WAIT, wait_s=AGAIN_S, report=AGAIN, message="not recorded, see the master's log")
            return self._wait(caller, RECORDED)

    def leave(self, caller: Caller) -> Answer:
        """A worker ends."""
        with self.desk.condition:
            leases = [lease for lease in self._ledger.of_worker(caller.name) if lease.session in (caller.session, "")]
            if not self._end(leases, HANDED_BACK, "the worker was stopped"):
                return Answer(WAIT, wait_s=AGAIN_S, report=AGAIN, message="not recorded, see the master's log")
            known = self._known.get(caller.name)
            if known is not None and known.session == caller.session:
                del self._known[caller.name]
                log.info("worker %s has left", caller.name)
            return Answer(DONE, report=RECORDED)

    def beat(self, name: str, session: str, tokens: tuple[str, ...]) -> list[str]:
        """Renews leases; returns the tokens that are not worth computing on. Takes no lock."""
        now = time.monotonic()
        known = self._known.get(name)
        if known is not None and known.session in (session, ""):
            known.seen = now
        return self._ledger.beat(tokens, now)

    # With the lock held -------------------------------------------------------------------------

    def _meet(self, caller: Caller) -> _Known:
        """Notes that a worker was heard of; another session under its name means that it was restarted."""
        now = time.monotonic()
        known = self._known.get(caller.name)
        if known is None or known.session not in (caller.session, ""):
            lost = [lease for lease in self._ledger.of_worker(caller.name) if lease.session not in (caller.session, "")]
            self._end(lost, LOST, "the worker was restarted")
            info = WorkerInfo(caller.name, caller.host, caller.pid, caller.device, caller.version)
            log.info("worker %s (%s) %s", caller.name, caller.device, "is here" if known is None else "is here again")
            known = self._known[caller.name] = _Known(info, caller.session, now, self._lease_s)
        known.session = caller.session
        known.seen = now
        known.expected_s = max(self._lease_s, known.expected_s)
        return known

    def _missing(self, caller: Caller) -> list[Lease]:
        """What the worker was given and does not have: an answer to it was lost on the way."""
        return [lease for lease in self._ledger.of_worker(caller.name) if lease.token not in caller.holding]

    def _next(self, caller: Caller, capacity: int, report: str) -> Answer:
        """Work for a worker, in a transaction of its own."""
        if not capacity:
            return self._wait(caller, report, 0)
        missing = self._missing(caller)
        if missing:
            for lease in missing:
                lease.session = caller.session
            return self._granted(caller, missing, report, again=True)
        chosen: list[Task] = []
        leases: list[Lease] = []
        try:
            with self.desk.transaction():
                leases = self._choose(caller, capacity, chosen)
        except Exception:
            log.exception("no work could be given out; the worker asks again")
            self._ledger.put_back(chosen)
            return Answer(WAIT, wait_s=AGAIN_S, report=report, message="no work, see the master's log")
        return self._granted(caller, leases, report) if leases else self._wait(caller, report)

    def _choose(self, caller: Caller, capacity: int, chosen: list[Task]) -> list[Lease]:
        """Chooses and starts work, within a transaction; all that was taken off the queue is in ``chosen``.

        What the desk raises here is logged and costs this worker a wait: it must not undo the outcome
        that is recorded in the same transaction.
        """
        if self.paused or self._stop.is_set():
            return []
        alone = self._alone(caller)
        chosen += self._ledger.take(capacity, lambda task: alone or caller.session not in task.failed_on)
        missing = capacity - len(chosen)
        if missing:
            try:
                new = [new_task(evaluation) for evaluation in self.desk.next_evaluations(missing)]
            except Exception:
                log.exception("the desk has no next evaluation to give")
                new = []
            for task in new:
                if chosen and task.evaluation.spec.shape != chosen[0].evaluation.spec.shape:
                    self._ledger.put_last(task)
                else:
                    chosen.append(task)
        info = self._known[caller.name].info
        now = time.monotonic()
        leases: list[Lease] = []
        for number, task in enumerate(chosen):
            token = new_token()
            try:
                self.desk.started(task.evaluation, token, info)
            except Exception:
                log.exception("evaluation %d could not be started", task.evaluation.id)
                self._ledger.put_back(chosen[number:])
                del chosen[number:]
                break
            deadline = now + self._deadlines.timeout_s(task.evaluation.budget, len(chosen))
            leases.append(
                Lease(token, task, caller.name, caller.session, self._lease_s, now, now + self._lease_s, deadline)
            )
        return leases

    def _granted(self, caller: Caller, leases: Iterable[Lease], report: str, again: bool = False) -> Answer:
        work = []
        for lease in leases:
            if not again:
                self._ledger.grant(lease)
            work.append(Work(lease.token, lease.task.evaluation.spec, self._lease_s))
        known = self._known[caller.name]
        known.idle = False
        known.expected_s = self._lease_s
        return Answer(WORK, work=tuple(work), report=report)

    def _wait(self, caller: Caller, report: str, capacity: int = 1) -> Answer:
        if self.desk.done:
            return Answer(DONE, wait_s=SLOWEST_S, report=report)
        if not capacity:
            return Answer(WAIT, report=report)  # it goes on to another run, and comes back at once
        known = self._known[caller.name]
        known.idle = True
        wait_s = min(max(QUICKEST_S, self._idle / CLAIMS_PER_S), SLOWEST_S)
        known.expected_s = max(self._lease_s, 3 * wait_s)
        return Answer(WAIT, wait_s=wait_s * random.uniform(0.8, 1.2), report=report)

    def _alone(self, caller: Caller) -> bool:
        now = time.monotonic()
        return not any(
            known.session != caller.session and now - known.seen < known.expected_s for known in self._known.values()
        )

    def _end(self, leases: Sequence[Lease], result: str, message: str, *, stop: bool = False) -> bool:
        """Ends attempts without an outcome; False if the desk could not record it, and then nothing changed."""
        if not leases:
            return True
        counts = result != HANDED_BACK
        finals = [counts and lease.task.lost + 1 >= MAX_ATTEMPTS for lease in leases]
        try:
            with self.desk.transaction():
                for lease, final in zip(leases, finals, strict=True):
                    self.desk.lost(lease.task.evaluation, lease.token, result, message, final)
        except Exception:
            log.exception("lost attempts could not be recorded; they are when this is tried again")
            return False
        for lease, final in reversed(list(zip(leases, finals, strict=True))):
            what = "has failed" if final else "is offered again"
            log.warning(
                "evaluation %d %s (%s on %s: %s)", lease.task.evaluation.id, what, result, lease.worker, _first(message)
            )
            self._ledger.retire(lease, counts=counts, stop=stop or result == ERROR or final, requeue=not final)
        return True

    def _other_version(self, caller: Caller) -> str:
        return (
            f"run {self.run_name} is of das-hpo {self._version}, worker {caller.name} of {caller.version}: "
            "install the same version on both"
        )

    # Threads ------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Looks for leases that have ended, workers that are gone, and gaps in its own time."""
        tick_s = min(1.0, self._lease_s / 10)
        before = time.monotonic()
        while not self._stop.wait(tick_s):
            with self.desk.condition:
                now = time.monotonic()
                # The master itself stood still (stopped, swapped out, waiting for a disk): whoever was
                # silent meanwhile could not be heard.
                if now - before > 3 * tick_s + 1.0:
                    self._extend(now, now - before)
                before = now
                try:
                    self._look(now)
                except Exception:
                    log.exception("leases could not be looked through")

    def _look(self, now: float) -> None:
        expired = [lease for lease in self._ledger.current() if lease.expires < now]
        self._end(expired, LOST, f"no beat for {self._lease_s:g} s")
        for lease in [lease for lease in self._ledger.current() if lease.deadline < now]:
            self._end([lease], LOST, f"not finished after {now - lease.started:.0f} s", stop=True)
        self._idle = sum(known.idle and now - known.seen < known.expected_s for known in self._known.values())
        for name in [name for name, known in self._known.items() if now - known.seen > FORGET_S]:
            del self._known[name]

    def _extend(self, now: float, seconds: float) -> None:
        for lease in self._ledger.current():
            lease.expires = max(lease.expires, now) + seconds
            if math.isfinite(lease.deadline):
                lease.deadline += seconds
        for known in self._known.values():
            known.seen += seconds

    def _register(self, directory: Directory, where: str) -> None:
        """Renews the entry in the nameserver, which forgets it when it is restarted."""
        reachable = True
        while not self._stop.wait(REGISTER_EVERY_S if reachable else 1.0):
            try:
                directory.register(self.run_name, where)
                if not reachable:
                    log.info("the nameserver at %s answers again", self._address)
                reachable = True
            except ClusterError as error:
                if reachable:
                    log.warning("going on without the nameserver: %s", error)
                reachable = False
        try:
            directory.remove(self.run_name)
        except ClusterError as error:
            log.debug("the nameserver was not told of the end: %s", error)
        directory.close()


def _address_towards(host: str, port: int) -> str:
    """The local address from which that host is reached; nothing is sent."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return "127.0.0.1"


def _first(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[-1][:200] if lines else ""
