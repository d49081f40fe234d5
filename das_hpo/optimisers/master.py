"""The master of an optimisation: hpbandster's decisions, at the desk that the dispatcher asks.

hpbandster decides which rungs a bracket has, who advances, when the next bracket begins and what the model
learns. Here is what its ``Master.run`` does in a loop, turned round: work is decided when a worker asks for
it, and a report is committed, told to hpbandster, and answered with what comes next.
"""

from __future__ import annotations

import copy
import math
import statistics
import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hpbandster.core.dispatcher import Job as ReportedJob
from hpbandster.core.result import Result

from das_hpo.optimisers.brackets import SeededHalving, bracket_sizes, rung_budgets
from das_hpo.service.queue import Evaluation
from das_hpo.service.recorded_queue import RecordedQueue
from das_hpo.service.recorder import Recorder
from das_hpo.settings import RunSettings
from spaces.hyperparameters import Hyperparameters, from_configuration
from spaces.identity import ConfigurationId
from spaces.seeds import evaluation_seed
from spaces.trial import WORST_LOSS
from storage import incumbents
from storage.entries import NewConfiguration, NewEvaluation, WorkerInfo


def aggregate(losses: Sequence[float], how: str) -> float:
    """The loss of several trials of one configuration; ``max`` is the best PSNR, so the least loss."""
    if how == "max":
        return min(losses)
    return statistics.fmean(losses) if how == "mean" else statistics.median(losses)


@dataclass(slots=True)
class Job:
    """One configuration at one budget: as many evaluations as the run has repeats.

    Attributes:
        id: hpbandster's id of the configuration.
        budget: Epochs.
        configuration: The point, as hpbandster holds it.
        hyperparameters: The same point.
        losses: What the model is told of each replicate that has ended; None for a failed one.
        submitted_at: Seconds since the epoch when it was decided.
        started_at: Seconds since the epoch when a worker first took one of its evaluations.
        finished_at: The same when its last evaluation had ended; None is now.
        message: Why the last failed replicate failed.
    """

    id: ConfigurationId
    budget: float
    configuration: dict[str, Any]
    hyperparameters: Hyperparameters
    losses: dict[int, float | None] = field(default_factory=dict)
    submitted_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    message: str | None = None


