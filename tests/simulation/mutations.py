"""Defects that were there, and others of our own, put back one at a time: the simulation has to find each."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from das_hpo.service.allocation import WorkAllocator
from das_hpo.service.lease_manager import LeaseManager
from das_hpo.service.leases import LeaseTable
from das_hpo.service.nameserver import Names
from das_hpo.service.ownership import Ownership
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from das_hpo.service.registration import Registration
from das_hpo.service.reports import Reports
from spaces import errors, texts
from storage import writes
from workers.worker.pending_reports import PendingReports


@dataclass(frozen=True)
class Mutation:
    """A change of the code.

    Attributes:
        name: What is wrong then.
        changes: Functions, each with a text of its source and what stands there instead.
        postgresql: Whether only PostgreSQL shows it.
    """

    name: str
    changes: tuple[tuple[Callable[..., Any], str, str], ...]
    postgresql: bool = False

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The code is changed while the block lasts."""
        before = []
        try:
            for function, old, new in self.changes:
                assert isinstance(function, FunctionType)
                original = inspect.unwrap(function)
                source = textwrap.dedent(inspect.getsource(original))
                assert source.count(old) == 1, f"{self.name}: {old!r} stands {source.count(old)} times in {function}"
                namespace: dict[str, Any] = {}
                code = compile("from __future__ import annotations\n" + source.replace(old, new), "<mutation>", "exec")
                exec(code, original.__globals__, namespace)
                changed = inspect.unwrap(namespace[original.__name__])
                before.append((original, original.__code__))
                original.__code__ = changed.__code__
            yield
        finally:
            for original, code in before:
                original.__code__ = code


_HOLD = "    if not writes.hold_lease(session, self._run_id, self.owner, LEASE_S):"

#: The serious defects 1 to 4 and the medium one 6 of issue 8, as they were.
DEFECTS = (
    Mutation(
        "two workers, each of which failed an evaluation, leave it to each other for ever",
        ((WorkAllocator._is_for_another, "lives_one_beside(evaluation.failed_on)", "lives_one_beside({session})"),),
    ),
    Mutation(
        "a commit whose answer was lost is made again",
        (
            (
                Recorder.add_job,
                "queue_evaluation(session, self.run_id, evaluation, again=True)",
                "queue_evaluation(session, self.run_id, evaluation)",
            ),
        ),
    ),
    Mutation(
        "the start of an attempt whose commit was not confirmed is not taken back",
        ((Recorder.start, "self._block.append(take_back)", "pass"),),
    ),
    Mutation(
        "a master frozen within a transaction writes after it was superseded",
        (
            (
                Ownership.hold,
                _HOLD,
                "    if not renew:\n        return\n    if not writes.renew_lease("
                "session, self._run_id, self.owner, LEASE_S):",
            ),
            (writes.take_lease, ".with_for_update()", ""),
            (writes.renew_lease, "RunRow.lease_owner == owner", "True"),
        ),
        postgresql=True,
    ),
    Mutation(
        "what no database can store is answered 'again' for ever",
        (
            (errors.may_pass, "return ", "return True or "),
            (texts.is_clean, "return ", "return True or "),
            (texts.cleaned, "return ", "return text or "),
        ),
    ),
    Mutation(
        "a run that stands still is overwritten in the nameserver by another of its name",
        (
            (Names.enter, 'if there not in ("", uri, before):', "if False:"),
            (Registration.begin, "if found == DEAD:", "if found != ALIVE:"),
        ),
    ),
)

#: Mutations of our own.
OTHERS = (
    Mutation(
        "an evaluation that was handed back counts as lost",
        ((LeaseManager._end, "counts = result != HANDED_BACK", "counts = True"),),
    ),
    Mutation(
        "a silent worker's lease never ends",
        ((LeaseManager.look, "if lease.expires < now", "if lease.expires < 0"),),
    ),
    Mutation(
        "what a resumed master adopts may hang for ever",
        (
            (
                LeaseManager._takes_too_long,
                "return now - lease.started",
                "return bool(lease.session) and now - lease.started",
            ),
        ),
    ),
    Mutation(
        "an attempt that no worker was told of counts as lost",
        ((Recorder.start, "HANDED_BACK", "'lost'"),),
    ),
    Mutation(
        "the optimiser is not told of an evaluation that has failed",
        ((RecordedQueue.lost, 'self.learn(evaluation, "failed", None, message)', "pass"),),
    ),
    Mutation(
        "a lost evaluation is not offered again",
        ((LeaseTable.retire, "self._waiting.appendleft(lease.evaluation)", "pass"),),
    ),
    Mutation(
        "beats renew nothing",
        ((LeaseTable.beat, "lease.expires = now + lease.lease_s", "pass"),),
    ),
    Mutation(
        "an evaluation that has its outcome stays in the queue",
        ((LeaseTable.over, "if evaluation in self._waiting:", "if False:"),),
    ),
    Mutation(
        "a resumed master forgets what is being computed",
        ((LeaseTable.adopt, "for attempt in attempts:", "for attempt in ():"),),
    ),
    Mutation(
        "what a failed transaction held is forgotten",
        ((Recorder.transaction, "self._unsaved += self._block", "pass"),),
    ),
    Mutation(
        "an outcome is acknowledged before it is recorded",
        (
            (
                Reports._take_in_all,
                "report.answer = report.answer or again()",
                "report.answer = report.answer or Answer(WAIT, wait_s=AGAIN_S, report='recorded')",
            ),
        ),
    ),
    Mutation(
        "an outcome that comes twice is learned twice",
        (
            (
                RecordedQueue.finished,
                "if self._open.pop(evaluation.id, None) is not None:",
                "if self._open.pop(evaluation.id, None) is not None or True:",
            ),
        ),
    ),
    Mutation(
        "what could not be delivered is never delivered again",
        ((PendingReports.due, "if at <= now", "if at <= 0"),),
    ),
)

#: A seed that has found each of them quickly; it is only tried first, before all others of CI.
FOUND_BY: dict[str, int] = {
    "two workers, each of which failed an evaluation, leave it to each other for ever": 20,
    "a commit whose answer was lost is made again": 229,
    "the start of an attempt whose commit was not confirmed is not taken back": 128,
    "a master frozen within a transaction writes after it was superseded": 111,
    "what no database can store is answered 'again' for ever": 4,
    "a run that stands still is overwritten in the nameserver by another of its name": 114,
    "an evaluation that was handed back counts as lost": 123,
    "a silent worker's lease never ends": 7,
    "what a resumed master adopts may hang for ever": 64,
    "an attempt that no worker was told of counts as lost": 146,
    "the optimiser is not told of an evaluation that has failed": 14,
    "a lost evaluation is not offered again": 3,
    "beats renew nothing": 24,
    "an evaluation that has its outcome stays in the queue": 89,
    "a resumed master forgets what is being computed": 4,
    "what a failed transaction held is forgotten": 17,
    "an outcome is acknowledged before it is recorded": 251,
}
