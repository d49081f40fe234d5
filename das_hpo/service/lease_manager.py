"""The dispatcher's decisions: which worker gets which evaluation, what a report changes, when an attempt is lost.

This module has no socket and no thread. The endpoints call it with checked messages, the lease watch with the time.
Everything changes with the evaluation queue's condition held; only ``beat`` takes no lock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from das_hpo.service.admission import Admission
from das_hpo.service.allocation import WorkAllocator
from das_hpo.service.deadlines import Deadlines
from das_hpo.service.leases import MAX_ATTEMPTS, Lease, LeaseTable, OpenEvaluation
from das_hpo.service.queue import ERROR, HANDED_BACK, LOST, Attempt, EvaluationQueue
from das_hpo.service.reports import Reports, WorkerReport, again
from das_hpo.service.worker_registry import WorkerRegistry, WorkerStatus
from spaces import clock
from spaces.errors import may_pass
from spaces.texts import cleaned
from spaces.trial import COMPLETED, TrialOutcome
from workers.transport.messages import (
    DONE,
    DUPLICATE,
    MAX_MESSAGE_LENGTH,
    RECORDED,
    REFUSED,
    UNKNOWN,
    Answer,
    Caller,
)

log = logging.getLogger(__name__)


class LeaseManager:
    """Gives work out and takes outcomes in.

    Args:
        queue: What to evaluate, and where outcomes go.
        admission: Which workers get work.
        lease_s: An attempt is lost if no heartbeat of its worker comes for this many seconds.
        deadlines: An attempt is lost if it takes longer.
        attempts: The attempts that an earlier process of this run left running.
    """

    def __init__(
        self,
        queue: EvaluationQueue,
        admission: Admission,
        *,
        lease_s: float,
        deadlines: Deadlines,
        attempts: Sequence[Attempt] = (),
    ) -> None:
        self._queue = queue
        self._admission = admission
        self._refused: set[str] = set()
        self._lease_s = lease_s
        self._deadlines = deadlines
        self._reports = Reports(queue.condition, self._take_in)
        self._table = LeaseTable()
        self._table.adopt(attempts, lease_s, clock.monotonic())
        self._registry = WorkerRegistry(lease_s, [attempt.worker for attempt in attempts])
        self._allocator = WorkAllocator(queue, self._table, self._registry, lease_s)

    # What workers ask ---------------------------------------------------------------------------

    def claim(self, caller: Caller, capacity: int) -> Answer:
        """Work for a worker, at most ``capacity`` evaluations, or how long it is to wait."""
        refusal = self._admission.refusal(caller)
        if refusal is not None:
            if caller.session not in self._refused:  # it asks again and again
                self._refused.add(caller.session)
                log.warning("a worker is given no work: %s", refusal)
            return Answer(REFUSED, message=refusal)
        with self._queue.condition:
            self._hear(caller)
            return self._allocator.answer(caller, capacity, "")

    def report(self, caller: Caller, token: str, outcome: TrialOutcome, duration_s: float, capacity: int) -> Answer:
        """Records an outcome; it is durable when this returns.

        Reports that come while a commit is in progress wait, and share the next commit. The first of the waiting
        threads records them all.
        """
        if self._admission.refusal(caller) is not None:
            capacity = 0
        return self._reports.answer(WorkerReport(caller, token, outcome, duration_s, capacity))

    def hand_back(self, caller: Caller, tokens: tuple[str, ...], result: str, message: str) -> Answer:
        """A worker gives evaluations up (HANDED_BACK), or computing them raised an error (ERROR)."""
        with self._queue.condition:
            self._hear(caller)
            held = [self._table.leases[token] for token in tokens if token in self._table.leases]
            if not self._end([lease for lease in held if not lease.late], result, message):
                return again()
            return self._allocator.wait(caller, RECORDED)

    def leave(self, caller: Caller) -> Answer:
        """A worker ends: its evaluations are given to other workers."""
        with self._queue.condition:
            if not self._end(self._allocator.leases_of(caller), HANDED_BACK, "the worker was stopped"):
                return again()
            if self._registry.session(caller.name) == caller.session:
                self._registry.remove(caller.name)
                log.info("worker %s has left", caller.name)
            return Answer(DONE, report=RECORDED)

    def beat(self, name: str, session: str, tokens: tuple[str, ...]) -> list[str]:
        """A heartbeat: renews leases, and returns the tokens whose computation should stop. Takes no lock."""
        now = clock.monotonic()
        self._registry.beat(name, session, now)
        return self._table.beat(tokens, now)

    def demand(self) -> dict[str, int]:
        """How much work there is, and how many workers there are for it: what an autoscaler asks."""
        with self._queue.condition:
            alive = sum(status.alive for status in self._registry.statuses(lambda _: 0))
            return {"waiting": self._allocator.waiting, "running": self._table.running, "workers": alive}

    # What the dispatcher asks -------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether no work is given out; outcomes are recorded all the same."""
        return self._allocator.paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._allocator.paused = value

    @property
    def running(self) -> int:
        """How many attempts are believed to be running."""
        with self._queue.condition:
            return self._table.running

    @property
    def queued(self) -> int:
        """How many evaluations wait to be computed again."""
        with self._queue.condition:
            return self._table.queued

    def workers(self) -> list[WorkerStatus]:
        """The workers that this run heard from in the last minutes."""
        with self._queue.condition:
            return self._registry.statuses(lambda name: len(self._table.of_worker(name)))

    def worker_exited(self, name: str, why: str) -> None:
        """A worker's process was seen to end: its attempts are lost at once."""
        with self._queue.condition:
            self._registry.remove(name)
            self._end(self._table.of_worker(name), LOST, why)

    def look(self, now: float) -> None:
        """Ends the attempts whose worker is silent, or which take too long."""
        with self._queue.condition:
            expired = [lease for lease in self._table.current() if lease.expires < now]
            self._end(expired, LOST, f"no beat for {self._lease_s:g} s")
            for lease in [lease for lease in self._table.current() if self._takes_too_long(lease, now)]:
                self._end([lease], LOST, f"not finished after {now - lease.started:.0f} s", stop=True)
            for lease in self._table.late():
                # Its outcome would still be welcome, but a worker that hangs must not do so for ever.
                lease.stop = lease.stop or self._takes_too_long(lease, now)
            self._registry.look(now)
            self._allocator.warn_of_waiting(now)

    def withdraw(self, message: str) -> list[Lease]:
        """The run ends: nothing is given out any more, and the next heartbeat of each worker tells it to stop.

        Returns:
            The leases that have ended so; each is ``told`` once its worker knows.
        """
        with self._queue.condition:
            self.paused = True
            leases = self._table.current()
            try:
                with self._queue.transaction():
                    for lease in leases:
                        self._queue.lost(lease.attempt, HANDED_BACK, message, False)
            except Exception:
                log.exception("attempts that were withdrawn could not be recorded; a resume takes them over")
            for lease in leases:
                self._table.retire(lease, counts=False, stop=True, requeue=True)
            return leases

    def extend(self, now: float, seconds: float) -> None:
        """Extends every lease by ``seconds``: for that time no heartbeat could be received."""
        with self._queue.condition:
            for lease in self._table.current():
                lease.expires = max(lease.expires, now) + seconds
                lease.started += seconds
            self._registry.extend(seconds)

    # With the condition held --------------------------------------------------------------------

    def _take_in(self, reports: Sequence[WorkerReport]) -> None:
        """Answers reports, in the order in which they came."""
        fresh: dict[OpenEvaluation, WorkerReport] = {}
        for report in reports:
            self._hear(report.caller)
            lease = self._table.leases.get(report.token)
            if lease is not None:
                fresh.setdefault(lease.evaluation, report)
        if fresh:
            self._record(fresh)
        for report in reports:
            if report.answer is None and report.token not in self._table.leases:
                became = DUPLICATE if self._table.was_used(report.token) else UNKNOWN
                log.info("a report of %s is ignored: %s token", report.caller.name, became)
                report.answer = self._allocator.answer(report.caller, report.capacity, became)

    def _record(self, reports: Mapping[OpenEvaluation, WorkerReport]) -> None:
        """Records reports, and answers those that could be recorded."""
        try:
            self._commit(reports)
        except Exception as error:
            if len(reports) > 1 and not may_pass(error):
                # One of them may be what the database refuses: it must not stop the others.
                for evaluation, report in reports.items():
                    if report.token in self._table.leases:  # else it was recorded with one before it
                        self._record({evaluation: report})
                return
            if may_pass(error) or not self._record_alone(reports):
                self._keep(reports)
                numbers = ", ".join(str(evaluation.asked.id) for evaluation in reports)
                log.exception("outcomes were not recorded (evaluations %s): they are reported again", numbers)

    def _record_alone(self, reports: Mapping[OpenEvaluation, WorkerReport]) -> bool:
        """Records one outcome without giving new work in the same commit: that work may be what was refused.

        Returns:
            False if the error that keeps it from being recorded may pass. An outcome that is refused has its answer.
        """
        (report,) = reports.values()
        try:
            self._commit(reports, with_work=False)
        except Exception as error:  # noqa: BLE001 (logged there)
            if may_pass(error):
                return False
            self._refuse(report, error)
        else:
            log.exception("an outcome was recorded, but no work could be given with it")
        return True

    def _refuse(self, report: WorkerReport, error: Exception) -> None:
        """The database takes other outcomes but not this one: its attempt ends as if computing it had failed."""
        log.error("an outcome of %s was refused", report.caller.name, exc_info=error)
        lease = self._table.leases[report.token]
        message = f"its outcome was refused: {type(error).__name__}: {error}"
        if lease.late or self._end([lease], ERROR, message):
            report.answer = self._allocator.answer(report.caller, report.capacity, RECORDED)
        else:  # so it was not the outcome that was refused
            self._keep({lease.evaluation: report})

    def _keep(self, reports: Mapping[OpenEvaluation, WorkerReport]) -> None:
        """Keeps outcomes that could not be recorded, in case the run ends before they are reported again."""
        for report in reports.values():
            self._queue.unrecorded(self._table.leases[report.token].attempt, report.outcome, report.duration_s)

    def _commit(self, reports: Mapping[OpenEvaluation, WorkerReport], *, with_work: bool = True) -> None:
        """One commit for these reports and, where wanted, for what their workers compute next; then their answers.

        Raises:
            Exception: Whatever the evaluation queue raises; then nothing has changed.
        """
        chosen: list[list[OpenEvaluation]] = []
        leases: dict[OpenEvaluation, list[Lease]] = {}
        try:
            with self._queue.transaction():
                for evaluation, report in reports.items():
                    attempt = self._table.leases[report.token].attempt
                    self._queue.finished(attempt, report.outcome, report.duration_s)
                    if with_work and report.capacity and not self._allocator.missing(report.caller):
                        chosen.append([])
                        leases[evaluation] = self._allocator.choose(
                            report.caller, report.capacity, chosen[-1], done=reports
                        )
        except BaseException:
            self._table.put_back(evaluation for evaluations in chosen for evaluation in evaluations)
            raise
        self._allocator.changed()
        for evaluation, report in reports.items():
            self._table.over(evaluation)
            if report.outcome.status == COMPLETED:
                self._deadlines.add(evaluation.asked.budget, report.duration_s)
        self._allocator.drop_what_is_over()
        for evaluation, report in reports.items():
            if leases.get(evaluation):
                report.answer = self._allocator.grant(report.caller, leases[evaluation], RECORDED)
            elif report.capacity and self._allocator.missing(report.caller):
                report.answer = self._allocator.answer(report.caller, report.capacity, RECORDED)
            else:
                report.answer = self._allocator.wait(report.caller, RECORDED, report.capacity)

    def _hear(self, caller: Caller) -> None:
        before = self._registry.session(caller.name)
        if before != caller.session:
            log.info("worker %s (%s) is here%s", caller.name, caller.device, "" if before is None else " again")
        self._registry.hear(caller)

    def _takes_too_long(self, lease: Lease, now: float) -> bool:
        """Whether an attempt's worker is believed to hang, judged by the durations seen until now."""
        return now - lease.started > self._deadlines.timeout_s(lease.evaluation.asked.budget, lease.together)

    def _end(self, leases: Sequence[Lease], result: str, message: str, *, stop: bool = False) -> bool:
        """Ends attempts without an outcome; False if that could not be recorded, and then nothing has changed."""
        if not leases:
            return True
        message = cleaned(message)[-MAX_MESSAGE_LENGTH:]  # the last line of a traceback says most
        counts = result != HANDED_BACK
        is_open = [self._queue.is_open(lease.evaluation.asked) for lease in leases]
        finals = [counts and lease.evaluation.lost + 1 >= MAX_ATTEMPTS for lease in leases]
        try:
            with self._queue.transaction():
                for lease, final in zip(leases, finals, strict=True):
                    self._queue.lost(lease.attempt, result, message, final)
        except Exception:
            log.exception("lost attempts could not be recorded; they are when this is tried again")
            return False
        self._allocator.changed()
        for lease, final, was_open in reversed(list(zip(leases, finals, is_open, strict=True))):
            number, worker = lease.evaluation.asked.id, lease.attempt.worker.name
            if not was_open:
                log.info("evaluation %d had its outcome when %s was lost", number, worker)
                self._table.over(lease.evaluation)
                continue
            became = "has failed" if final else "is offered again"
            log.warning("evaluation %d %s (%s on %s: %s)", number, became, result, worker, _last_line(message))
            self._table.retire(lease, counts=counts, stop=stop or result == ERROR or final, requeue=not final)
        return True


def _last_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[-1][:200] if lines else ""
