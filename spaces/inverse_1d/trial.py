"""A trial of the task ``inverse-1d``, its hyperparameters and settings checked and with their own types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spaces.errors import InvalidValueError
from spaces.hyperparameters import Hyperparameters
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import DATA_FORMATIONS, METHODS, candidate_operations, entry, parts
from spaces.plugins import plugins_of
from spaces.trial import TrialSpec

#: The task's name.
INVERSE_1D = "inverse-1d"

#: Mini-batches an epoch (section 5.1: 2,432 samples of 128).
BATCHES_PER_EPOCH = 19

#: Settings of the task that are no choices.
PROBLEM = ("space", "operations", "data", "method")

#: What differs between trials of equal shape.
_OF_ONE_TRIAL = ("hyperparameters", "seed")


@dataclass(frozen=True, slots=True)
class InverseTrial:
    """One trial: see :class:`spaces.trial.TrialSpec`, which crosses the wire in its place.

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
        InvalidValueError: For a budget that is not a positive number, a negative seed, a method
            outside the spaces it is made for, or an architecture of another space.
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
        self.hyperparameters.check(self.method)
        if not 0 < self.budget < math.inf:
            raise InvalidValueError(f"a budget is a positive number of epochs, got {self.budget}")
        if not 0 <= self.seed < 2**63:
            raise InvalidValueError(f"a seed is an integer in [0, 2**63), got {self.seed}")
        if spaces is not None and self.space not in spaces:
            raise InvalidValueError(f"{self.method} needs the {' or '.join(spaces)} space, got {self.space}")
        if self.architecture is not None and Architecture.parse(self.architecture).space != self.space:
            raise InvalidValueError(f"the architecture {self.architecture!r} is none of the {self.space} space")

    @property
    def candidates(self) -> tuple[str, ...]:
        """The operations that each layer or edge chooses from, in the order of alpha's last axis."""
        return candidate_operations(self.space, self.operations)

    @property
    def own_numbers(self) -> dict[str, float]:
        """The hyperparameters that the method adds, as numbers."""
        added = entry("method", METHODS, self.method).hyperparameters
        return {name: added[name].as_number(value) for name, value in self.hyperparameters.own.items()}

    @property
    def steps(self) -> int:
        """Optimisation steps of the search (and of the retraining): ``round(19 * budget)``, at least 1."""
        return max(1, round(BATCHES_PER_EPOCH * self.budget))

    @property
    def shape(self) -> tuple[object, ...]:
        """Trials of equal shape can share a batch: they differ in hyperparameters and seed only."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__ if name not in _OF_ONE_TRIAL)

    @property
    def spec(self) -> TrialSpec:
        """The same trial as it crosses the wire."""
        return TrialSpec(
            task=INVERSE_1D,
            hyperparameters=self.hyperparameters.to_dict(),
            budget=self.budget,
            seed=self.seed,
            retrain=self.retrain,
            settings=inverse_settings(self.space, self.operations, self.data, self.method, self.choices),
            architecture=self.architecture,
            plugins=plugins_of(parts(self.space, self.operations, self.data, self.method)),
        )

    @classmethod
    def of(cls, spec: TrialSpec) -> InverseTrial:
        """Reads a trial that crossed the wire; raises as the constructor does."""
        problem, choices = split_settings(spec.settings)
        return cls(
            hyperparameters=Hyperparameters.from_mapping(spec.hyperparameters, problem.get("method", "das")),
            budget=spec.budget,
            seed=spec.seed,
            retrain=spec.retrain,
            architecture=spec.architecture,
            choices=choices,
            **problem,
        )


def inverse_settings(space: str, operations: str, data: str, method: str, choices: Choices) -> dict[str, Any]:
    """The task's settings in one mapping."""
    return {"space": space, "operations": operations, "data": data, "method": method, **choices.to_dict()}


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], Choices]:
    """The names of space, operations, data and method that are given, and the choices.

    Raises:
        UnknownNameError: For an unknown setting.
        InvalidValueError: For a value that does not fit.
    """
    problem = {name: settings[name] for name in PROBLEM if name in settings}
    return problem, Choices.from_mapping({name: value for name, value in settings.items() if name not in PROBLEM})
