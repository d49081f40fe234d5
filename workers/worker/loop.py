"""A worker's decisions: which run is asked for work, what is computed, and what becomes of a report.

No socket, no thread and no clock of its own: :mod:`workers.worker.worker` gives it real ones, the deterministic
simulation virtual ones.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from spaces import clock
from spaces.errors import ClusterError, VersionError
from spaces.trial import TrialOutcome, TrialSpec
from workers.transport.messages import AGAIN, HANDED_BACK, REFUSED, WAIT, WORK, Answer, Caller, Work
from workers.worker.assignments import Assignments
from workers.worker.computation import Abandoned, Interrupted
from workers.worker.dispatchers import DispatcherConnections, DispatcherDirectory
from workers.worker.identity import Identity
from workers.worker.pending_reports import PendingReport, PendingReports
from workers.worker.round_robin import RETRY_S, RoundRobin
from workers.worker.wakeup import Wakeup

#: A worker on which so many evaluations in a row raised ends: it is more likely to be broken than they are.
MAX_ERRORS = 5

log = logging.getLogger(__name__)


class Computing(Protocol):
    """Computes; :class:`workers.worker.computation.Computation` is one."""

    def results(self, specs: Sequence[TrialSpec], tokens: frozenset[str]) -> list[TrialOutcome | str]:
        """An outcome, or the text of what was raised, for each; raises Abandoned or Interrupted."""
        ...


class Expecting(Protocol):
    """Is told of leases; :class:`workers.worker.heartbeat.Heartbeat` is one."""

    def expect(self, lease_s: float) -> None:
        """A lease of so many seconds was taken."""
        ...


class WorkerLoop:
    """Serves the runs of a nameserver until :meth:`stop`, or until it was idle for too long.

    Args:
        identity: Who we are.
        assignments: What we hold; the heartbeat renews its leases.
        dispatchers: Which runs there are.
        connections: Calls their dispatchers.
        computation: Computes.
        heartbeat: Renews leases.
        wakeup: What the loop sleeps on.
        idle_timeout_s: The loop ends after so long without work; None waits for ever.
        refusal: Why trials cannot be run here, in one line that says what to do; None if they can.
    """

    def __init__(
        self,
        identity: Identity,
        assignments: Assignments,
        dispatchers: DispatcherDirectory,
        connections: DispatcherConnections,
        computation: Computing,
        heartbeat: Expecting,
        wakeup: Wakeup,
        idle_timeout_s: float | None = None,
        refusal: Callable[[Sequence[TrialSpec]], str | None] = lambda specs: None,
    ) -> None:
        self.stopping = False
        self._identity = identity
        self._assignments = assignments
        self._dispatchers = dispatchers
        self._connections = connections
        self._computation = computation
        self._heartbeat = heartbeat
        self._wakeup = wakeup
        self._idle_timeout_s = idle_timeout_s
        self._refusal = refusal
        self._pending = PendingReports()
        self._errors: set[int] = set()
        self._round_robin = RoundRobin()
        self._met: set[str] = set()

    def serve(self) -> None:
        """Asks, computes and reports.

        Raises:
            VersionError: If the one run to be served is of another version.
            ClusterError: If so many evaluations raised that this process seems to be broken.
        """
        worked = clock.monotonic()
        while not self.stopping:
            self._deliver_late()
            run = self._round_robin.take(self._to_ask())
            if run is not None and self._serve_run(run):
                worked = clock.monotonic()
                continue
            idle_s = clock.monotonic() - worked
            if self._idle_timeout_s is not None and idle_s >= self._idle_timeout_s:
                log.info("no work for %.0f s: worker %s ends", idle_s, self._identity.name)
                return
            self._sleep(None if self._idle_timeout_s is None else self._idle_timeout_s - idle_s)

    def _serve_run(self, run: str) -> bool:
        """Claims from one run; while it is the only one, goes on with what its acknowledgements carry."""
        self._met.add(run)
        answer = self._ask(run, "claim", self._caller(run), self._identity.capacity)
        worked = False
        while answer is not None and answer.status == WORK and not self.stopping:
            answer = self._work_off(run, answer.work)
            worked = True
        self._round_robin.note(run, answer)
        if answer is not None and answer.status == REFUSED and self._identity.only is not None:
            raise VersionError(answer.message)
        return worked

    def _to_ask(self) -> list[str]:
        """The runs that have all their outcomes."""
        return [run for run in self._dispatchers.runs() if not self._pending.of_run(run)]

    def _work_off(self, run: str, work: tuple[Work, ...]) -> Answer | None:
        """Computes and reports; returns the last answer, which may carry more work."""
        tokens = [item.token for item in work]
        why = self._refusal([item.spec for item in work])
        if why is not None:
            self._ask(run, "hand_back", self._caller(run), tuple(tokens), HANDED_BACK, why)
            return Answer(REFUSED, message=f"run {run} is left to other workers: {why}")
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
            wanted = self._identity.capacity if number == len(work) and len(self._dispatchers.runs()) <= 1 else 0
            wanted = 0 if self.stopping or self._errors else wanted
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
        us = self._identity
        held = self._assignments.tokens(run)
        return Caller(us.name, us.host, us.pid, us.device, us.version, us.session, held, us.tasks).to_dict()

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

    def leave(self, connections: DispatcherConnections) -> None:
        """Tells every run that was served that this worker ends: it offers what we hold again, at once."""
        for pending in self._pending.all():
            with contextlib.suppress(ClusterError):
                connections.call(pending.run, *pending.message(self._caller(pending.run), 0))
                self._assignments.drop((pending.token,))
        for run in sorted(self._met.intersection(self._dispatchers.runs())):
            with contextlib.suppress(ClusterError):
                connections.call(run, "leave", self._caller(run))

    def appeared(self, runs: Iterable[str]) -> None:
        """These runs were begun, or resumed, and are asked at once; for any thread."""
        self._round_robin.appeared(runs)
        self._wakeup.wake()

    def stop(self) -> None:
        """Ends after the evaluation that is being computed; for any thread, and for handlers of signals."""
        self.stopping = True
        self._wakeup.wake()

    def _sleep(self, most_s: float | None) -> None:
        """Sleeps until a run may have work, a report is due, or somebody wakes us."""
        now = clock.monotonic()
        due = min(self._round_robin.due(self._to_ask()), self._pending.next_due(), now + 10.0)
        seconds = max(0.0, due - now) if most_s is None else max(0.0, min(due - now, most_s))
        if not self.stopping:
            self._wakeup.wait(seconds)
