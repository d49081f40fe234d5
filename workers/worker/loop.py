"""A worker's main loop: it asks runs for work, computes it, and reports until the report is acknowledged.

The loop has no socket, thread or clock of its own: :mod:`workers.worker.worker` gives it real ones, and the simulation
of the tests virtual ones.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from spaces import clock
from spaces.errors import ClusterError, VersionError
from spaces.trial import TrialOutcome, TrialSpec
from workers.transport.messages import AGAIN, HANDED_BACK, REFUSED, WAIT, WORK, Answer, Work
from workers.worker.computation import Abandoned, Interrupted
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.pending_reports import PendingReport
from workers.worker.state import WorkerState
from workers.worker.time_limit import TimeLimit

#: A worker on which this many evaluations in a row raised an error ends: more likely it is broken than all of them.
MAX_ERRORS = 5

log = logging.getLogger(__name__)


class Computing(Protocol):
    """Computes; :class:`workers.worker.computation.Computation` is one."""

    def results(self, specs: Sequence[TrialSpec], tokens: frozenset[str]) -> list[TrialOutcome | str]:
        """An outcome, or the text of an error, for each trial; raises Abandoned or Interrupted."""
        ...


class Expecting(Protocol):
    """Renews leases; :class:`workers.worker.heartbeat.Heartbeat` is one."""

    def expect(self, lease_s: float) -> None:
        """A lease of so many seconds was taken."""
        ...


class WorkerLoop:
    """Serves the runs of a nameserver until the worker is stopped, or was without work for too long.

    Args:
        state: Who the worker is, what it holds, and which runs there are.
        connections: Connections to their dispatchers.
        computation: Computes trials.
        heartbeat: Renews leases.
        idle_timeout_s: The loop ends after this many seconds without work; None waits for ever.
        refusal: Why trials cannot be run here, in one line that says what to do; None if they can.
        limit: The time that is left, and how long evaluations take here.
    """

    def __init__(
        self,
        state: WorkerState,
        connections: DispatcherConnections,
        computation: Computing,
        heartbeat: Expecting,
        idle_timeout_s: float | None = None,
        refusal: Callable[[Sequence[TrialSpec]], str | None] = lambda specs: None,
        limit: TimeLimit | None = None,
    ) -> None:
        self._state = state
        self._connections = connections
        self._computation = computation
        self._heartbeat = heartbeat
        self._idle_timeout_s = idle_timeout_s
        self._refusal = refusal
        self._limit = limit or TimeLimit()
        self._errors: set[int] = set()

    def serve(self) -> None:
        """Asks, computes and reports until the worker ends.

        Raises:
            VersionError: If the one run to be served is of another version.
            ClusterError: If so many evaluations raised an error that this process seems to be broken.
        """
        worked = clock.monotonic()
        while not self._state.stopping:
            self._deliver_late()
            if self._limit.too_late:
                log.info(
                    "nothing ends in the time that is left (--max-time): worker %s ends", self._state.identity.name
                )
                return
            run = self._state.round_robin.take(self._to_ask())
            if run is not None and self._serve_run(run):
                worked = clock.monotonic()
                continue
            idle_s = clock.monotonic() - worked
            if self._idle_timeout_s is not None and idle_s >= self._idle_timeout_s:
                log.info("no work for %.0f s: worker %s ends", idle_s, self._state.identity.name)
                return
            self._sleep(None if self._idle_timeout_s is None else self._idle_timeout_s - idle_s)

    def _serve_run(self, run: str) -> bool:
        """Claims work of one run; if it is the only run, continues with the work that its acknowledgements carry."""
        self._state.served.add(run)
        answer = self._ask(run, "claim", self._state.caller(run), self._state.capacity)
        worked = False
        while answer is not None and answer.status == WORK and not self._state.stopping:
            answer = self._work_off(run, answer.work)
            worked = True
        self._state.round_robin.note(run, answer)
        if answer is not None and answer.status == REFUSED and self._state.only is not None:
            raise VersionError(answer.message)
        return worked

    def _to_ask(self) -> list[str]:
        """The runs to be asked for work: those that no report is pending for."""
        return [run for run in self._state.dispatchers.runs() if not self._state.pending.of_run(run)]

    def _work_off(self, run: str, work: tuple[Work, ...]) -> Answer | None:
        """Computes work and reports it; returns the last answer, which may carry more work."""
        tokens = [item.token for item in work]
        why = self._refusal([item.spec for item in work])
        if why is not None:
            self._ask(run, "hand_back", self._state.caller(run), tuple(tokens), HANDED_BACK, why)
            return Answer(REFUSED, message=f"run {run} is left to other workers: {why}")
        budget = max(item.spec.budget for item in work)
        late = self._limit.refusal(run, budget)
        if late is not None:
            log.info("worker %s hands back what it was given, and ends: %s", self._state.identity.name, late)
            self._ask(run, "hand_back", self._state.caller(run), tuple(tokens), HANDED_BACK, late)
            self._state.stop()
            return None
        self._state.assignments.add(run, work)
        self._heartbeat.expect(work[0].lease_s)
        began = clock.monotonic()
        for item in work:
            log.debug("%s: computes %s, since %s", run, item, local_time())
        whole = False
        self._limit.begin(run, budget)
        try:
            results = self._computation.results([item.spec for item in work], frozenset(tokens))
            whole = True
        except Abandoned:
            log.info("gave up %d evaluations of %s that are not wanted any more", len(work), run)
            self._state.assignments.drop(run, tokens)
            return Answer(WAIT)
        except Interrupted:
            self._hand_back_unfinished(run, tokens)
            return None
        finally:
            self._limit.end(whole=whole)
        duration_s = (clock.monotonic() - began) / len(work)  # the share of each
        for item, result in zip(work, results, strict=True):
            ended = "it raised an error" if isinstance(result, str) else result.status
            log.debug("%s: %s: %s after %.1f s", run, item, ended, duration_s)
        self._count_errors(work, results)
        answer: Answer | None = None
        for number, (token, result) in enumerate(zip(tokens, results, strict=True), 1):
            answer = self._deliver(
                PendingReport(run, token, result, duration_s), self._wanted() if number == len(work) else 0
            )
        if len(self._errors) >= MAX_ERRORS:
            raise ClusterError(
                f"{MAX_ERRORS} evaluations in a row raised an error here: this worker seems broken, and ends"
            )
        return answer

    def _hand_back_unfinished(self, run: str, tokens: Sequence[str]) -> None:
        """The worker was told to end (then :func:`leave` hands back), or its time is over, which the run is told."""
        log.info("interrupted: %d evaluations of %s are handed back", len(tokens), run)
        if self._limit.left_s <= 0 and self._limit.max_time_s is not None:
            why = f"it did not end within the worker's --max-time of {self._limit.max_time_s:g} s"
            self._ask(run, "hand_back", self._state.caller(run), tuple(tokens), HANDED_BACK, why)

    def _wanted(self) -> int:
        """How much work the acknowledgement of a report may carry: none while other runs wait for their turn."""
        if self._state.stopping or self._limit.too_late or self._errors or len(self._state.dispatchers.runs()) > 1:
            return 0
        return self._state.capacity

    def _count_errors(self, work: tuple[Work, ...], results: Sequence[TrialOutcome | str]) -> None:
        """Notes which evaluations raised an error since the last one that did not."""
        if any(isinstance(result, TrialOutcome) for result in results):
            self._errors.clear()
        self._errors.update(
            item.spec.seed for item, result in zip(work, results, strict=True) if isinstance(result, str)
        )

    # Calls --------------------------------------------------------------------------------------

    def _ask(self, run: str, method: str, *arguments: object) -> Answer | None:
        """The answer of a run's dispatcher; None if it does not answer at present."""
        try:
            answer = Answer.from_mapping(self._connections.call(run, method, *arguments))
        except ClusterError as error:
            if self._state.round_robin.heard(run, answered=False):
                log.info("run %s does not answer, and is asked again, ever more rarely: %s", run, error)
            return None
        if self._state.round_robin.heard(run, answered=True):
            log.info("run %s answers again", run)
        return answer

    def _deliver(self, pending: PendingReport, wanted: int) -> Answer | None:
        """Reports an outcome; if it is not acknowledged, it is kept and reported again later."""
        answer = self._ask(pending.run, *pending.message(self._state.caller(pending.run), wanted))
        if answer is None or answer.report == AGAIN:
            retry_s = self._state.round_robin.retry_s(pending.run)
            self._state.pending.keep(pending, retry_s if answer is None else max(retry_s, answer.wait_s))
            return answer
        if answer.status == REFUSED:
            log.error("run %s refused a report, which is dropped: %s", pending.run, answer.message)
        self._state.pending.delivered(pending)
        self._state.assignments.drop(pending.run, (pending.token,))
        return answer

    def _deliver_late(self) -> None:
        for pending in self._state.pending.due():
            self._deliver(pending, 0)
        for pending in self._state.pending.expired():
            log.error("run %s has not answered for a day: its outcome is dropped", pending.run)
            self._state.assignments.drop(pending.run, (pending.token,))

    def _sleep(self, most_s: float | None) -> None:
        """Sleeps until a run may have work, a report is due, or another thread wakes it."""
        now = clock.monotonic()
        due = min(self._state.round_robin.due(self._to_ask()), self._state.pending.next_due(), now + 10.0)
        seconds = max(0.0, due - now) if most_s is None else max(0.0, min(due - now, most_s))
        if not self._state.stopping:
            self._state.wakeup.wait(seconds)


def local_time() -> str:
    """The time of day as the user's clock shows it, with the zone."""
    return clock.utc().astimezone().strftime("%H:%M:%S %Z")


def leave(state: WorkerState, connections: DispatcherConnections) -> None:
    """Tells every run that was served that the worker ends: it gives what the worker holds to others at once."""
    for pending in state.pending.all():
        with contextlib.suppress(ClusterError):
            connections.call(pending.run, *pending.message(state.caller(pending.run), 0))
            state.assignments.drop(pending.run, (pending.token,))
    for run in sorted(state.served.intersection(state.dispatchers.runs())):
        with contextlib.suppress(ClusterError):
            connections.call(run, "leave", state.caller(run))
