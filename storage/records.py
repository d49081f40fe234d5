"""The records that queries give: frozen dataclasses of builtin types (:mod:`storage.entries` is what is written).

Datetimes are timezone-aware and in UTC. No record is bound to a session: it may be kept, given to another thread or
printed after the database is closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from spaces.identity import ConfigurationId
from spaces.task import Metric
from spaces.trial import to_score
from storage.entries import EVALUATION_STATUSES, RUN_REQUESTS, WorkerInfo


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is stored; :class:`storage.entries.NewRun` explains the other fields.

    Attributes:
        id: The database's id.
        status: ``running``, ``completed``, ``interrupted`` or ``failed``, as last written.
        active: Whether a process holds the run's lease at present, and is not known to have ended.
        created_at: When it was created.
        finished_at: When it was completed or failed.
        message: Why it is interrupted or failed.
        request: What its user asked of it: ``cancel``, ``pause``, or nothing.
        note: What its user has to say of it.
        tags: Words by which its user finds it.
    """

    id: int
    name: str
    kind: str
    objective: str
    space: str
    operations: str
    data: str
    method: str
    optimizer: str
    seed: int
    settings: dict[str, Any]
    version: str
    status: str
    active: bool
    created_at: datetime
    finished_at: datetime | None
    message: str | None
    task: str
    metric: Metric
    task_settings: dict[str, Any]
    fingerprint: str | None
    request: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()

    def has_tags(self, tags: Iterable[str]) -> bool:
        """Whether it has all of these tags."""
        return set(tags) <= set(self.tags)

    @property
    def state(self) -> str:
        """The status as it is now.

        A run that is ``running`` without a process (power loss) is ``interrupted``. One whose process ended because its
        user asked for it is ``cancelled`` or ``paused``.
        """
        if self.status == "interrupted" or (self.status == "running" and not self.active):
            return "interrupted" if self.request is None else RUN_REQUESTS[self.request]
        return self.status


@dataclass(frozen=True, slots=True)
class BudgetRecord:
    """The evaluations of a run at one budget.

    Attributes:
        budget: Epochs.
        counts: How many evaluations have each status; statuses without evaluations are absent.
        best_loss: The smallest loss of one evaluation; None if none was completed with a loss.
    """

    budget: float
    counts: dict[str, int]
    best_loss: float | None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run with the counts of its evaluations, for lists of runs and for ``show``.

    Attributes:
        run: The run.
        configurations: How many configurations it has.
        budgets: Its evaluations at each budget, the smallest first.
    """

    run: RunRecord
    configurations: int
    budgets: tuple[BudgetRecord, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many evaluations have each status, over all budgets; every status is present."""
        return {status: sum(b.counts.get(status, 0) for b in self.budgets) for status in EVALUATION_STATUSES}

    @property
    def evaluations(self) -> int:
        """How many evaluations it has."""
        return sum(self.counts.values())

    @property
    def best_score(self) -> float | None:
        """The best score, by the run's own objective, of one evaluation at the largest budget that has any."""
        losses = [budget.best_loss for budget in self.budgets if budget.best_loss is not None]
        return to_score(losses[-1], self.run.metric.larger_is_better) if losses else None


@dataclass(frozen=True, slots=True)
class ConfigurationRecord:
    """A configuration as it is stored; see :class:`storage.entries.NewConfiguration`."""

    id: int
    iteration: int
    stage: int
    number: int
    origin: str
    info: dict[str, Any]
    hyperparameters: dict[str, Any]
    architecture: str | None
    created_at: datetime

    @property
    def configuration_id(self) -> ConfigurationId:
        """The configuration's id within the run."""
        return ConfigurationId(self.iteration, self.stage, self.number)


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation as it is stored, for the resume of a run.

    Attributes:
        id: The database's id.
        iteration: First part of its configuration's id.
        stage: Second part.
        number: Third part.
        budget: Epochs.
        replicate: Which repetition, from 0.
        seed: The trial's seed.
        status: ``queued``, ``running``, ``completed``, ``diverged`` or ``failed``.
        sequence: Place in the order in which the run's evaluations were finished, from 1; None if unfinished.
        loss: What the optimiser was told; None if diverged, failed or unfinished.
        one_shot_score: In the unit of the run's metric.
        architecture_score: In the unit of the run's metric.
        attempts: How many attempts were started.
        failures: How many of them were lost or ended in an error (handed-back ones do not count).
        started_at: When the attempt that gave the outcome started, else the last attempt.
        finished_at: When the outcome or the failure was stored.
        duration_s: The worker's seconds.
        message: Why it diverged or failed.
    """

    id: int
    iteration: int
    stage: int
    number: int
    budget: float
    replicate: int
    seed: int
    status: str
    sequence: int | None
    loss: float | None
    one_shot_score: float | None
    architecture_score: float | None
    attempts: int
    failures: int
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    message: str | None

    @property
    def configuration_id(self) -> ConfigurationId:
        """The configuration's id within the run."""
        return ConfigurationId(self.iteration, self.stage, self.number)


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try of one evaluation by one worker.

    Attributes:
        evaluation_id: The database's id of the evaluation.
        number: From 1, in the order in which they were started.
        token: Names the attempt; its report must carry it.
        status: ``running``, ``completed``, ``lost``, ``handed-back``, ``error`` or ``superseded``.
        worker: Who computes it.
        started_at: When it was given out.
        finished_at: When its outcome, or its end without one, was stored.
        message: Why it ended without an outcome.
    """

    evaluation_id: int
    number: int
    token: str
    status: str
    worker: WorkerInfo
    started_at: datetime
    finished_at: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch of the learning curve of one evaluation; see :class:`spaces.trial.Epoch`."""

    evaluation_id: int
    iteration: int
    stage: int
    number: int
    budget: float
    replicate: int
    phase: str
    epoch: int
    training_loss: float | None
    training_score: float | None
    validation_loss: float | None
    validation_score: float | None
    alpha: tuple[tuple[float, ...], ...] | None


