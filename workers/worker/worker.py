"""The worker: asks dispatchers for evaluations, computes them, and reports until it is acknowledged.

A worker only calls and never listens: it calls the nameserver to find dispatchers, and dispatchers to claim and report
evaluations. It belongs to the nameserver, not to a run: it serves all runs in turn, and waits for new ones.

The main thread claims, computes and reports (:mod:`workers.worker.loop`). A second thread renews leases
(:mod:`workers.worker.heartbeat`). This module gives both their sockets, signals and threads.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.texts import cleaned
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.messages import Caller, default_name, host_name
from workers.transport.wire import Remote
from workers.worker.computation import Computation, Compute
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.ending import Ending
from workers.worker.heartbeat import Heartbeat
from workers.worker.loop import WorkerLoop, leave
from workers.worker.state import WorkerState
from workers.worker.task_runner import TaskRunner
from workers.worker.time_limit import TimeLimit
from workers.worker.wakeup import Wakeup

#: How many seconds an answer to a heartbeat may take: the answers of all runs together must come within a lease.
BEAT_TIMEOUT_S = 5.0

#: How many seconds each of the last calls of an ending worker may take.
LEAVE_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker computes on, and for whom.

    Attributes:
        device: ``cpu`` or ``cuda:0``.
        capacity: How many evaluations of equal shape are computed at once.
        run: The one run to be served; None serves all.
        idle_timeout_s: The worker ends after this many seconds without work; None waits for ever.
        wait_s: How many seconds to wait for the nameserver at the start.
        name: Unique among the nameserver's workers; None is the host's name and the process id.
        max_time_s: The worker ends within this many seconds, and begins nothing that would not end; None for no limit.
        grace_s: On SIGTERM, what ends within this many seconds, by the durations seen, is finished.
    """

    device: str = "cpu"
    capacity: int = 1
    run: str | None = None
    idle_timeout_s: float | None = None
    wait_s: float = 0.0
    name: str | None = None
    max_time_s: float | None = None
    grace_s: float = 0.0


class Worker:
    """A worker of every run of a nameserver, or of one; :meth:`run` may be called once.

    Args:
        nameserver: ``HOST:PORT``, or ``file:PATH``.
        keys: The key file; None for no keys.
        settings: What it computes on, and for whom.
        version: The version of das-hpo; a dispatcher of another one gives no work.
        tasks: The tasks whose trials it can run; by default ``inverse-1d``. No other task is ever imported.
        compute: Computes trials of equal shape; by default the tasks do.

    Raises:
        InvalidValueError: If the nameserver's address has another form, or two tasks have one name.
    """

    def __init__(
        self,
        nameserver: str,
        keys: KeyFile | None,
        settings: WorkerSettings | None = None,
        *,
        version: str,
        tasks: Sequence[Task] = (),
        compute: Compute | None = None,
    ) -> None:
        self._address = nameserver
        self._keys = keys
        self._settings = settings or WorkerSettings()
        self._tasks = TaskRunner(tasks or (load_task(DEFAULT_TASK),), self._settings.device)
        self._compute = compute
        self._limit = TimeLimit(self._settings.max_time_s)
        identity = Caller(
            name=cleaned(self._settings.name or default_name()),
            host=host_name(),
            pid=os.getpid(),
            device=self._settings.device,
            version=version,
            session=secrets.token_hex(8),
            tasks=self._tasks.fingerprints,
        )
        self._state = WorkerState(
            identity,
            Directory(nameserver, keys),
            Wakeup(),
            capacity=self._settings.capacity,
            only=self._settings.run,
        )

    @property
    def name(self) -> str:
        """Unique among the nameserver's workers."""
        return self._state.identity.name

    def stop(self) -> None:
        """Ends the worker after the evaluation that it computes; for other threads, also before :meth:`run`."""
        self._state.stop()

    def run(self) -> None:
        """Serves until stopped, or without work for too long.

        Raises:
            UnreachableError: If the nameserver does not answer at the start.
            AuthenticationError: If the nameserver does not hold one of our keys.
            VersionError: If the one run to be served is of another version, or of a task that the worker does not have.
            ClusterError: If so many evaluations raised an error that this process seems to be broken.
        """
        locate(self._address, self._keys, wait_s=self._settings.wait_s).close()
        if self._compute is None:
            self._tasks.prepare()
        state = self._state
        with ExitStack() as stack:
            stack.enter_context(state)
            signals = stack.enter_context(Wakeup())
            computation = Computation(self._tasks.signing(self._compute or self._tasks.run), lambda: state.stopping)
            heartbeat = Heartbeat(
                state,
                self._connections(lane="beat", timeout_s=BEAT_TIMEOUT_S),
                computation.give_up,
                self._leave,
                signals,
            )
            stack.callback(heartbeat.close)
            connections = self._connections()
            stack.callback(connections.close)
            idle_s = self._settings.idle_timeout_s
            loop = WorkerLoop(state, connections, computation, heartbeat, idle_s, self._tasks.refusal, self._limit)
            state.dispatchers.refresh()
            ending = Ending(state, self._limit, self._settings.grace_s, heartbeat.reacted)
            with computation.interruptible(ending.on_signal, signals.fileno()), ending.alarmed():
                heartbeat.start()
                log.info("worker %s (%s) serves the nameserver at %s", self.name, self._settings.device, self._address)
                try:
                    loop.serve()
                finally:
                    state.stopping = True
                    self._leave()

    def _connections(self, **options: Any) -> DispatcherConnections:
        """New connections to dispatchers, for one thread; ``options`` are those of :class:`Remote`."""
        return DispatcherConnections(self._state.dispatchers, partial(Remote, keys=self._keys, **options))

    def _leave(self) -> None:
        """Tells the dispatchers that the worker ends, on connections with a short time limit."""
        farewell = self._connections(timeout_s=LEAVE_S)
        leave(self._state, farewell)
        farewell.close()
