"""What is written to the database: frozen dataclasses, and the words that its columns hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spaces.hyperparameters import Hyperparameters
from spaces.identity import ConfigurationId

RUN_KINDS = ("run", "campaign")
RUN_STATUSES = ("running", "completed", "interrupted", "failed")
EVALUATION_STATUSES = ("queued", "running", "completed", "diverged", "failed")

#: Statuses of an evaluation that has its ``sequence`` and changes no more.
FINISHED_STATUSES = ("completed", "diverged", "failed")

ORIGINS = ("model", "random", "preset", "fixed")

#: How an attempt stands. ``superseded``: another attempt of its evaluation gave the outcome.
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
        space: ``sequential`` or ``cell``.
        operations: ``good`` or ``all``.
        data: ``blur`` or ``downsampling``.
        method: ``das`` or ``das-single``.
        optimizer: ``bohb``, ``hyperband``, ``random``; free text for a campaign.
        seed: From which every seed of the run is derived.
        settings: Everything needed to resume it, as builtin types (stored as JSON).
        version: The das-hpo that runs it.
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


@dataclass(frozen=True, slots=True)
class NewConfiguration:
    """A configuration to be added to a run.

    Attributes:
        configuration_id: Its id within the run.
        origin: ``model``, ``random``, ``preset`` or ``fixed``.
        info: hpbandster's configuration info as builtin types (``model_based_pick``, ...).
        hyperparameters: The point.
        architecture: A fixed architecture to train instead of a search (baselines).
    """

    configuration_id: ConfigurationId
    origin: str
    info: dict[str, Any]
    hyperparameters: Hyperparameters
    architecture: str | None = None


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """An evaluation to be queued: one configuration at one budget with one seed."""

    configuration_id: ConfigurationId
    budget: float
    replicate: int
    seed: int


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Who computes: a worker process. Two processes of one name are two workers."""

    name: str
    host: str
    pid: int
    device: str
    version: str
