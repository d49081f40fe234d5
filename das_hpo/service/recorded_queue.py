"""What the evaluation queues of optimisations and campaigns share: open evaluations, and how each of them ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager

from das_hpo.progress import Snapshot
from das_hpo.service.queue import HANDED_BACK, Attempt, Evaluation
from das_hpo.service.recorder import Recorder
from spaces import clock
from spaces.task import Metric
from spaces.trial import WORST_LOSS, TrialOutcome
from storage.entries import NewOutcome


class RecordedQueue(ABC):
    """An evaluation queue whose subclass decides what is evaluated; its condition guards everything.

    Args:
        name: The run's name.
        objective: ``one-shot`` or ``architecture``.
        recorder: Writes what happens; its transactions are this queue's.
        parallel: How many evaluations workers may have at a time; None for no limit.
        metric: What the scores are.
    """

    def __init__(self, name: str, objective: str, recorder: Recorder, parallel: int | None, metric: Metric) -> None:
        self.condition = clock.condition()
        self.name = name
        self.objective = objective
        self.metric = metric
        self.recorder = recorder
        self.stopped: str | None = None
        """Why there is no more new work; None while there may be."""
        self.latest_budget: float | None = None
        """Budget of the evaluation that was queued last."""
        self.expected = 0
        """How many evaluations the whole run has."""
        self.epochs_expected = 0.0
        """The sum of their budgets."""
        self._parallel = parallel
        self._waiting: deque[Evaluation] = deque()
        self._open: dict[int, Evaluation] = {}
        self._counts = {"completed": 0, "diverged": 0, "failed": 0}
        self._epochs_done = 0.0

    # What a subclass decides.

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether all has been evaluated."""

    @abstractmethod
    def _refill(self) -> list[Evaluation]:
        """Decides on new evaluations and records them; empty if there are none at present.

        If recording them raises an error, the next call decides on the same ones again.
        """

    @abstractmethod
    def learn(self, evaluation: Evaluation, status: str, loss: float | None, message: str | None = None) -> None:
        """Takes in that an evaluation has ended, now or before the run was resumed.

        Args:
            evaluation: Which.
            status: ``completed``, ``diverged`` or ``failed``.
            loss: WORST_LOSS for a diverged one; None for a failed one.
            message: Why it failed.
        """

    @abstractmethod
    def _position(self) -> tuple[int, int, float | None]:
        """The latest iteration, counted from 1; how many there are; the best score so far, or None."""

    # What the lease manager calls, with the condition held; see EvaluationQueue.

    @property
    def done(self) -> bool:
        """Whether this process gives out no more work, now or later."""
        return self.stopped is not None or self.complete

    @property
    def remaining(self) -> int:
        """How many evaluations this process may still give out for the first time, at most."""
        if self.done:
            return 0
        running = len(self._open) - len(self._waiting)
        left = max(0, self.expected - sum(self._counts.values()) - running)
        return left if self._parallel is None else min(left, max(0, self._parallel - running))

    def transaction(self) -> AbstractContextManager[None]:
        """One commit for all that happens inside."""
        return self.recorder.transaction()

    def next_evaluations(self, wanted: int) -> list[Evaluation]:
        """New work: evaluations that wait, else those that are decided on now."""
        given: list[Evaluation] = []
        try:
            while len(given) < wanted and self.stopped is None and self._has_room():
                if not self._waiting:
                    for evaluation in self._refill():
                        self.latest_budget = evaluation.budget
                        self._open[evaluation.id] = evaluation
                        self._waiting.append(evaluation)
                if not self._waiting:
                    break
                given.append(self._waiting.popleft())
        except BaseException:
            self._waiting.extendleft(reversed(given))
            raise
        return given

    def started(self, attempt: Attempt) -> int:
        """A worker starts an attempt."""
        return self.recorder.start(attempt.evaluation.id, attempt.token, attempt.worker)

    def lost(self, attempt: Attempt, result: str, message: str, final: bool) -> None:
        """An attempt ended without an outcome."""
        evaluation = attempt.evaluation
        self.recorder.end(attempt.token, result, message, final=final)
        if final and self._open.pop(evaluation.id, None) is not None:
            self._count(evaluation.budget, "failed")
            self.learn(evaluation, "failed", None, message)
            self._tell_the_end()

    def finished(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        """Records an outcome; the first one of its evaluation is also learned from."""
        evaluation = attempt.evaluation
        loss = outcome.loss(self.objective, self.metric.larger_is_better)
        self.recorder.outcome(NewOutcome(attempt.token, outcome, loss, duration_s))
        if self._open.pop(evaluation.id, None) is not None:
            self._count(evaluation.budget, outcome.status)
            self.learn(evaluation, outcome.status, WORST_LOSS if loss is None else loss, outcome.message)
            self._tell_the_end()

    def is_open(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation has neither an outcome nor failed."""
        return evaluation.id in self._open

    def unrecorded(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        """An outcome could not be recorded: it is kept, in case this process ends before the worker reports again."""
        loss = outcome.loss(self.objective, self.metric.larger_is_better)
        self.recorder.keep(NewOutcome(attempt.token, outcome, loss, duration_s))

    # What the run calls.

    def stop(self, why: str) -> None:
        """Ends new work; evaluations that are open may still be reported."""
        with self.condition:
            self.stopped = self.stopped or why
            self.condition.notify_all()

    def learn_again(self, evaluation: Evaluation, status: str, loss: float | None, message: str | None) -> None:
        """Takes in an evaluation that had ended before this process started."""
        self._count(evaluation.budget, status)
        self.learn(evaluation, status, loss, message)

    def give_again(self, evaluation: Evaluation, *, waiting: bool) -> None:
        """Takes in an evaluation queued before this process started; ``waiting`` unless a worker may have it."""
        self._open[evaluation.id] = evaluation
        if waiting:
            self._waiting.append(evaluation)

    def give_up(self, attempts: Sequence[Attempt], why: str) -> None:
        """Ends open attempts whose workers have certainly ended; their evaluations are given out first."""
        if attempts:
            with self.condition, self.transaction():
                for attempt in attempts:
                    self.lost(attempt, HANDED_BACK, why, False)
                self._waiting.extendleft(attempt.evaluation for attempt in reversed(attempts))

    def snapshot(self, workers: int = 0, deadline_s: float | None = None) -> Snapshot:
        """How far the run is."""
        with self.condition:
            iteration, iterations, best_score = self._position()
            return Snapshot(
                run=self.name,
                objective=self.objective,
                finished=sum(self._counts.values()),
                expected=self.expected,
                running=len(self._open) - len(self._waiting),
                workers=workers,
                iteration=iteration,
                iterations=iterations,
                budget=self.latest_budget,
                best_score=best_score,
                unit=self.metric.unit,
                epochs_done=self._epochs_done,
                epochs_expected=self.epochs_expected,
                diverged=self._counts["diverged"],
                failed=self._counts["failed"],
                deadline_s=deadline_s,
            )

    def _count(self, budget: float, status: str) -> None:
        self._counts[status] += 1
        self._epochs_done += budget

    def _tell_the_end(self) -> None:
        """Notifies threads that wait for the end of the run; the monitor polls on its own."""
        if self.done:
            self.condition.notify_all()

    def _has_room(self) -> bool:
        return self._parallel is None or len(self._open) - len(self._waiting) < self._parallel
