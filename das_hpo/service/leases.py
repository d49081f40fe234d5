"""The table of leases: which evaluations are open, which worker computes each, and when its lease ends.

Plain data structures without a lock of their own: the lease manager holds the queue's lock while it uses them. Only
``beat`` is called without that lock. It does one lookup and one assignment for each token, and both are atomic in
Python.
"""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from das_hpo.service.queue import Attempt, Evaluation

#: An evaluation has failed after this many attempts that were lost or raised an error.
MAX_ATTEMPTS = 3

#: How many tokens of finished evaluations are remembered, so that a repeated report is answered as a duplicate.
MAX_USED = 20_000


@dataclass(slots=True, eq=False)
class OpenEvaluation:
    """An evaluation that has no outcome yet.

    Attributes:
        asked: What to evaluate.
        lost: How many attempts were lost or raised an error.
        tokens: The tokens of all its attempts: a report with any of them gives the outcome.
        failed_on: Sessions of the workers that lost it, or on which it raised an error.
    """

    asked: Evaluation
    lost: int = 0
    tokens: list[str] = field(default_factory=list)
    failed_on: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Lease:
    """One attempt of one worker at an open evaluation.

    Attributes:
        attempt: Which.
        evaluation: The state of its evaluation, which all attempts at it share.
        session: The worker's session; empty if an earlier process of this run gave the lease.
        lease_s: Seconds for which the lease lasts without a heartbeat.
        started: Monotonic time of the start, moved on by every gap in which no heartbeat could be received.
        expires: Monotonic time at which the attempt is lost unless a heartbeat comes.
        together: How many evaluations the worker computes at once; each takes that many times as long.
        late: The attempt was lost but its evaluation is still open: a report of it is still accepted.
        stop: The next heartbeat tells the worker to stop computing.
        told: A heartbeat has told it.
    """

    attempt: Attempt
    evaluation: OpenEvaluation
    session: str
    lease_s: float
    started: float
    expires: float
    together: int = 1
    late: bool = False
    stop: bool = False
    told: bool = False


class LeaseTable:
    """All open evaluations and their leases.

    Attributes:
        leases: Every lease of an open evaluation, by token.
    """

    def __init__(self) -> None:
        self.leases: dict[str, Lease] = {}
        self._waiting: deque[OpenEvaluation] = deque()
        self._used: OrderedDict[str, None] = OrderedDict()
        self._by_worker: dict[str, dict[str, Lease]] = {}

    def adopt(self, attempts: Sequence[Attempt], lease_s: float, now: float) -> None:
        """Takes over the attempts that an earlier process of this run started, each as if it started now."""
        evaluations: dict[int, OpenEvaluation] = {}
        together = Counter(attempt.worker.name for attempt in attempts)
        for attempt in attempts:
            evaluation = evaluations.setdefault(attempt.evaluation.id, opened(attempt.evaluation))
            self.grant(Lease(attempt, evaluation, "", lease_s, now, now + lease_s, together[attempt.worker.name]))

    def take(self, wanted: int, acceptable: Callable[[OpenEvaluation], bool]) -> list[OpenEvaluation]:
        """Takes up to ``wanted`` acceptable evaluations out of the queue, in its order and all of the same shape."""
        taken: list[OpenEvaluation] = []
        left: list[OpenEvaluation] = []
        while self._waiting and len(taken) < wanted:
            evaluation = self._waiting.popleft()
            fits = not taken or evaluation.asked.spec.shape == taken[0].asked.spec.shape
            (taken if fits and acceptable(evaluation) else left).append(evaluation)
        self._waiting.extendleft(reversed(left))
        return taken

    def put_back(self, evaluations: Iterable[OpenEvaluation]) -> None:
        """Puts evaluations at the front of the queue, in their order."""
        self._waiting.extendleft(reversed(list(evaluations)))

    def put_last(self, evaluation: OpenEvaluation) -> None:
        """Puts an evaluation at the end of the queue."""
        self._waiting.append(evaluation)

    def waiting(self) -> list[OpenEvaluation]:
        """The evaluations that wait for a worker, in the order of the queue."""
        return list(self._waiting)

    @property
    def queued(self) -> int:
        """How many evaluations wait for a worker."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many attempts are believed to be running."""
        return sum(len(leases) for leases in self._by_worker.values())

    def grant(self, lease: Lease) -> None:
        """Adds a lease that a worker was told of."""
        token = lease.attempt.token
        lease.evaluation.tokens.append(token)
        self.leases[token] = lease
        self._by_worker.setdefault(lease.attempt.worker.name, {})[token] = lease

    def of_worker(self, name: str) -> list[Lease]:
        """The leases that a worker is believed to be computing."""
        return list(self._by_worker.get(name, {}).values())

    def current(self) -> list[Lease]:
        """All leases whose workers are believed to be computing."""
        return [lease for leases in self._by_worker.values() for lease in leases.values()]

    def late(self) -> list[Lease]:
        """The leases that have ended without an outcome, and whose workers may still be computing."""
        return [lease for lease in self.leases.values() if lease.late]

    def retire(self, lease: Lease, *, counts: bool, stop: bool, requeue: bool) -> None:
        """Ends a lease without an outcome.

        Args:
            lease: Which.
            counts: Whether the attempt counts against :data:`MAX_ATTEMPTS`.
            stop: Whether its worker is told to stop computing.
            requeue: Whether the evaluation waits again, at the front of the queue; else it is over.
        """
        lease.late = True
        lease.stop = stop
        self._drop_from_worker(lease)
        lease.evaluation.failed_on.add(lease.session)
        lease.evaluation.lost += counts
        if not requeue:
            self.over(lease.evaluation)
        elif not any(token in self.leases and not self.leases[token].late for token in lease.evaluation.tokens):
            self._waiting.appendleft(lease.evaluation)

    def over(self, evaluation: OpenEvaluation) -> None:
        """Removes an evaluation that has its outcome, or has failed; its tokens are remembered as used."""
        for token in evaluation.tokens:
            self._drop_from_worker(self.leases.pop(token))
            self._used[token] = None
        while len(self._used) > MAX_USED:
            self._used.popitem(last=False)
        if evaluation in self._waiting:
            self._waiting.remove(evaluation)

    def was_used(self, token: str) -> bool:
        """Whether a token belongs to an evaluation that is over."""
        return token in self._used

    def _drop_from_worker(self, lease: Lease) -> None:
        name = lease.attempt.worker.name
        leases = self._by_worker.get(name)
        if leases is not None:
            leases.pop(lease.attempt.token, None)
            if not leases:
                del self._by_worker[name]

    # Without the lock ---------------------------------------------------------------------------

    def beat(self, tokens: Iterable[str], now: float) -> list[str]:
        """Renews leases; returns the tokens whose workers should stop computing."""
        stop: list[str] = []
        for token in tokens:
            lease = self.leases.get(token)
            if lease is None:
                stop.append(token)
            elif lease.stop:
                lease.told = True
                stop.append(token)
            else:
                lease.expires = now + lease.lease_s
        return stop


def opened(evaluation: Evaluation) -> OpenEvaluation:
    """An open evaluation without attempts; failures before this process started count as lost attempts."""
    return OpenEvaluation(evaluation, lost=evaluation.failures)


def new_token() -> str:
    """A token that nobody can guess (128 bits)."""
    return secrets.token_urlsafe(16)
