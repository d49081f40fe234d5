"""The dispatcher's decisions: who gets which evaluation, what becomes of a report, when an attempt is lost.

No socket and no thread: the service calls it with checked messages, the dispatcher with the time. All
changes happen under the desk's condition; ``beat`` takes no lock.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping, Sequence

from das_hpo.service.deadlines import Deadlines
from das_hpo.service.leases import MAX_ATTEMPTS, Lease, LeaseTable, Task, new_task, new_token
from das_hpo.service.queue import ERROR, HANDED_BACK, LOST, Attempt, EvaluationQueue
from das_hpo.service.reports import AGAIN_S, Report, Reports, again
from das_hpo.service.worker_registry import SLOWEST_S, WorkerRegistry, WorkerStatus
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
    WAIT,
    WORK,
    Answer,
    Caller,
    Work,
)

#: While nothing has changed, the desk is asked this often at most whether it has work: many workers wait
#: at the end of a rung, and asking costs a transaction.
DRY_S = 1.0

#: While evaluations wait for a worker, this is said so often.
SAY_EVERY_S = 60.0

log = logging.getLogger(__name__)


class LeaseManager:
    """Work out, outcomes in.

    Args:
        desk: What to evaluate, and where outcomes go.
        run_name: For messages.
        version: Workers of another version get no work.
        lease_s: An attempt is lost if its worker is silent for so long.
        deadlines: An attempt is lost if it takes longer.
        attempts: What a master before this one left running.
        task: The name and the fingerprint of the run's task; None for no check.
    """

    def __init__(
        self,
        queue: EvaluationQueue,
        run_name: str,
        *,
        version: str,
        lease_s: float,
        deadlines: Deadlines,
        attempts: Sequence[Attempt] = (),
        task: tuple[str, str] | None = None,
    ) -> None:
        self.paused = False
        self._task = task
        self._refused: set[str] = set()
        self._queue = queue
        self._run_name = run_name
        self._version = version
        self._lease_s = lease_s
        self._deadlines = deadlines
        self._dry_until = 0.0
        self._waited_since: float | None = None
        self._said_at: float | None = None
        self._reports = Reports(queue.condition, self._take_in)
        self._table = LeaseTable()
        self._table.adopt(attempts, lease_s, clock.monotonic())
        self._registry = WorkerRegistry(lease_s, [attempt.worker for attempt in attempts])

    # What workers ask ---------------------------------------------------------------------------

    def claim(self, caller: Caller, capacity: int) -> Answer:
        """Work, or how long to wait."""
        refusal = self._refusal(caller)
        if refusal is not None:
            if caller.session not in self._refused:  # it asks again and again
                self._refused.add(caller.session)
                log.warning("a worker is given no work: %s", refusal)
            return Answer(REFUSED, message=refusal)
        with self._queue.condition:
            self._hear(caller)
            return self._next(caller, capacity, "")

    def report(self, caller: Caller, token: str, outcome: TrialOutcome, duration_s: float, capacity: int) -> Answer:
        """Takes an outcome in; it is durable before this returns.

        What is reported while a commit goes on is taken in with the next one, all together, by the first of the
        threads that wait; the others find their reports answered.
        """
        if self._refusal(caller) is not None:
            capacity = 0
        return self._reports.answer(Report(caller, token, outcome, duration_s, capacity))

    def _refusal(self, caller: Caller) -> str | None:
        """Why a worker gets no work of this run, in one line that says what to do; None if it may have some."""
        if caller.version != self._version:
            return (
                f"run {self._run_name} is of das-hpo {self._version}, worker {caller.name} of "
                f"{caller.version}: install the same version on both"
            )
        if self._task is None:
            return None
        name, expected = self._task
        found = caller.tasks.get(name)
        if found is None:
            return (
                f"run {self._run_name} is of the task {name}, which worker {caller.name} was not told of: start it "
                f"with --task and where the task is, package.module:object"
            )
        if found != expected:
            return (
                f"run {self._run_name} is of the task {name} with the code {expected}, worker {caller.name} has the "
                f"code {found}: give both the same version of the task's files, and start the worker again"
            )
        return None

    def hand_back(self, caller: Caller, tokens: tuple[str, ...], result: str, message: str) -> Answer:
        """A worker gives evaluations up, or computing them raised."""
        with self._queue.condition:
            self._hear(caller)
            held = [self._table.leases[token] for token in tokens if token in self._table.leases]
            if not self._end([lease for lease in held if not lease.late], result, message):
                return again()
            return self._wait(caller, RECORDED)

    def leave(self, caller: Caller) -> Answer:
        """A worker ends."""
        with self._queue.condition:
            if not self._end(self._of(caller), HANDED_BACK, "the worker was stopped"):
                return again()
            if self._registry.session(caller.name) == caller.session:
                self._registry.remove(caller.name)
                log.info("worker %s has left", caller.name)
            return Answer(DONE, report=RECORDED)

    def beat(self, name: str, session: str, tokens: tuple[str, ...]) -> list[str]:
        """Renews leases; returns the tokens that are not worth computing on. Takes no lock."""
        now = clock.monotonic()
        self._registry.beat(name, session, now)
        return self._table.beat(tokens, now)

    # What the dispatcher asks -------------------------------------------------------------------

    @property
    def running(self) -> int:
        """How many attempts are believed to be computed."""
        with self._queue.condition:
            return self._table.running

    @property
    def queued(self) -> int:
        """How many evaluations wait to be computed again."""
        with self._queue.condition:
            return self._table.queued

    def workers(self) -> list[WorkerStatus]:
        """The workers that were heard of in the last minutes."""
        with self._queue.condition:
            return self._registry.statuses(lambda name: len(self._table.of_worker(name)))

    def worker_exited(self, name: str, why: str) -> None:
        """A worker's process was seen to end."""
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
            self._registry.look(now)
            self._say_what_waits(now)

    def extend(self, now: float, seconds: float) -> None:
        """Gives everybody so much longer: for that time nobody could be heard."""
        with self._queue.condition:
            for lease in self._table.current():
                lease.expires = max(lease.expires, now) + seconds
                lease.started += seconds
            self._registry.extend(seconds)

    # With the lock held -------------------------------------------------------------------------

    def _take_in(self, reports: Sequence[Report]) -> None:
        """Answers reports, in the order in which they came."""
        fresh: dict[Task, Report] = {}
        for report in reports:
            self._hear(report.caller)
            lease = self._table.leases.get(report.token)
            if lease is not None:
                fresh.setdefault(lease.task, report)
        if fresh:
            self._record(fresh)
        for report in reports:
            if report.answer is None and report.token not in self._table.leases:
                became = DUPLICATE if self._table.was_used(report.token) else UNKNOWN
                log.info("a report of %s is ignored: %s token", report.caller.name, became)
                report.answer = self._next(report.caller, report.capacity, became)

    def _record(self, reports: Mapping[Task, Report]) -> None:
        """Records reports, and answers those that could be."""
        try:
            self._commit(reports)
        except Exception as error:
            if len(reports) > 1 and not may_pass(error):
                # One of them may be what the database refuses: it must not stop the others.
                for task, report in reports.items():
                    self._record({task: report})
                return
            if may_pass(error) or not self._record_alone(reports):
                self._keep(reports)
                numbers = ", ".join(str(task.evaluation.id) for task in reports)
                log.exception("outcomes were not recorded (evaluations %s): they are reported again", numbers)

    def _record_alone(self, reports: Mapping[Task, Report]) -> bool:
        """Records one outcome without the work that would go with it, which may be what was refused.

        Returns:
            False if what keeps it from being recorded may pass. An outcome that is refused has its answer.
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

    def _refuse(self, report: Report, error: Exception) -> None:
        """What is recorded at other times is not for this outcome: its attempt ends as if computing it had raised."""
        log.error("an outcome of %s was refused", report.caller.name, exc_info=error)
        lease = self._table.leases[report.token]
        message = f"its outcome was refused: {type(error).__name__}: {error}"
        if lease.late or self._end([lease], ERROR, message):
            report.answer = self._next(report.caller, report.capacity, RECORDED)
        else:  # so it was not the outcome that was refused
            self._keep({lease.task: report})

    def _keep(self, reports: Mapping[Task, Report]) -> None:
        """Keeps what could not be recorded, should the run end before it is reported again."""
        for task, report in reports.items():
            self._queue.unrecorded(task.evaluation, report.token, report.outcome, report.duration_s)

    def _commit(self, reports: Mapping[Task, Report], *, with_work: bool = True) -> None:
        """One commit for these reports and, where wanted, what their workers take next; then their answers.

        Raises:
            Exception: Whatever the desk raises; then nothing has changed.
        """
        chosen: list[list[Task]] = []
        leases: dict[Task, list[Lease]] = {}
        try:
            with self._queue.transaction():
                for task, report in reports.items():
                    self._queue.finished(task.evaluation, report.token, report.outcome, report.duration_s)
                    if with_work and report.capacity and not self._missing(report.caller):
                        chosen.append([])
                        leases[task] = self._choose(report.caller, report.capacity, chosen[-1], done=reports)
        except BaseException:
            self._table.put_back(task for tasks in chosen for task in tasks)
            raise
        self._dry_until = 0.0
        for task, report in reports.items():
            self._table.over(task)
            if report.outcome.status == COMPLETED:
                self._deadlines.add(task.evaluation.budget, report.duration_s)
        self._drop_what_is_over()
        for task, report in reports.items():
            if leases.get(task):
                report.answer = self._granted(report.caller, leases[task], RECORDED)
            elif report.capacity and self._missing(report.caller):
                report.answer = self._next(report.caller, report.capacity, RECORDED)
            else:
                report.answer = self._wait(report.caller, RECORDED, report.capacity)

    def _hear(self, caller: Caller) -> None:
        before = self._registry.session(caller.name)
        if before != caller.session:
            log.info("worker %s (%s) is here%s", caller.name, caller.device, "" if before is None else " again")
        self._registry.hear(caller)

    def _missing(self, caller: Caller) -> list[Lease]:
        """What the worker was given and does not have: an answer to it was lost on the way."""
        return [lease for lease in self._of(caller) if lease.token not in caller.holding]

    def _of(self, caller: Caller) -> list[Lease]:
        """The worker's own leases: not those of a twin, or of an earlier process, of the same name.

        Containers may well share a host name and a process id. So another session under a name is another
        worker, and whether the one before it still lives is told by its beats alone.
        """
        return [lease for lease in self._table.of_worker(caller.name) if lease.session in (caller.session, "")]

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
        dry = not self._table.queued and clock.monotonic() < self._dry_until
        if not self._queue.done and not dry and not self.paused:
            try:
                with self._queue.transaction():
                    leases = self._choose(caller, capacity, chosen)
            except Exception:
                log.exception("no work could be given out; the worker asks again")
                self._table.put_back(chosen)
                return Answer(WAIT, wait_s=AGAIN_S, report=report, message="no work, see the master's log")
            self._drop_what_is_over()
            if not leases:
                self._dry_until = clock.monotonic() + DRY_S
        return self._granted(caller, leases, report) if leases else self._wait(caller, report)

    def _choose(self, caller: Caller, capacity: int, chosen: list[Task], done: Container[Task] = ()) -> list[Lease]:
        """Chooses and starts work, within a transaction; all that was taken off the queue is in ``chosen``.

        What the desk raises here is logged and costs this worker a wait: it must not undo the outcomes of
        ``done`` that are recorded in the same transaction.
        """
        if self.paused:
            return []
        chosen += self._table.take(
            capacity,
            lambda task: (
                task not in done
                and self._queue.is_open(task.evaluation)
                and not self._is_for_another(task, caller.session)
            ),
        )
        missing = capacity - len(chosen)
        if missing:
            try:
                new = [new_task(evaluation) for evaluation in self._queue.next_evaluations(missing)]
            except Exception:
                log.exception("the desk has no next evaluation to give")
                new = []
            for task in new:
                if chosen and task.evaluation.spec.shape != chosen[0].evaluation.spec.shape:
                    self._table.put_last(task)
                else:
                    chosen.append(task)
        info = self._registry.info(caller.name)
        now = clock.monotonic()
        leases: list[Lease] = []
        for number, task in enumerate(chosen):
            token = new_token()
            try:
                self._queue.started(task.evaluation, token, info)
            except Exception:
                log.exception("evaluation %d could not be started", task.evaluation.id)
                self._table.put_back(chosen[number:])
                del chosen[number:]
                break
            leases.append(
                Lease(token, task, caller.name, caller.session, self._lease_s, now, now + self._lease_s, len(chosen))
            )
        return leases

    def _drop_what_is_over(self) -> None:
        """Forgets the evaluations whose outcome came in a report that could not be recorded, and has been since.

        Called after a commit, so that their outcomes are durable: the worker may have died before it reported again.
        """
        for task in self._table.waiting():
            if not self._queue.is_open(task.evaluation):
                self._table.over(task)

    def _is_for_another(self, task: Task, session: str) -> bool:
        """Whether a worker on which it failed leaves it to a living one on which it did not."""
        return session in task.failed_on and self._registry.lives_one_beside(task.failed_on)

    def _takes_too_long(self, lease: Lease, now: float) -> bool:
        """Whether an attempt's worker is believed to hang, by what is usual now, and not when it began."""
        return now - lease.started > self._deadlines.timeout_s(lease.task.evaluation.budget, lease.together)

    def _say_what_waits(self, now: float) -> None:
        """Logs, once a minute, that evaluations wait for a worker, and why nobody has taken them."""
        alive = sum(status.alive for status in self._registry.statuses(lambda _: 0))
        if (alive and not self._table.queued) or self._queue.done or self.paused:
            self._waited_since = self._said_at = None
            return
        if self._waited_since is None:
            self._waited_since = self._said_at = now
        if now - (self._said_at or 0.0) < SAY_EVERY_S:
            return
        self._said_at = now
        log.warning(
            "%s evaluations have waited for a worker for %.0f s: %s",
            self._table.queued or "all",
            now - self._waited_since,
            f"{alive} workers are alive, which compute others, or on which these failed" if alive else "none is alive",
        )

    def _granted(self, caller: Caller, leases: Iterable[Lease], report: str, again: bool = False) -> Answer:
        work = []
        for lease in leases:
            if not again:
                self._table.grant(lease)
            work.append(Work(lease.token, lease.task.evaluation.spec, self._lease_s))
        self._registry.has_work(caller.name)
        return Answer(WORK, work=tuple(work), report=report)

    def _wait(self, caller: Caller, report: str, capacity: int = 1) -> Answer:
        if self._queue.done:
            return Answer(DONE, wait_s=SLOWEST_S, report=report)
        if not capacity:
            return Answer(WAIT, report=report)  # it goes on to another run, and comes back at once
        return Answer(WAIT, wait_s=self._registry.waits(caller.name), report=report)

    def _end(self, leases: Sequence[Lease], result: str, message: str, *, stop: bool = False) -> bool:
        """Ends attempts without an outcome; False if the desk could not record it, and then nothing changed."""
        if not leases:
            return True
        message = cleaned(message)[-MAX_MESSAGE_LENGTH:]  # the last line of a traceback says most
        counts = result != HANDED_BACK
        is_open = [self._queue.is_open(lease.task.evaluation) for lease in leases]
        finals = [counts and lease.task.lost + 1 >= MAX_ATTEMPTS for lease in leases]
        try:
            with self._queue.transaction():
                for lease, final in zip(leases, finals, strict=True):
                    self._queue.lost(lease.task.evaluation, lease.token, result, message, final)
        except Exception:
            log.exception("lost attempts could not be recorded; they are when this is tried again")
            return False
        self._dry_until = 0.0
        for lease, final, was_open in reversed(list(zip(leases, finals, is_open, strict=True))):
            if not was_open:
                log.info("evaluation %d had its outcome when %s was lost", lease.task.evaluation.id, lease.worker)
                self._table.over(lease.task)
                continue
            log.warning(
                "evaluation %d %s (%s on %s: %s)",
                lease.task.evaluation.id,
                "has failed" if final else "is offered again",
                result,
                lease.worker,
                _last_line(message),
            )
            self._table.retire(lease, counts=counts, stop=stop or result == ERROR or final, requeue=not final)
        return True


def _last_line(message: str) -> str:
    lines = message.strip().splitlines()
    return lines[-1][:200] if lines else ""
