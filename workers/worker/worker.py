"""The worker: asks dispatchers for evaluations, computes them, and reports until it is acknowledged.

It only calls, and never listens: the nameserver, to find dispatchers, and those, to claim and report. It belongs to
the nameserver, not to a run: it serves whichever runs there are, in turns, and waits for the next.

The main thread claims, computes and reports (:mod:`workers.worker.loop`); beside it a thread renews leases
(:mod:`workers.worker.heartbeat`). Here both get their sockets, signals and threads.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.texts import cleaned
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.messages import default_name, host_name
from workers.transport.wire import Remote, parse_address
from workers.worker.assignments import Assignments
from workers.worker.computation import Computation, Compute
from workers.worker.dispatchers import DispatcherConnections, DispatcherDirectory
from workers.worker.heartbeat import Heartbeat
from workers.worker.identity import Identity
from workers.worker.loop import WorkerLoop
from workers.worker.task_runner import TaskRunner
from workers.worker.wakeup import Wakeup

#: How long an answer to a beat may take: all runs' together must come within a lease.
BEAT_TIMEOUT_S = 5.0

#: How long the last calls of an ending worker may take, each.
LEAVE_S = 2.0

log = logging.getLogger(__name__)


class Worker:
    """A worker of every run of a nameserver, or of one.

    Args:
        nameserver: ``HOST:PORT``.
        keys: The key file; None for no keys.
        version: Of das-hpo; a dispatcher of another one refuses us.
        device: ``cpu`` or ``cuda:0``.
        tasks: What it can run; by default ``inverse-1d``. Nothing else is ever imported.
        run: The one run to be served; None serves all.
        capacity: How many evaluations of equal shape are computed at once.
        compute: Computes them; by default the tasks do.
        idle_timeout_s: The worker ends after so long without work; None waits for ever.
        wait_s: How long to wait for the nameserver at the start.
        name: Unique among the nameserver's workers; by default host and process id.
    """

    def __init__(
        self,
        nameserver: str,
        keys: KeyFile | None,
        *,
        version: str,
        device: str = "cpu",
        tasks: Sequence[Task] = (),
        run: str | None = None,
        capacity: int = 1,
        compute: Compute | None = None,
        idle_timeout_s: float | None = None,
        wait_s: float = 0.0,
        name: str | None = None,
    ) -> None:
        parse_address(nameserver)
        self._address = nameserver
        self._keys = keys
        self._tasks = TaskRunner(tasks or (load_task(DEFAULT_TASK),), device)
        self._identity = Identity(
            cleaned(name or default_name()),
            host_name(),
            os.getpid(),
            device,
            version,
            capacity,
            only=run,
            tasks=self._tasks.fingerprints,
        )
        self._compute = compute
        self._idle_timeout_s = idle_timeout_s
        self._wait_s = wait_s
        self._loop: WorkerLoop | None = None
        self._stopped = threading.Event()

    @property
    def name(self) -> str:
        """Unique among the nameserver's workers."""
        return self._identity.name

    def stop(self) -> None:
        """Ends after the evaluation that is being computed; for other threads."""
        self._stopped.set()
        if self._loop is not None:
            self._loop.stop()

    def run(self) -> None:
        """Serves until stopped, or idle for too long.

        Raises:
            UnreachableError: If the nameserver does not answer at the start.
            AuthenticationError: If it does not hold one of our keys.
            VersionError: If the one run to be served is of another version, or of a task that is not ours.
            ClusterError: If so many evaluations raised that this process seems to be broken.
        """
        locate(self._address, self._keys, wait_s=self._wait_s).close()
        if self._compute is None:
            self._tasks.prepare()
        compute = self._tasks.signing(self._compute or self._tasks.run)
        connect = partial(Remote, keys=self._keys)
        with ExitStack() as stack:
            assignments = Assignments()
            dispatchers = DispatcherDirectory(
                Directory(self._address, self._keys),
                self._identity.name,
                self._identity.only,
                lambda runs: loop.appeared(runs),
            )
            stack.callback(dispatchers.close)
            connections = DispatcherConnections(dispatchers, connect)
            stack.callback(connections.close)
            computation = Computation(compute, lambda: loop.stopping)

            def leave() -> None:
                farewell = DispatcherConnections(dispatchers, partial(connect, timeout_s=LEAVE_S))
                loop.leave(farewell)
                farewell.close()

            signals = stack.enter_context(Wakeup())
            heartbeat = Heartbeat(
                self._identity,
                assignments,
                dispatchers,
                DispatcherConnections(dispatchers, partial(connect, lane="beat", timeout_s=BEAT_TIMEOUT_S)),
                computation.give_up,
                leave,
                signals,
            )
            stack.callback(heartbeat.close)
            loop = WorkerLoop(
                self._identity,
                assignments,
                dispatchers,
                connections,
                computation,
                heartbeat,
                stack.enter_context(Wakeup()),
                self._idle_timeout_s,
                self._tasks.refusal,
            )

            def on_signal(number: int) -> None:
                if loop.stopping:
                    os._exit(128 + number)
                heartbeat.reacted()
                loop.stop()

            dispatchers.refresh()
            with computation.interruptible(on_signal, signals.fileno()):
                heartbeat.start()
                self._loop = loop
                if self._stopped.is_set():
                    loop.stop()
                log.info("worker %s (%s) serves the nameserver at %s", self.name, self._identity.device, self._address)
                try:
                    loop.serve()
                finally:
                    loop.stopping = True
                    leave()
