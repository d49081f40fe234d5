"""The dispatcher's books: which evaluations are open, who computes them, and until when to believe it.

Plain data structures; the dispatcher holds the lock. ``beat`` alone is called without it: it does one
lookup and one assignment per token, which the interpreter makes whole.
"""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from das_hpo.service.queue import Attempt, Evaluation

#: An evaluation has failed after so many attempts that were lost or raised.
MAX_ATTEMPTS = 3

#: Tokens of finished evaluations that are remembered, so that a repeated report is told so.
MAX_USED = 20_000


@dataclass(slots=True, eq=False)
class Task:
    """An evaluation without an outcome.

    Attributes:
        evaluation: What to evaluate.
        lost: How many attempts were lost or raised.
        tokens: Of all its attempts: a report with any of them gives the outcome.
        failed_on: Sessions of the workers that lost it or raised.
    """

    evaluation: Evaluation
    lost: int = 0
    tokens: list[str] = field(default_factory=list)
    failed_on: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Lease:
    """One attempt.

    Attributes:
        token: Names it.
        task: What is attempted.
        worker: The worker's name.
        session: The worker's session; empty if a master before this one gave the lease.
        lease_s: How long it lasts without a beat.
        started: Monotonic time; later by what nobody could be heard for.
        expires: Monotonic time at which it is lost, unless a beat comes.
        together: How many evaluations the worker computes at once: each takes so many times as long.
        late: It was lost, and the evaluation is open still: its report would be welcome.
        stop: The worker is told to give up.
    """

    token: str
    task: Task
    worker: str
    session: str
    lease_s: float
    started: float
    expires: float
    together: int = 1
    late: bool = False
    stop: bool = False


class LeaseTable:
    """All open tasks and leases. ``leases`` is keyed by token."""

    def __init__(self) -> None:
        self.leases: dict[str, Lease] = {}
        self._tasks: deque[Task] = deque()
        self._used: OrderedDict[str, None] = OrderedDict()
        self._by_worker: dict[str, dict[str, Lease]] = {}

    def adopt(self, attempts: Sequence[Attempt], lease_s: float, now: float) -> None:
        """Takes over the attempts that another master began, each as if it began now."""
        tasks: dict[int, Task] = {}
        together = Counter(attempt.worker.name for attempt in attempts)
        for attempt in attempts:
            task = tasks.setdefault(attempt.evaluation.id, new_task(attempt.evaluation))
            name = attempt.worker.name
            self.grant(Lease(attempt.token, task, name, "", lease_s, now, now + lease_s, together[name]))

    def take(self, wanted: int, acceptable: Callable[[Task], bool]) -> list[Task]:
        """Takes up to ``wanted`` queued tasks of one shape out of the queue, the first acceptable one first."""
        taken: list[Task] = []
        left: list[Task] = []
        while self._tasks and len(taken) < wanted:
            task = self._tasks.popleft()
            fits = not taken or task.evaluation.spec.shape == taken[0].evaluation.spec.shape
            (taken if fits and acceptable(task) else left).append(task)
        self._tasks.extendleft(reversed(left))
        return taken

    def put_back(self, tasks: Iterable[Task]) -> None:
        """Puts tasks before all others, in their order."""
        self._tasks.extendleft(reversed(list(tasks)))

    def put_last(self, task: Task) -> None:
        """Puts a task behind all others."""
        self._tasks.append(task)

    def waiting(self) -> list[Task]:
        """The tasks that wait for a worker, the first first."""
        return list(self._tasks)

    @property
    def queued(self) -> int:
        """How many tasks wait for a worker."""
        return len(self._tasks)

    @property
    def running(self) -> int:
        """How many attempts are believed to be computed."""
        return sum(len(leases) for leases in self._by_worker.values())

    def grant(self, lease: Lease) -> None:
        """Enters a lease."""
        lease.task.tokens.append(lease.token)
        self.leases[lease.token] = lease
        self._by_worker.setdefault(lease.worker, {})[lease.token] = lease

    def of_worker(self, name: str) -> list[Lease]:
        """The leases that a worker is believed to compute."""
        return list(self._by_worker.get(name, {}).values())

    def current(self) -> list[Lease]:
        """All leases that are believed to be computed."""
        return [lease for leases in self._by_worker.values() for lease in leases.values()]

    def retire(self, lease: Lease, *, counts: bool, stop: bool, requeue: bool) -> None:
        """Ends a lease without an outcome: the task waits again, before all others, or is over."""
        lease.late = True
        lease.stop = stop
        self._drop_from_worker(lease)
        lease.task.failed_on.add(lease.session)
        lease.task.lost += counts
        if not requeue:
            self.over(lease.task)
        elif not any(token in self.leases and not self.leases[token].late for token in lease.task.tokens):
            self._tasks.appendleft(lease.task)

    def over(self, task: Task) -> None:
        """The task has its outcome, or has failed: its tokens are used up."""
        for token in task.tokens:
            self._drop_from_worker(self.leases.pop(token))
            self._used[token] = None
        while len(self._used) > MAX_USED:
            self._used.popitem(last=False)
        if task in self._tasks:
            self._tasks.remove(task)

    def was_used(self, token: str) -> bool:
        """Whether the token's evaluation is over."""
        return token in self._used

    def _drop_from_worker(self, lease: Lease) -> None:
        leases = self._by_worker.get(lease.worker)
        if leases is not None:
            leases.pop(lease.token, None)
            if not leases:
                del self._by_worker[lease.worker]

    # Without the lock ---------------------------------------------------------------------------

    def beat(self, tokens: Iterable[str], now: float) -> list[str]:
        """Renews leases; returns the tokens that are not worth computing on."""
        stop: list[str] = []
        for token in tokens:
            lease = self.leases.get(token)
            if lease is None or lease.stop:
                stop.append(token)
            else:
                lease.expires = now + lease.lease_s
        return stop


def new_task(evaluation: Evaluation) -> Task:
    """A task that nobody has begun in this dispatcher's time."""
    return Task(evaluation, lost=evaluation.failures)


def new_token() -> str:
    """A token that nobody can guess (128 bits)."""
    return secrets.token_urlsafe(16)
