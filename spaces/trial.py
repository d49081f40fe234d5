"""What is asked of a worker and what it answers: one trial, as two frozen dataclasses of builtin types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.texts import is_clean

#: Each objective with the name of its score: a field of an outcome, and a column wherever outcomes are stored.
SCORE_OF = {"one-shot": "one_shot_score", "architecture": "architecture_score"}

OBJECTIVES = tuple(SCORE_OF)

#: The loss that an optimiser is told for a diverged trial: finite, and worse than the loss of any other trial.
WORST_LOSS = 1e9

COMPLETED = "completed"
DIVERGED = "diverged"

#: The two ways in which a trial can end; every other end of an evaluation is a failure of the infrastructure.
OUTCOME_STATUSES = (COMPLETED, DIVERGED)

#: What differs between trials of equal shape.
_OF_ONE_TRIAL = ("hyperparameters", "seed")


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One trial that is asked for: a DAS search and, where asked, the retraining of what it found.

    Attributes:
        task: The name of the task.
        hyperparameters: The point of the task's hyperparameter space, by name.
        budget: Epochs of the search, and of the retraining.
        seed: From which every random stream of the trial is derived by name.
        retrain: Whether the architecture is retrained from scratch.
        settings: The task's own settings, by name; the task checks them.
        architecture: This architecture is trained, and nothing is searched; None for a search.
        plugins: The fingerprint of the plug-ins by which it is to be computed (``Task.plugins``); empty for none.

    Raises:
        InvalidValueError: For a budget that is not a positive number, a seed outside [0, 2**63), or a
            mapping whose names are no text.
    """

    task: str
    hyperparameters: Mapping[str, Any]
    budget: float
    seed: int
    retrain: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    architecture: str | None = None
    plugins: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.plugins, str):
            raise InvalidValueError(f"the fingerprint of plug-ins is text, got {self.plugins!r}")
        if not isinstance(self.task, str) or not self.task:
            raise InvalidValueError(f"a trial names its task, got {self.task!r}")
        if not 0 < self.budget < math.inf:
            raise InvalidValueError(f"a budget is a positive number of epochs, got {self.budget}")
        if not 0 <= self.seed < 2**63:
            raise InvalidValueError(f"a seed is an integer in [0, 2**63), got {self.seed}")
        for name in ("hyperparameters", "settings"):
            values = getattr(self, name)
            if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
                raise InvalidValueError(f"{name} are values by name, got {values!r}")

    @property
    def shape(self) -> tuple[object, ...]:
        """Trials of equal shape can share a batch: they differ in hyperparameters and seed only."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__ if name not in _OF_ONE_TRIAL)

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the wire; ``plugins`` only where there are some."""
        values = {
            **_fields(self),
            "hyperparameters": dict(self.hyperparameters),
            "settings": dict(self.settings),
        }
        if not self.plugins:
            del values["plugins"]
        return values

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrialSpec:
        """Reads what :meth:`to_dict` wrote; raises as the constructor does."""
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidValueError(f"not a trial: {error}") from None


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of a learning curve.

    Attributes:
        phase: Of the trial; for ``inverse-1d`` ``pretrain-learnable-gradient``, ``pretrain-net`` (das-single),
            ``search`` or ``retrain``.
        epoch: Counted from 1; the last may be a part of an epoch.
        training_loss: Mean over the epoch's training batches, before each step.
        training_score: Mean of the task's metric over the same batches.
        validation_loss: The same over the validation batches of the steps on alpha; None where there are none.
        validation_score: The same; None where there are none.
        alpha: In ``search``: alpha after the epoch, [layer or edge][operation]; else None.
    """

    phase: str
    epoch: int
    training_loss: float | None = None
    training_score: float | None = None
    validation_loss: float | None = None
    validation_score: float | None = None
    alpha: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a trial gave.

    Attributes:
        status: ``completed``, or ``diverged`` if a loss or score became infinite or NaN.
        one_shot_score: Validation score of the relaxed network (supernet) at the end of the search, in the unit
            of the task's metric; None if nothing was searched, or the trial diverged.
        architecture_score: Validation score of the discrete network, retrained; None if it was not retrained,
            or the trial diverged.
        architecture: The chosen (or given) architecture as text; None if the search diverged.
        parameters: Trainable weights of the discrete network; None if there is no architecture.
        epochs: Learning curves, in the order they were made.
        kernel: Which implementation computed it; for ``inverse-1d`` ``torch`` or ``fused``.
        device: ``cpu`` or the name of the GPU.
        search_s: Seconds of the search with its validation.
        retrain_s: Seconds of the retraining with its validation.
        message: Why it diverged; None otherwise.
        extras: Further finite numbers of the trial, by name.
        fingerprint: Of the task's code that computed it; the worker fills it in.
    """

    status: str = COMPLETED
    one_shot_score: float | None = None
    architecture_score: float | None = None
    architecture: str | None = None
    parameters: int | None = None
    epochs: tuple[Epoch, ...] = ()
    kernel: str = "torch"
    device: str = "cpu"
    search_s: float = field(default=0.0, compare=False)
    retrain_s: float = field(default=0.0, compare=False)
    message: str | None = None
    extras: Mapping[str, float] = field(default_factory=dict)
    fingerprint: str | None = field(default=None, compare=False)

    def score(self, objective: str) -> float | None:
        """The objective's score; None without one, and for a diverged trial.

        A trial whose search went well and whose retraining diverged is a diverged one under both objectives.

        Raises:
            UnknownNameError: For an unknown objective.
        """
        if objective not in OBJECTIVES:
            raise UnknownNameError("objective", objective, OBJECTIVES)
        score: float | None = getattr(self, SCORE_OF[objective])
        return score if self.status == COMPLETED else None

    def loss(self, objective: str, larger_is_better: bool = True) -> float | None:
        """What an optimiser minimises: the objective's score, negated where larger is better; see :meth:`score`.

        Raises:
            UnknownNameError: For an unknown objective.
        """
        return to_loss(self.score(objective), larger_is_better)

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the wire."""
        return {
            **_fields(self),
            "epochs": tuple(_fields(epoch) for epoch in self.epochs),
            "extras": dict(self.extras),
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrialOutcome:
        """Reads what :meth:`to_dict` wrote, lists or tuples alike.

        Raises:
            InvalidValueError: If it is not of that form.
        """
        rest = dict(values)
        try:
            epochs = tuple(_epoch(epoch) for epoch in rest.pop("epochs", ()))
            outcome = cls(epochs=epochs, **rest)
        except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
            raise InvalidValueError(f"not an outcome: {error}") from None
        missing = [name for name in _REQUIRED if name not in values]
        if missing:
            raise InvalidValueError(f"not an outcome: it has no {', '.join(missing)}")
        check_outcome(outcome)
        return outcome


def to_loss(score: float | None, larger_is_better: bool) -> float | None:
    """The loss of a score; None stays None."""
    return score if score is None or not larger_is_better else -score


#: A loss becomes a score again by the same sign.
to_score = to_loss


#: What every outcome that crosses the wire says.
_REQUIRED = ("status", "one_shot_score", "architecture_score", "architecture", "parameters")

#: What the fields of an outcome, and of its epochs, may be; what is not named is checked apart.
_OUTCOME_TYPES: Mapping[str, tuple[type, ...]] = {
    "architecture": (str, NoneType),
    "parameters": (int, NoneType),
    "kernel": (str,),
    "device": (str,),
    "search_s": (float, int),
    "retrain_s": (float, int),
    "message": (str, NoneType),
    "fingerprint": (str, NoneType),
}
_EPOCH_TYPES: Mapping[str, tuple[type, ...]] = {
    "phase": (str,),
    "epoch": (int,),
    "training_loss": (float, int, NoneType),
    "training_score": (float, int, NoneType),
    "validation_loss": (float, int, NoneType),
    "validation_score": (float, int, NoneType),
}


#: How long the texts may be.
_LENGTHS: Mapping[str, int] = {"kernel": 32, "phase": 64, "fingerprint": 64}
_LENGTH = 65_536


def check_outcome(outcome: TrialOutcome) -> None:
    """Refuses what a database could not hold, before it gets there.

    Raises:
        UnknownNameError: For an unknown status.
        InvalidValueError: For a field of another form, a score or an extra that is not a finite number, or a phase
            that has the same epoch twice.
    """
    if outcome.status not in OUTCOME_STATUSES:
        raise UnknownNameError("status of an outcome", outcome.status, OUTCOME_STATUSES)
    for score in (outcome.one_shot_score, outcome.architecture_score):
        if score is not None and not (isinstance(score, float) and math.isfinite(score)):
            raise InvalidValueError(f"a score is a finite number or None, got {score!r}")
    if not isinstance(outcome.extras, Mapping):
        raise InvalidValueError(f"not an outcome: extras are numbers by name, got {outcome.extras!r}")
    for name, value in outcome.extras.items():
        named = type(name) is str and len(name) <= 64 and is_clean(name)
        if not named or type(value) not in (float, int) or not math.isfinite(value):
            raise InvalidValueError("not an outcome: extras are finite numbers by name")
    _check_types(outcome, _OUTCOME_TYPES)
    for epoch in outcome.epochs:
        _check_types(epoch, _EPOCH_TYPES)
    if len({(epoch.phase, epoch.epoch) for epoch in outcome.epochs}) < len(outcome.epochs):
        raise InvalidValueError("not an outcome: a phase has the same epoch twice")


def _check_types(datum: TrialOutcome | Epoch, types: Mapping[str, tuple[type, ...]]) -> None:
    for name, valid in types.items():
        value = getattr(datum, name)
        if type(value) is int and int in valid and not 0 <= value < 2**31:  # not named: Python writes no long integers
            raise InvalidValueError(f"not an outcome: {name} is an integer outside [0, 2**31)")
        if type(value) is str and str in valid and not (len(value) <= _LENGTHS.get(name, _LENGTH) and is_clean(value)):
            raise InvalidValueError(f"not an outcome: {name} is too long a text, or one that cannot be stored")
        if type(value) not in valid:
            raise InvalidValueError(f"not an outcome: {name} is of type {type(value).__name__}")


def _fields(datum: TrialSpec | TrialOutcome | Epoch) -> dict[str, Any]:
    """The fields as they are; ``dataclasses.asdict`` copies every value, which takes a hundred times as long."""
    return {name: getattr(datum, name) for name in datum.__dataclass_fields__}


def _epoch(values: Mapping[str, Any]) -> Epoch:
    alpha = values.get("alpha")
    rows = None if alpha is None else tuple(tuple(float(value) for value in row) for row in alpha)
    return Epoch(**{**values, "alpha": rows})
