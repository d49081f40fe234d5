"""Which evaluations a worker is given next, and for how long a worker without work waits."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable

from das_hpo.service.leases import Lease, LeaseTable, OpenEvaluation, new_token, opened
from das_hpo.service.queue import Attempt, EvaluationQueue
from das_hpo.service.reports import AGAIN_S
from das_hpo.service.worker_registry import SLOWEST_S, WorkerRegistry
from spaces import clock
from workers.transport.messages import DONE, WAIT, WORK, Answer, Caller, Work

#: An evaluation queue that had no work is not asked again for this many seconds, unless something has changed. Many
#: workers wait at the end of a rung, and each question costs a transaction.
DRY_S = 1.0

#: While evaluations wait for a worker, a warning is logged once in this many seconds.
WARN_EVERY_S = 60.0

log = logging.getLogger(__name__)


class WorkAllocator:
    """Gives work to workers. Every method is called with the queue's condition held.

    Args:
        queue: What to evaluate.
        table: Open evaluations and their leases.
        registry: The workers.
        lease_s: Seconds for which a lease lasts without a heartbeat.
    """

    def __init__(self, queue: EvaluationQueue, table: LeaseTable, registry: WorkerRegistry, lease_s: float) -> None:
        self.paused = False
        """Whether no work is given out."""
        self._queue = queue
        self._table = table
        self._registry = registry
        self._lease_s = lease_s
        self._dry_until = 0.0
        self._waiting_since: float | None = None
        self._warned_at = 0.0

    @property
    def waiting(self) -> int:
        """How many evaluations more workers could begin now, at most; 0 after the queue had none for a worker."""
        if self.paused or self._queue.done:
            return 0
        return self._table.queued + (0 if self._dry_until else self._queue.remaining)

    def answer(self, caller: Caller, capacity: int, report: str) -> Answer:
        """Work for a worker, in a transaction of its own, or how long it is to wait.

        Args:
            caller: The worker.
            capacity: How many evaluations it takes; 0 if it asks for none.
            report: What became of its report, if it sent one.
        """
        if not capacity:
            return self.wait(caller, report, 0)
        missing = self.missing(caller)
        if missing:
            for lease in missing:
                lease.session = caller.session
            return self._work(caller, missing, report)
        chosen: list[OpenEvaluation] = []
        leases: list[Lease] = []
        dry = not self._table.queued and clock.monotonic() < self._dry_until
        if not self._queue.done and not dry and not self.paused:
            try:
                with self._queue.transaction():
                    leases = self.choose(caller, capacity, chosen)
            except Exception:
                log.exception("no work could be given out; the worker asks again")
                self._table.put_back(chosen)
                return Answer(WAIT, wait_s=AGAIN_S, report=report, message="no work, see the log of the run's process")
            self.drop_what_is_over()
            self._dry_until = 0.0 if leases else clock.monotonic() + DRY_S
        return self.grant(caller, leases, report) if leases else self.wait(caller, report)

    def choose(
        self, caller: Caller, capacity: int, chosen: list[OpenEvaluation], done: Container[OpenEvaluation] = ()
    ) -> list[Lease]:
        """Chooses evaluations for a worker and starts attempts at them, within a transaction.

        An error of the evaluation queue is logged and makes this worker wait. It must not undo the outcomes of
        ``done``, which are recorded in the same transaction.

        Args:
            caller: The worker.
            capacity: How many evaluations it takes at most; all that it gets have the same shape.
            chosen: Gets every evaluation that was taken off the queue; the caller puts them back if the transaction
                fails.
            done: Evaluations that are finished in this transaction.
        """
        if self.paused:
            return []
        chosen += self._table.take(
            capacity,
            lambda evaluation: (
                evaluation not in done
                and self._queue.is_open(evaluation.asked)
                and not self._is_for_another(evaluation, caller.session)
            ),
        )
        self._add_new(capacity - len(chosen), chosen)
        worker = self._registry.info(caller.name)
        now = clock.monotonic()
        leases: list[Lease] = []
        for number, evaluation in enumerate(chosen):
            attempt = Attempt(evaluation.asked, new_token(), worker)
            try:
                self._queue.started(attempt)
            except Exception:
                log.exception("evaluation %d could not be started", evaluation.asked.id)
                self._table.put_back(chosen[number:])
                del chosen[number:]
                break
            expires = now + self._lease_s
            leases.append(Lease(attempt, evaluation, caller.session, self._lease_s, now, expires, len(chosen)))
        return leases

    def _add_new(self, wanted: int, chosen: list[OpenEvaluation]) -> None:
        """Adds new evaluations of the shape of what is chosen already; those of another shape are queued."""
        if not wanted:
            return
        try:
            new = [opened(evaluation) for evaluation in self._queue.next_evaluations(wanted)]
        except Exception:
            log.exception("the evaluation queue could not give its next evaluation")
            return
        for evaluation in new:
            if chosen and evaluation.asked.spec.shape != chosen[0].asked.spec.shape:
                self._table.put_last(evaluation)
            else:
                chosen.append(evaluation)

    def _is_for_another(self, evaluation: OpenEvaluation, session: str) -> bool:
        """Whether a worker on which it failed leaves it to a living one on which it did not."""
        return session in evaluation.failed_on and self._registry.lives_one_beside(evaluation.failed_on)

    def grant(self, caller: Caller, leases: Iterable[Lease], report: str) -> Answer:
        """Enters leases that :meth:`choose` gave, once they are committed, and tells the worker of them."""
        leases = list(leases)
        for lease in leases:
            self._table.grant(lease)
        return self._work(caller, leases, report)

    def _work(self, caller: Caller, leases: Iterable[Lease], report: str) -> Answer:
        self._registry.has_work(caller.name)
        work = tuple(
            Work(lease.attempt.token, asked.spec, self._lease_s, str(asked.configuration_id))
            for lease in leases
            for asked in (lease.evaluation.asked,)
        )
        return Answer(WORK, work=work, report=report)

    def wait(self, caller: Caller, report: str, capacity: int = 1) -> Answer:
        """There is no work for a worker: when it is to ask again."""
        if self._queue.done:
            return Answer(DONE, wait_s=SLOWEST_S, report=report)
        if not capacity:
            return Answer(WAIT, report=report)  # it goes on to another run, and comes back at once
        return Answer(WAIT, wait_s=self._registry.waits(caller.name), report=report)

    def leases_of(self, caller: Caller) -> list[Lease]:
        """The worker's own leases: not those of a twin, or of an earlier process, of the same name.

        Containers may have the same host name and process id. So another session under the same name is another
        worker, and only the heartbeats of the session before it tell whether that one still lives.
        """
        return [lease for lease in self._table.of_worker(caller.name) if lease.session in (caller.session, "")]

    def missing(self, caller: Caller) -> list[Lease]:
        """What the worker was given and does not have: the answer that carried it was lost on the way."""
        return [lease for lease in self.leases_of(caller) if lease.attempt.token not in caller.holding]

    def changed(self) -> None:
        """There may be new work: the next worker that asks makes the evaluation queue be asked again."""
        self._dry_until = 0.0

    def drop_what_is_over(self) -> None:
        """Removes evaluations from the queue whose outcome came in a report that could not be recorded at first.

        Called after a commit, which has recorded those outcomes too. The worker may have died before it reported again.
        """
        for evaluation in self._table.waiting():
            if not self._queue.is_open(evaluation.asked):
                self._table.over(evaluation)

    def warn_of_waiting(self, now: float) -> None:
        """Logs, once a minute, that evaluations wait for a worker, and why no worker has taken them."""
        alive = sum(status.alive for status in self._registry.statuses(lambda _: 0))
        if (alive and not self._table.queued) or self._queue.done or self.paused:
            self._waiting_since = None
            return
        if self._waiting_since is None:
            self._waiting_since = self._warned_at = now
        if now - self._warned_at < WARN_EVERY_S:
            return
        self._warned_at = now
        log.warning(
            "%s evaluations have waited for a worker for %.0f s: %s",
            self._table.queued or "all",
            now - self._waiting_since,
            f"{alive} workers are alive, which compute others, or on which these failed" if alive else "none is alive",
        )
