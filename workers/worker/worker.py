"""The worker: asks dispatchers for evaluations, computes them, and reports until it is acknowledged.

hpbandster's worker listens and is called; of it the class and its place are kept. This one only calls:
the nameserver, to find dispatchers, and those, to claim and report. It belongs to the nameserver, not to
a run: it serves whichever runs there are, in turns, and waits for the next.

The main thread claims, computes and reports; beside it beats the heart (:mod:`workers.worker.heartbeat`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterable, Sequence

from hpbandster.core.worker import Worker as HpBandSterWorker

from spaces import clock
from spaces.errors import ClusterError, VersionError
from spaces.trial import TrialOutcome, TrialSpec
from workers.transport.directory import locate
from workers.transport.keys import KeyFile
from workers.transport.messages import (
    AGAIN,
    REFUSED,
    WAIT,
    WORK,
    Answer,
    Caller,
    Work,
    default_name,
)
from workers.transport.wire import parse_address
from workers.worker.assignments import Assignments
from workers.worker.computation import Abandoned, Computation, Compute, Interrupted
from workers.worker.dispatchers import DispatcherConnections, DispatcherDirectory
from workers.worker.heartbeat import Heartbeat
from workers.worker.pending_reports import PendingReport, PendingReports
from workers.worker.round_robin import RETRY_S, RoundRobin

#: A worker on which so many evaluations in a row raised ends: it is more likely to be broken than they are.
MAX_ERRORS = 5

#: How long an answer to a beat may take: all runs' together must come within a lease.
BEAT_TIMEOUT_S = 5.0

#: How long the last calls of an ending worker may take, each.
LEAVE_S = 2.0

log = logging.getLogger(__name__)


class Worker(HpBandSterWorker):  # type: ignore[misc]
    """A worker of every run of a nameserver, or of one.

    Args:
        nameserver: ``HOST:PORT``.
        keys: The key file; None for no keys.
        version: Of das-hpo; a dispatcher of another one refuses us.
        device: ``cpu`` or ``cuda:0``.
        kernel: ``auto``, ``torch`` or ``fused``.
        run: The one run to be served; None serves all.
        capacity: How many evaluations of equal shape are computed at once.
        compute: Computes them; by default :func:`workers.trials.pipeline.run_trials`.
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
        kernel: str = "auto",
        run: str | None = None,
        capacity: int = 1,
        compute: Compute | None = None,
        idle_timeout_s: float | None = None,
        wait_s: float = 0.0,
        name: str | None = None,
    ) -> None:
        host, port = parse_address(nameserver)
        super().__init__(run or "", nameserver=host, nameserver_port=port, logger=log, timeout=idle_timeout_s)
        self.worker_id = name or default_name()
        self._address = nameserver
        self._keys = keys
        self._version = version
        self._device = device
        self._kernel = kernel
        self._only = run
        self._capacity = capacity
        self._compute = compute
        self._wait_s = wait_s
        self._session = secrets.token_hex(8)
        self._assignments = Assignments()
        self._pending = PendingReports()
        self._stopping = False
        self._computation = Computation(self.compute, lambda: self._stopping)
        self._errors: set[int] = set()
        self._round_robin = RoundRobin()
        self._met: set[str] = set()
        self._dispatchers: DispatcherDirectory
        self._connections: DispatcherConnections
        self._heartbeat: Heartbeat

    # Lifetime -----------------------------------------------------------------------------------

    def run(self, background: bool = False) -> None:
        """Serves until stopped, or idle for too long.

        Args:
            background: Serve on a daemon thread, and return at once.

        Raises:
            UnreachableError: If the nameserver does not answer at the start.
            AuthenticationError: If it does not hold one of our keys.
            VersionError: If the one run to be served is of another version.
            ClusterError: If so many evaluations raised that this process seems to be broken.
        """
        if background:
            self.thread = threading.Thread(target=self._run, name=f"worker {self.worker_id}", daemon=True)
            self.thread.start()
        else:
            self._run()

    def stop(self) -> None:
        """Ends after the evaluation that is being computed; for other threads."""
        self._stopping = True
        self._poke()

    def shutdown(self) -> None:
        """Ends as :meth:`stop` does, and waits for it if it runs in the background."""
        self.stop()
        if self.thread is not None:
            self.thread.join()

    def compute(self, specs: Sequence[TrialSpec]) -> Sequence[TrialOutcome]:  # type: ignore[override,unused-ignore]
        """Computes trials of equal shape: with what was given, else with the real pipeline."""
        if self._compute is None:
            self._compute = _pipeline(self._device, self._kernel)
        return self._compute(specs)

    def start_computation(self, *_: object, **__: object) -> None:
        """Closed, as hpbandster's would compute beside what was claimed: this worker asks for work itself."""
        raise RuntimeError("nothing is pushed to this worker: it claims its work from dispatchers")

    def _run(self) -> None:
        locate(self._address, self._keys, wait_s=self._wait_s).close()
        if self._compute is None:
            self._compute = _pipeline(self._device, self._kernel)
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_write.setblocking(False)
        self._dispatchers = DispatcherDirectory(self._address, self._keys, self.worker_id, self._only, self._appeared)
        self._connections = DispatcherConnections(self._dispatchers, self._keys)
        self._heartbeat = Heartbeat(
            self.worker_id,
            self._session,
            self._assignments,
            self._dispatchers,
            DispatcherConnections(self._dispatchers, self._keys, lane="beat", timeout_s=BEAT_TIMEOUT_S),
            self._computation.give_up,
            self._leave,
        )
        self._dispatchers.refresh()
        try:
            with self._computation.interruptible(self._on_stop, self._heartbeat.wake_write.fileno()):
                self._heartbeat.start()
                log.info("worker %s (%s) serves the nameserver at %s", self.worker_id, self._device, self._address)
                try:
                    self._serve()
                finally:
                    self._stopping = True
                    self._leave()
        finally:
            self._heartbeat.close()
            self._connections.close()
            self._dispatchers.close()
            self._wake_read.close()
            self._wake_write.close()

    # Serving ------------------------------------------------------------------------------------

    def _serve(self) -> None:
        worked = clock.monotonic()
        while not self._stopping:
            self._deliver_late()
            run = self._round_robin.take(self._to_ask())
            if run is not None and self._serve_run(run):
                worked = clock.monotonic()
                continue
            idle_s = clock.monotonic() - worked
            if self.timeout is not None and idle_s >= self.timeout:
                log.info("no work for %.0f s: worker %s ends", idle_s, self.worker_id)
                return
            self._sleep(None if self.timeout is None else self.timeout - idle_s)

    def _serve_run(self, run: str) -> bool:
        """Claims from one run; while it is the only one, goes on with what its acknowledgements carry."""
        self._met.add(run)
        answer = self._ask(run, "claim", self._caller(run), self._capacity)
        worked = False
        while answer is not None and answer.status == WORK and not self._stopping:
            answer = self._work_off(run, answer.work)
            worked = True
        self._round_robin.note(run, answer)
        if answer is not None and answer.status == REFUSED and self._only is not None:
            raise VersionError(answer.message)
        return worked

    def _to_ask(self) -> list[str]:
        """The runs that have all their outcomes."""
        return [run for run in self._dispatchers.runs() if not self._pending.of_run(run)]

    def _work_off(self, run: str, work: tuple[Work, ...]) -> Answer | None:
        """Computes and reports; returns the last answer, which may carry more work."""
        tokens = [item.token for item in work]
        self._assignments.add(run, work)
        self._heartbeat.expect(work[0].lease_s)
        began = clock.monotonic()
        try:
            results = self._computation.results([item.spec for item in work], frozenset(tokens))
        except Abandoned:
            log.info("gave up %d evaluations of %s that are not wanted any more", len(work), run)
            self._assignments.drop(tokens)
            return Answer(WAIT)
        except Interrupted:
            log.info("interrupted: %d evaluations of %s are handed back", len(work), run)
            return None
        duration_s = (clock.monotonic() - began) / len(work)  # each one's share
        self._count_errors(work, results)
        answer: Answer | None = None
        for number, (token, result) in enumerate(zip(tokens, results, strict=True), 1):
            wanted = self._capacity if number == len(work) and len(self._dispatchers.runs()) <= 1 else 0
            wanted = 0 if self._stopping or self._errors else wanted
            answer = self._deliver(PendingReport(run, token, result, duration_s), wanted)
        if len(self._errors) >= MAX_ERRORS:
            raise ClusterError(f"{MAX_ERRORS} evaluations in a row raised here: this worker seems broken, and ends")
        return answer

    def _count_errors(self, work: tuple[Work, ...], results: Sequence[TrialOutcome | str]) -> None:
        """Notes which evaluations raised since the last that did not."""
        if any(isinstance(result, TrialOutcome) for result in results):
            self._errors.clear()
        self._errors.update(
            item.spec.seed for item, result in zip(work, results, strict=True) if isinstance(result, str)
        )

    # Calls --------------------------------------------------------------------------------------

    def _caller(self, run: str) -> dict[str, object]:
        return Caller(
            self.worker_id,
            socket.gethostname(),
            os.getpid(),
            self._device,
            self._version,
            self._session,
            self._assignments.tokens(run),
        ).to_dict()

    def _ask(self, run: str, method: str, *arguments: object) -> Answer | None:
        """An answer, or None if there is none to be had at present."""
        try:
            return Answer.from_mapping(self._connections.call(run, method, *arguments))
        except ClusterError as error:
            log.info("no answer from run %s: %s", run, error)
            return None

    def _deliver(self, pending: PendingReport, wanted: int) -> Answer | None:
        """Reports an outcome; what is not acknowledged is kept, and reported again later."""
        answer = self._ask(pending.run, *pending.message(self._caller(pending.run), wanted))
        if answer is None or answer.report == AGAIN:
            self._pending.keep(pending, RETRY_S if answer is None else max(RETRY_S, answer.wait_s))
            return answer
        if answer.status == REFUSED:
            log.error("run %s refused a report, which is dropped: %s", pending.run, answer.message)
        self._pending.delivered(pending)
        self._assignments.drop((pending.token,))
        return answer

    def _deliver_late(self) -> None:
        for pending in self._pending.due():
            self._deliver(pending, 0)
        for pending in self._pending.expired():
            log.error("nobody has wanted an outcome of run %s for a day: it is dropped", pending.run)
            self._assignments.drop((pending.token,))

    def _leave(self) -> None:
        """Tells every run that was served that this worker ends: it offers what we hold again, at once."""
        lines = DispatcherConnections(self._dispatchers, self._keys, timeout_s=LEAVE_S)
        for pending in self._pending.all():
            with contextlib.suppress(ClusterError):
                lines.call(pending.run, *pending.message(self._caller(pending.run), 0))
                self._assignments.drop((pending.token,))
        for run in self._met.intersection(self._dispatchers.runs()):
            with contextlib.suppress(ClusterError):
                lines.call(run, "leave", self._caller(run))
        lines.close()

    # Sleeping and stopping ----------------------------------------------------------------------

    def _appeared(self, runs: Iterable[str]) -> None:
        """Called by the heart: these runs were begun, or resumed, and are asked at once."""
        self._round_robin.appeared(runs)
        self._poke()

    def _poke(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # before or after it runs
            self._wake_write.send(b"\0")

    def _sleep(self, most_s: float | None) -> None:
        """Sleeps until a run may have work, a parcel is due, or somebody pokes."""
        now = clock.monotonic()
        due = min(self._round_robin.due(self._to_ask()), self._pending.next_due(), now + 10.0)
        seconds = max(0.0, due - now) if most_s is None else max(0.0, min(due - now, most_s))
        if self._stopping:
            return
        self._wake_read.settimeout(max(0.001, seconds))
        with contextlib.suppress(TimeoutError):
            self._wake_read.recv(4096)

    def _on_stop(self, number: int) -> None:
        """Called in a signal's handler."""
        if self._stopping:
            os._exit(128 + number)
        self._stopping = True
        self._heartbeat.reacted()
        self._poke()


def _pipeline(device: str, kernel: str) -> Compute:
    """The real thing, which imports torch and has its kernels compiled."""
    from workers.kernels import prepare
    from workers.trials.pipeline import run_trials

    prepare(device, kernel)
    return lambda specs: run_trials(list(specs), device=device, kernel=kernel)
