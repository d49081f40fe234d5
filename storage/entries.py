"""What is written to the database: frozen dataclasses, and the words that its columns hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spaces.identity import ConfigurationId
from spaces.task import PSNR, Metric
from spaces.trial import TrialOutcome, TrialSpec

RUN_KINDS = ("run", "campaign")
RUN_STATUSES = ("running", "completed", "interrupted", "failed")

#: What a user may ask of a run, each with the state of the run once its process has ended for it.
RUN_REQUESTS = {"cancel": "cancelled", "pause": "paused"}
EVALUATION_STATUSES = ("queued", "running", "completed", "diverged", "failed")

#: The statuses of an evaluation that has ended: it has its ``sequence`` and does not change any more.
FINISHED_STATUSES = ("completed", "diverged", "failed")

ORIGINS = ("model", "random", "preset", "fixed")

#: The statuses of an attempt. ``superseded``: another attempt at its evaluation gave the outcome.
ATTEMPT_STATUSES = ("running", "completed", "lost", "handed-back", "error", "superseded")

#: How an attempt may end without an outcome.
ATTEMPT_FAILURES = ("lost", "handed-back", "error")


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be created.

    Attributes:
        name: Unique in the database.
        kind: ``run`` (an optimisation) or ``campaign`` (trials of given configurations).
        objective: ``one-shot`` or ``architecture``.
        space: The task's label of the search space.
        operations: The task's label of the candidate operations.
        data: The task's label of the data.
        method: The task's label of the DAS method; of a baseline its name.
        optimizer: ``bohb``, ``hyperband``, ``random``; free text for a campaign.
        seed: From which every seed of the run is derived.
        settings: Everything needed to resume it, as builtin types (stored as JSON).
        version: The das-hpo that runs it.
        task: The task's name.
        metric: What the scores are.
        task_settings: The task's own settings.
        fingerprint: Of the task's code; None if it is not known.
    """

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
    version: str = ""
    task: str = "inverse-1d"
    metric: Metric = PSNR
    task_settings: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class NewConfiguration:
    """A configuration to be added to a run.

    Attributes:
        configuration_id: Its id within the run.
        origin: ``model``, ``random``, ``preset`` or ``fixed``.
        info: hpbandster's configuration info as builtin types (``model_based_pick``, ...).
        hyperparameters: The point, by name, as builtin types.
        architecture: A fixed architecture to train instead of a search (baselines).
    """

    configuration_id: ConfigurationId
    origin: str
    info: dict[str, Any]
    hyperparameters: Mapping[str, Any]
    architecture: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """An evaluation to be queued: one configuration at one budget with one seed.

    Attributes:
        configuration_id: Which configuration of the run.
        replicate: Which repetition of this configuration at this budget, from 0.
        spec: The trial that a worker computes; its budget and its seed are stored.
    """

    configuration_id: ConfigurationId
    replicate: int
    spec: TrialSpec

    @property
    def budget(self) -> float:
        """Epochs."""
        return self.spec.budget

    @property
    def seed(self) -> int:
        """The trial's seed."""
        return self.spec.seed


@dataclass(frozen=True, slots=True)
class NewOutcome:
    """The outcome of an evaluation, to be stored.

    Attributes:
        token: Names the attempt that gave it.
        outcome: What the worker answered.
        loss: What the optimiser is told; None if the trial diverged.
        duration_s: The worker's seconds.
    """

    token: str
    outcome: TrialOutcome
    loss: float | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Who computes: a worker process. Two processes of one name are two workers."""

    name: str
    host: str
    pid: int
    device: str
    version: str