@dataclass(frozen=True, slots=True)
class Replay:
    """Everything from which a process continues a run where it stopped.

    Attributes:
        run: The run, with its settings.
        configurations: In id order ``(iteration, stage, number)``.
        evaluations: All, in the order in which they were queued.
        attempts: The open ones (status ``running``), whose workers may still report.
    """

    run: RunRecord
    configurations: tuple[ConfigurationRecord, ...]
    evaluations: tuple[EvaluationRecord, ...]
    attempts: tuple[AttemptRecord, ...]

    @property
    def finished(self) -> tuple[EvaluationRecord, ...]:
        """The finished evaluations by ``sequence``: in the order in which the optimiser was told of them."""
        done = [evaluation for evaluation in self.evaluations if evaluation.sequence is not None]
        return tuple(sorted(done, key=lambda evaluation: evaluation.sequence or 0))


@dataclass(frozen=True, slots=True)
class Pace:
    """How long evaluations took.

    Attributes:
        evaluations: How many were completed.
        epochs: The sum of their budgets.
        seconds: The sum of their durations, in the worker's seconds; of a batch the evaluation's share.
    """

    evaluations: int
    epochs: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RunLease:
    """Which process serves a run.

    Attributes:
        owner: The process; see :mod:`storage.owners`.
        expires_at: When the lease ends unless it is renewed, by the database's clock.
        expired: Whether it has ended.
    """

    owner: str
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """One row of the view ``results``: one evaluation, with the view's columns in their order."""

    run: str
    objective: str
    space: str
    operations: str
    data: str
    method: str
    iteration: int
    stage: int
    number: int
    budget: float
    replicate: int
    seed: int
    status: str
    loss: float | None
    one_shot_psnr: float | None
    architecture_psnr: float | None
    architecture: str | None
    origin: str
    worker: str | None
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    duration_s: float | None
    parameter_learning_rate: float | None
    parameter_weight_decay: float | None
    parameter_warm_up: bool | None
    alpha_learning_rate: float | None
    alpha_weight_decay: float | None
    alpha_warm_up: bool | None
    alpha_scheduler: str | None
    alpha_optimizer: str | None
    message: str | None
    kernel: str | None
    device: str | None
    parameters: int | None
    sequence: int | None
    task: str
    metric: str
    one_shot_score: float | None
    architecture_score: float | None
    settings: dict[str, Any]
    hyperparameters: dict[str, Any]
    extras: dict[str, float]
    fingerprint: str | None

    def to_dict(self) -> dict[str, Any]:
        """Column name to value, in the view's order."""
        return asdict(self)


#: The columns of the view ``results``, in order.
RESULT_COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(ResultRecord))


@dataclass(frozen=True, slots=True)
class Incumbent:
    """One of the best configurations of a run.

    Attributes:
        rank: From 1.
        iteration: First part of the configuration's id.
        stage: Second part.
        number: Third part.
        budget: The largest budget at which the run has results; only configurations evaluated there compete.
        score: The score that ranks it: the objective's score, aggregated over the replicates.
        one_shot_score: The same aggregate of the one-shot scores; None where there are none.
        architecture_score: The same aggregate of the architecture scores; None where there are none.
        replicates: Over how many completed or diverged evaluations the scores are aggregated.
        architecture: The architecture of the replicate with the best score.
        origin: ``model``, ``random``, ``preset`` or ``fixed``.
        hyperparameters: The point.
        metric: What the scores are.
    """

    rank: int
    iteration: int
    stage: int
    number: int
    budget: float
    score: float
    one_shot_score: float | None
    architecture_score: float | None
    replicates: int
    architecture: str | None
    origin: str
    hyperparameters: dict[str, Any]
    metric: Metric

    @property
    def configuration_id(self) -> ConfigurationId:
        """The configuration's id within the run."""
        return ConfigurationId(self.iteration, self.stage, self.number)


#: The most rows that a user's own SQL may give, and the most seconds it may take, unless the user sets other limits.
SQL_ROWS = 100_000
SQL_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The result of a user's own SQL: the names of the columns, and the rows as builtin values."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
