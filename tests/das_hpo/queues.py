"""Drives an evaluation queue as the dispatcher does, in one thread: claims, attempts and reports of trivial trials."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from das_hpo.execution import run_of
from das_hpo.optimisers.queue import OptimisationQueue, make_optimisation
from das_hpo.service.queue import Attempt, Evaluation, EvaluationQueue
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.trial import TrialOutcome, TrialSpec
from storage import queries, writes
from storage.engine import Database
from storage.entries import NewRun, WorkerInfo
from tests.das_hpo.trials import outcome

TOKENS = itertools.count()
WORKER = WorkerInfo("worker", "host", 1, "cpu", "0")


def settings(**changes: Any) -> RunSettings:
    """A small run: budgets 1, 3, 9."""
    defaults = {"name": "run", "objective": "one-shot", "iterations": 3, "min_budget": 1, "max_budget": 9}
    return RunSettings.from_mapping({**defaults, **changes})


def new_run(asked: RunSettings) -> NewRun:
    """What is stored of it."""
    return run_of(asked)


class Driver:
    """Workers without a network: each holds at most one evaluation.

    Args:
        queue: What is driven.
        workers: How many evaluations are held at a time.
        trial: What a worker computes.
    """

    def __init__(
        self,
        queue: EvaluationQueue,
        workers: int = 1,
        trial: Callable[[TrialSpec], TrialOutcome] = outcome,
    ) -> None:
        self.queue = queue
        self.workers = workers
        self.trial = trial
        self.held: list[Attempt] = []
        self.order: list[tuple[Any, ...]] = []

    def claim(self) -> None:
        """Takes work until all workers have some or there is none."""
        with self.queue.condition, self.queue.transaction():
            self._take(self.workers - len(self.held))

    def report(self, index: int = 0) -> None:
        """The worker at that index reports and takes what comes next, in one transaction."""
        attempt = self.held[index]
        answer = self.trial(attempt.evaluation.spec)
        with self.queue.condition, self.queue.transaction():
            self.queue.finished(attempt, answer, 0.5)
            del self.held[index]
            self._take(self.workers - len(self.held))

    def fail(self, index: int = 0, *, final: bool = True) -> None:
        """The worker at that index is lost; unless final, its evaluation is held by another one then."""
        attempt = self.held.pop(index)
        with self.queue.condition, self.queue.transaction():
            self.queue.lost(attempt, "lost", "the worker was killed", final)
            if not final:
                self._start(attempt.evaluation)
            self._take(self.workers - len(self.held))

    def run(self, reports: int | None = None, choose: random.Random | None = None) -> int:
        """Goes on until the queue is done, or for so many reports; returns how many there were."""
        done = 0
        self.claim()
        while self.held and (reports is None or done < reports):
            self.report(choose.randrange(len(self.held)) if choose else 0)
            done += 1
        return done

    def _take(self, wanted: int) -> None:
        if wanted > 0:
            for evaluation in self.queue.next_evaluations(wanted):
                self._start(evaluation)

    def _start(self, evaluation: Evaluation) -> None:
        attempt = Attempt(evaluation, f"token-{next(TOKENS)}", WORKER)
        self.queue.started(attempt)
        self.held.append(attempt)
        self.order.append((*evaluation.configuration_id, evaluation.budget, evaluation.replicate))


def create(database: Database, asked: RunSettings, parallel: int | None = None) -> OptimisationQueue:
    """The queue of a new run in that database."""
    with database.begin() as session:
        run_id = writes.create_run(session, new_run(asked))
    queue, _ = make_optimisation(queries.replay(database, run_id), Recorder(database, run_id), parallel)
    return queue


def continue_run(
    database: Database, name: str = "run", changed: dict[str, Any] | None = None
) -> tuple[OptimisationQueue, list[Attempt]]:
    """A fresh queue of a stored run, brought to where it was, and the open attempts."""
    replay = queries.replay(database, queries.run(database, name).id)
    replay = replace(replay, run=replace(replay.run, settings={**replay.run.settings, **(changed or {})}))
    return make_optimisation(replay, Recorder(database, replay.run.id), None)