class MasterQueue(RecordedQueue):
    """The Desk of an optimisation; abstract: an optimiser of hpbandster stands behind it.

    Args:
        settings: The run.
        recorder: Writes what happens; its transactions are this desk's.
        time_ref: Seconds since the epoch when the run was created; hpbandster's results count from it.
        parallel: Evaluations that may be open at a time, where the settings do not say.
    """

    iterations: list[SeededHalving]
    config: dict[str, Any]
    config_generator: Any
    budgets: list[float]
    num_running_jobs: int

    def __init__(
        self, settings: RunSettings, recorder: Recorder, *, time_ref: float, parallel: int | None = None
    ) -> None:
        RecordedQueue.__init__(self, settings.name, settings.objective, recorder, settings.parallel or parallel)
        self.settings = settings
        self._begin(settings)
        self.budgets = rung_budgets(settings.min_budget, settings.max_budget, settings.eta)
        self.max_SH_iter = len(self.budgets)
        self.time_ref = time_ref
        self.config.update(time_ref=time_ref, budgets=list(self.budgets), max_SH_iter=self.max_SH_iter)
        self._first_active = 0
        self._undecided: Job | None = None
        self._stored: set[ConfigurationId] = set()
        self._jobs: dict[tuple[ConfigurationId, float], Job] = {}
        self._best: dict[float, float] = {}
        self.expected, self.epochs_expected = self._plan()

    @abstractmethod
    def _begin(self, settings: RunSettings) -> None:
        """Calls the ``__init__`` of hpbandster's optimiser and puts a seeded generator in the place of its own."""

    @property
    def complete(self) -> bool:
        """Whether all iterations have been made and are finished."""
        self._skip_finished()
        return self._first_active >= self.settings.iterations

    def started(self, evaluation: Evaluation, token: str, worker: WorkerInfo) -> int:
        """A worker takes an evaluation; hpbandster keeps the time of the first."""
        job = self._jobs.get(_key(evaluation))
        if job is not None:
            job.started_at = job.started_at or time.time()
        return super().started(evaluation, token, worker)

    def learn(self, evaluation: Evaluation, status: str, loss: float | None, message: str | None = None) -> None:
        """With the last replicate of a job, hpbandster and its model learn the aggregate."""
        job = self._jobs[_key(evaluation)]
        job.losses[evaluation.replicate] = loss
        job.message = message or job.message
        if len(job.losses) == self.settings.repeats:
            del self._jobs[_key(evaluation)]
            self._end(job)

    # What the resume calls.

    def begin_iterations(self, count: int) -> None:
        """Makes hpbandster's iterations up to so many."""
        while len(self.iterations) < count:
            self.iterations.append(self.get_next_iteration(len(self.iterations), {}))

    def get_next_iteration(self, iteration: int, iteration_kwargs: dict[str, Any]) -> SeededHalving:
        """hpbandster's bracket, with builtin budgets, seeded proposals and sizes that are not lost to rounding."""
        made = super().get_next_iteration(iteration, iteration_kwargs)  # type: ignore[misc]
        budgets = [float(budget) for budget in made.budgets]
        if self.settings.optimizer == "random":
            # hpbandster divides the bracket's epochs by max_budget, and loses one to rounding at times.
            sizes = [len(self.budgets)]
        else:
            rounding = self.settings.decisions.brackets
            sizes = bracket_sizes(len(budgets), len(self.budgets), self.settings.eta, rounding)
        return SeededHalving(iteration, sizes, budgets, self._propose)

    def take_up(self, identifier: ConfigurationId, budget: float) -> Job:
        """A job that hpbandster gives out, or that the database says it gave out; the same one until it has ended."""
        key = (identifier, budget)
        if key not in self._jobs:
            datum = self.iterations[identifier[0]].data[identifier]
            hyperparameters = from_configuration(datum.config, self.settings.method)
            self.num_running_jobs += 1
            self._jobs[key] = Job(identifier, budget, datum.config, hyperparameters, submitted_at=time.time())
        return self._jobs[key]

    def know_stored(self, identifier: ConfigurationId) -> None:
        """That configuration is in the database."""
        self._stored.add(identifier)

    def result(self) -> Result:
        """hpbandster's Result of what is known so far."""
        return Result([copy.deepcopy(iteration.data) for iteration in self.iterations], dict(self.config))

    # Deciding and learning.

    def _decide(self) -> Job | None:
        """The next job as hpbandster's ``Master.run`` chooses it; None if there is none at present."""
        if self._undecided is None:
            while True:
                self._skip_finished()
                for index in range(self._first_active, len(self.iterations)):
                    chosen = self.iterations[index].get_next_run()
                    if chosen is not None:
                        self._undecided = self.take_up(chosen[0], float(chosen[2]))
                        break
                if self._undecided is not None or len(self.iterations) >= self.settings.iterations:
                    break
                self.begin_iterations(len(self.iterations) + 1)
        return self._undecided

    def _refill(self) -> list[Evaluation]:
        """Decides on a job, and stores its configuration, if it is new, and its evaluations."""
        job = self._decide()
        if job is None:
            return []
        configuration = None
        if job.id not in self._stored:
            info = self.iterations[job.id[0]].data[job.id].config_info
            origin = "model" if info.get("model_based_pick") else "random"
            configuration = NewConfiguration(ConfigurationId(*job.id), origin, info, job.hyperparameters)
        seeds = [
            evaluation_seed(self.settings.seed, job.id, job.budget, replicate)
            for replicate in range(self.settings.repeats)
        ]
        new = [
            NewEvaluation(ConfigurationId(*job.id), job.budget, replicate, seed) for replicate, seed in enumerate(seeds)
        ]
        ids = self.recorder.add_job(configuration, new)
        self._stored.add(job.id)
        self._undecided = None
        return [
            Evaluation(
                id=row,
                configuration_id=ConfigurationId(*job.id),
                budget=job.budget,
                replicate=entry.replicate,
                spec=self.settings.spec(job.hyperparameters, job.budget, entry.seed),
            )
            for row, entry in zip(ids, new, strict=True)
        ]

    def _position(self) -> tuple[int, int, float | None]:
        largest = max(self._best, default=None)
        best_psnr = None if largest is None else -self._best[largest]
        return len(self.iterations), self.settings.iterations, best_psnr

    def _propose(self, budget: float, identifier: ConfigurationId) -> tuple[dict[str, Any], dict[str, Any]]:
        pending: list[dict[str, Any]] = []
        if self.settings.decisions.parallel == "liar":
            pending = [
                datum.config
                for iteration in self.iterations[self._first_active :]
                for datum in iteration.data.values()
                if datum.status == "RUNNING"
            ]
        proposal: tuple[dict[str, Any], dict[str, Any]] = self.config_generator.get_config(budget, identifier, pending)
        return proposal

    def _end(self, job: Job) -> None:
        """Tells hpbandster what a job gave; nothing of a job that failed reaches the model."""
        losses = [loss for loss in job.losses.values() if loss is not None]
        report = ReportedJob(job.id, config=job.configuration, budget=job.budget)
        report.timestamps = {
            "submitted": job.submitted_at,
            "started": job.started_at or job.submitted_at,
            "finished": job.finished_at or time.time(),
        }
        if losses:
            how = self.settings.aggregate
            loss = aggregate(losses, how)
            told = [job.losses[replicate] for replicate in sorted(job.losses)]
            report.result = {"loss": loss, "info": {"losses": told}}
            # As the incumbent is chosen: a mean with a diverged replicate is no PSNR.
            psnr = incumbents.aggregate([None if each == WORST_LOSS else -each for each in losses], how)
            if psnr is not None:
                self._best[job.budget] = min(-psnr, self._best.get(job.budget, math.inf))
        else:
            report.exception = job.message or "all its evaluations failed"
        iteration = self.iterations[job.id[0]]
        self.num_running_jobs -= 1
        iteration.register_result(report)
        if losses:
            self.config_generator.new_result(report)
        if iteration.rung_is_over:
            # hpbandster does it when it is next asked for work, which may be never.
            iteration.process_results()

    def _plan(self) -> tuple[int, float]:
        """Evaluations of the whole run, and the sum of their budgets."""
        evaluations, epochs = 0, 0.0
        cycle = len(self.budgets)
        for index in range(min(cycle, self.settings.iterations)):
            bracket = self.get_next_iteration(index, {})
            # Iterations repeat: this bracket comes again after every cycle.
            times = self.settings.repeats * ((self.settings.iterations - index - 1) // cycle + 1)
            evaluations += times * sum(bracket.num_configs)
            rungs = zip(bracket.num_configs, bracket.budgets, strict=True)
            epochs += times * sum(size * budget for size, budget in rungs)
        return evaluations, epochs

    def _skip_finished(self) -> None:
        while self._first_active < len(self.iterations) and self.iterations[self._first_active].is_finished:
            self._first_active += 1


def _key(evaluation: Evaluation) -> tuple[ConfigurationId, float]:
    """Names the job of an evaluation."""
    return evaluation.configuration_id, evaluation.budget
