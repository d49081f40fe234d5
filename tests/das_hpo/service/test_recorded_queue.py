# ruff: noqa: D102
"""What every evaluation queue does: it bounds what is open, counts how evaluations end, and gives up the rest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.service.queue import Attempt, Evaluation
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from spaces.identity import ConfigurationId
from spaces.task import PSNR
from spaces.trial import WORST_LOSS, TrialOutcome, TrialSpec
from storage import queries, writes
from storage.engine import Database, open_database
from storage.entries import NewConfiguration, NewEvaluation, NewRun, WorkerInfo

TOKENS = itertools.count()
WORKER = WorkerInfo("w", "host", 1, "cpu", "0")


class Countdown(RecordedQueue):
    """Evaluates one configuration with as many seeds as are asked for."""

    def __init__(self, recorder: Recorder, count: int, parallel: int | None = None) -> None:
        super().__init__("run", "one-shot", recorder, parallel, PSNR)
        self.expected = count
        self.decided = 0
        self.learned: list[tuple[int, str, float | None]] = []

    @property
    def complete(self) -> bool:
        return len(self.learned) == self.expected

    def _refill(self) -> list[Evaluation]:
        if self.decided == self.expected:
            return []
        identifier = ConfigurationId(0, 0, 0)
        configuration = NewConfiguration(identifier, "fixed", {}, {}) if self.decided == 0 else None
        new = NewEvaluation(identifier, self.decided, TrialSpec("inverse-1d", {}, 5.0, self.decided))
        found = self.recorder.add_job(configuration, [new])
        self.decided += 1
        return found

    def learn(self, evaluation: Evaluation, status: str, loss: float | None, message: str | None = None) -> None:
        self.learned.append((evaluation.replicate, status, loss))

    def _position(self) -> tuple[int, int, float | None]:
        return 1, 1, None

    def start(self, wanted: int) -> list[Attempt]:
        """Workers take so many evaluations."""
        with self.condition, self.transaction():
            found = [
                Attempt(evaluation, f"token-{next(TOKENS)}", WORKER) for evaluation in self.next_evaluations(wanted)
            ]
            for attempt in found:
                self.started(attempt)
        return found


@pytest.fixture
def recorder(memory_path: Path) -> Iterator[Recorder]:
    """Of a new run."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as database:
        yield Recorder(database, new_run(database))


def new_run(database: Database) -> int:
    """Adds a run; returns its id."""
    with database.begin() as session:
        new = NewRun("run", "run", "one-shot", "s", "o", "d", "m", "none", 0, {})
        return writes.create_run(session, new)


def outcome(score: float | None) -> TrialOutcome:
    """A trial with that score; None for a diverged one."""
    status = "diverged" if score is None else "completed"
    return TrialOutcome(status, score, None, None, None)


def test_no_more_are_open_than_workers_take(recorder: Recorder) -> None:
    """What ends makes room for one more."""
    queue = Countdown(recorder, 5, parallel=2)
    attempts = queue.start(5)
    assert len(attempts) == 2
    assert queue.start(1) == []
    with queue.condition, queue.transaction():
        queue.finished(attempts[0], outcome(20.0), 1.0)
    assert len(queue.start(5)) == 1


def test_each_end_is_counted_and_learned_once(recorder: Recorder) -> None:
    """A diverged trial has the worst loss, a failed one none; a second report of one evaluation changes nothing."""
    queue = Countdown(recorder, 3)
    first, second, third = queue.start(3)
    with queue.condition, queue.transaction():
        queue.finished(first, outcome(20.0), 1.0)
        queue.finished(first, outcome(20.0), 1.0)
        queue.finished(second, outcome(None), 1.0)
        queue.lost(third, "error", "it raised", True)
    assert queue.learned == [(0, "completed", -20.0), (1, "diverged", WORST_LOSS), (2, "failed", None)]
    assert queue.done
    assert not any(queue.is_open(attempt.evaluation) for attempt in (first, second, third))
    snapshot = queue.snapshot(workers=4)
    assert (snapshot.finished, snapshot.diverged, snapshot.failed, snapshot.running) == (3, 1, 1, 0)
    assert (snapshot.epochs_done, snapshot.workers) == (15.0, 4)
    rows = queries.results(recorder.database, "run")
    assert [row.status for row in rows] == ["completed", "diverged", "failed"]


def test_what_is_given_up_is_given_out_first_and_counts_as_no_failure(recorder: Recorder) -> None:
    """In its order, before all new work."""
    queue = Countdown(recorder, 4)
    attempts = queue.start(2)
    queue.give_up(attempts, "the workers ended with the run")
    assert queue.snapshot().running == 0
    again = [attempt.evaluation for attempt in queue.start(3)]
    assert [evaluation.replicate for evaluation in again] == [0, 1, 2]
    assert {row.attempts for row in queries.results(recorder.database, "run")} == {1, 2}


def test_a_stopped_queue_gives_nothing_new(recorder: Recorder) -> None:
    """The first reason stays."""
    queue = Countdown(recorder, 2)
    queue.stop("time is over")
    queue.stop("interrupted")
    assert queue.stopped == "time is over"
    assert queue.done
    assert queue.start(1) == []


def test_an_outcome_that_could_not_be_recorded_is_kept(recorder: Recorder) -> None:
    """With its loss, until a transaction has recorded it."""
    queue = Countdown(recorder, 1)
    [attempt] = queue.start(1)
    queue.unrecorded(attempt, outcome(20.0), 1.5)
    kept = recorder.unsaved_outcomes[attempt.token]
    assert (kept.loss, kept.duration_s) == (-20.0, 1.5)
    with queue.condition, queue.transaction():
        queue.finished(attempt, outcome(20.0), 1.5)
    assert not recorder.unsaved_outcomes
