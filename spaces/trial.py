"""What is asked of a worker and what it answers: one trial, as two frozen dataclasses of builtin types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import Hyperparameters
from spaces.inverse_1d.architecture import Architecture, candidate_operations
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import DATA_FORMATIONS, METHODS, entry
from spaces.texts import is_clean

OBJECTIVES = ("one-shot", "architecture")

#: Mini-batches an epoch (section 5.1: 2,432 samples of 128).
BATCHES_PER_EPOCH = 19

#: The loss a model is told for a diverged trial: finite, and worse than any PSNR in float32 can be.
WORST_LOSS = 1000.0

COMPLETED = "completed"
DIVERGED = "diverged"


#: What differs between trials of equal shape.
_OF_ONE_TRIAL = ("hyperparameters", "seed")


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One trial that is asked for: a DAS search and, where asked, the retraining of what it found.

    Attributes:
        hyperparameters: The point of the hyperparameter space.
        budget: Epochs of the search, and of the retraining.
        seed: From which every random stream of the trial is derived by name.
        space: The search space, such as ``sequential``; the names are those of spaces.inverse_1d.registries.
        operations: The set of operations, such as ``good``.
        data: The data formation, such as ``blur``.
        method: The method of DAS, such as ``das``.
        retrain: Whether the architecture is retrained from scratch.
        architecture: A canonical string: this architecture is trained, nothing is searched.
        choices: What the paper leaves open.

    Raises:
        UnknownNameError: For an unknown name.
        InvalidValueError: For a budget that is not a positive number, a negative seed, a method outside
            the spaces it is made for, or an architecture of another space.
    """

    hyperparameters: Hyperparameters
    budget: float
    seed: int
    space: str = "sequential"
    operations: str = "good"
    data: str = "blur"
    method: str = "das"
    retrain: bool = True
    architecture: str | None = None
    choices: Choices = field(default_factory=Choices)

    def __post_init__(self) -> None:
        candidate_operations(self.space, self.operations)
        entry("data formation", DATA_FORMATIONS, self.data)
        spaces = entry("method", METHODS, self.method).spaces
        if not 0 < self.budget < math.inf:
            raise InvalidValueError(f"a budget is a positive number of epochs, {self.budget} came")
        if not 0 <= self.seed < 2**63:
            raise InvalidValueError(f"a seed is an integer in [0, 2**63), {self.seed} came")
        if spaces is not None and self.space not in spaces:
            raise InvalidValueError(f"{self.method} needs the {' or '.join(spaces)} space, {self.space} came")
        if self.architecture is not None and Architecture.parse(self.architecture).space != self.space:
            raise InvalidValueError(f"the architecture {self.architecture!r} is none of the {self.space} space")

    @property
    def steps(self) -> int:
        """Optimisation steps of the search (and of the retraining): ``round(19 * budget)``, at least 1."""
        return max(1, round(BATCHES_PER_EPOCH * self.budget))

    @property
    def shape(self) -> tuple[object, ...]:
        """Trials of equal shape can share a batch: they differ in hyperparameters and seed only."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__ if name not in _OF_ONE_TRIAL)

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the wire."""
        return {
            **_fields(self),
            "hyperparameters": self.hyperparameters.to_dict(),
            "choices": self.choices.to_dict(),
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrialSpec:
        """Reads what :meth:`to_dict` wrote; raises as the constructor does."""
        rest = dict(values)
        hyperparameters = Hyperparameters.from_mapping(rest.pop("hyperparameters"))
        choices = Choices.from_mapping(rest.pop("choices", {}))
        try:
            return cls(hyperparameters=hyperparameters, choices=choices, **rest)
        except TypeError as error:
            raise InvalidValueError(f"not a trial: {error}") from None


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of a learning curve.

    Attributes:
        phase: ``pretrain-learnable-gradient``, ``pretrain-net`` (das-single), ``search`` or ``retrain``.
        epoch: Counted from 1; the last may be a part of an epoch.
        training_loss: Mean over the epoch's training batches, before each step (loss_scale * MSE).
        training_psnr: Mean PSNR in dB over the same batches, batch norm in training mode.
        validation_loss: The same over the alpha step's validation batches; None where there are none.
        validation_psnr: The same; None where there are none.
        alpha: In ``search``: alpha after the epoch, [layer or edge][operation]; else None.
    """

    phase: str
    epoch: int
    training_loss: float | None
    training_psnr: float | None
    validation_loss: float | None = None
    validation_psnr: float | None = None
    alpha: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a trial gave.

    Attributes:
        status: ``completed``, or ``diverged`` if a loss or PSNR became infinite or NaN.
        one_shot_psnr: Validation PSNR in dB of the relaxed network; None if not searched or diverged.
        architecture_psnr: Validation PSNR in dB of the retrained network; None if not retrained or diverged.
        architecture: The canonical string of the chosen (or given) architecture; None if the search diverged.
        parameters: Trainable weights of the discrete network; None if there is no architecture.
        epochs: Learning curves, in the order they were made.
        kernel: ``torch`` or ``fused``: which implementation computed it.
        device: ``cpu`` or the name of the GPU.
        search_s: Seconds of the search with its validation.
        retrain_s: Seconds of the retraining with its validation.
        message: Why it diverged; None otherwise.
    """

    status: str
    one_shot_psnr: float | None
    architecture_psnr: float | None
    architecture: str | None
    parameters: int | None
    epochs: tuple[Epoch, ...] = ()
    kernel: str = "torch"
    device: str = "cpu"
    search_s: float = field(default=0.0, compare=False)
    retrain_s: float = field(default=0.0, compare=False)
    message: str | None = None

    def loss(self, objective: str) -> float | None:
        """What BOHB minimises: minus the objective's PSNR in dB; None without that PSNR, and for a diverged trial.

        A trial whose search went well and whose retraining diverged is a diverged one under both objectives.

        Raises:
            UnknownNameError: For an unknown objective.
        """
        if objective not in OBJECTIVES:
            raise UnknownNameError("objective", objective, OBJECTIVES)
        psnr = self.one_shot_psnr if objective == "one-shot" else self.architecture_psnr
        return None if psnr is None or self.status != COMPLETED else -psnr

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the wire."""
        return {**_fields(self), "epochs": tuple(_fields(epoch) for epoch in self.epochs)}

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
        if outcome.status not in (COMPLETED, DIVERGED):
            raise UnknownNameError("status of an outcome", outcome.status, (COMPLETED, DIVERGED))
        for psnr in (outcome.one_shot_psnr, outcome.architecture_psnr):
            if psnr is not None and not (isinstance(psnr, float) and math.isfinite(psnr)):
                raise InvalidValueError(f"a PSNR is a finite number or None, {psnr!r} came")
        _check_types(outcome, _OUTCOME_TYPES)
        for epoch in epochs:
            _check_types(epoch, _EPOCH_TYPES)
        if len({(epoch.phase, epoch.epoch) for epoch in epochs}) < len(epochs):
            raise InvalidValueError("not an outcome: a phase has the same epoch twice")
        return outcome


#: What the fields of an outcome, and of its epochs, may be; what is not named is checked apart.
_OUTCOME_TYPES: Mapping[str, tuple[type, ...]] = {
    "architecture": (str, NoneType),
    "parameters": (int, NoneType),
    "kernel": (str,),
    "device": (str,),
    "search_s": (float, int),
    "retrain_s": (float, int),
    "message": (str, NoneType),
}
_EPOCH_TYPES: Mapping[str, tuple[type, ...]] = {
    "phase": (str,),
    "epoch": (int,),
    "training_loss": (float, int, NoneType),
    "training_psnr": (float, int, NoneType),
    "validation_loss": (float, int, NoneType),
    "validation_psnr": (float, int, NoneType),
}


#: How long the texts may be.
_LENGTHS: Mapping[str, int] = {"kernel": 32, "phase": 64}
_LENGTH = 65_536


def _check_types(datum: TrialOutcome | Epoch, types: Mapping[str, tuple[type, ...]]) -> None:
    """Refuses what a database could not hold, before it gets there."""
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
