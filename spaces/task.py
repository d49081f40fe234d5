"""What a task is: a search space, data, a DAS method, a metric and a hyperparameter space, behind one protocol.

A task of your own is a subclass of :class:`Task` in a file of your own (docs/own-task.md); ``inverse-1d``, the
paper's, is another one. Everything else here knows a task by this protocol alone.
"""

from __future__ import annotations

import dataclasses
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.trial import TrialOutcome, TrialSpec
from spaces.values import read_value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

#: What a column of the database holds.
LONGEST_LABEL = 64


def _require_text(what: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_LABEL or value != value.strip():
        raise InvalidValueError(f"a {what} is text of 1 to {LONGEST_LABEL} letters, got {value!r}")


#: Larger numbers than this are written with their exponent, and not with all their digits.
HUGE = 1e7


@dataclass(frozen=True, slots=True)
class Metric:
    """What the scores of a task are.

    Attributes:
        name: Such as ``PSNR`` or ``accuracy``.
        unit: Such as ``dB``; empty if there is none.
        larger_is_better: Whether an optimiser looks for the largest score, or for the smallest.
    """

    name: str
    unit: str = ""
    larger_is_better: bool = True

    def __post_init__(self) -> None:
        _require_text("metric's name", self.name)
        if not isinstance(self.unit, str) or len(self.unit) > LONGEST_LABEL:
            raise InvalidValueError(f"a metric's unit is text of up to {LONGEST_LABEL} letters, got {self.unit!r}")
        if not isinstance(self.larger_is_better, bool):
            raise InvalidValueError(f"larger_is_better is True or False, got {self.larger_is_better!r}")

    @property
    def of_unit(self) -> str:
        """The unit behind a number, such as `` dB``; empty if there is none."""
        return f" {self.unit}" if self.unit else ""

    @property
    def digits(self) -> str:
        """How a score is written, as a format: hundredths of a dB, else four digits."""
        return ".2f" if self.unit == "dB" else ".4g"

    def text(self, score: float | None, sign: str = "") -> str:
        """A score for people, without its unit; a dash for none."""
        if score is None or math.isnan(score):
            return "-"
        return f"{score:{sign}{self.digits if abs(score) < HUGE else '.4g'}}"

    def __str__(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


#: The metric of the paper, and of every database that is older than other metrics.
PSNR = Metric("PSNR", "dB")


@dataclass(frozen=True, slots=True)
class Labels:
    """What is searched on which data, in the words that tables and reports show.

    Attributes:
        space: The search space.
        operations: The candidate operations, or the name of their set.
        data: The data.
        method: The DAS method.
    """

    space: str
    operations: str
    data: str
    method: str

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            _require_text(f"label {name!r}", getattr(self, name))

    def to_dict(self) -> dict[str, str]:
        """By name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Task(ABC):
    """A task. A subclass names itself, its metric and its labels, gives its hyperparameter space, and runs trials.

    Settings of a task are the fields of its dataclass, if it is one: ``--set NAME=VALUE`` changes them, they are
    stored with every run, and ``run_trials`` finds them on ``self``.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Short and unique, such as ``inverse-1d``."""

    @property
    @abstractmethod
    def metric(self) -> Metric:
        """What the scores are."""

    @property
    @abstractmethod
    def labels(self) -> Labels:
        """What is searched on which data."""

    @abstractmethod
    def configuration_space(self) -> ConfigurationSpace:
        """The hyperparameters with their ranges."""

    @abstractmethod
    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> Sequence[TrialOutcome]:
        """Runs trials that differ in hyperparameters and seed only; one outcome each, in the same order.

        A pure function: it uses no network and no global random state, and a trial's numbers follow from its
        specification alone. A trial that diverges is an outcome; an exception is a failure that is tried again.

        Args:
            specs: What is asked.
            device: ``cpu`` or ``cuda:N``.
        """

    # What most tasks leave as it is ---------------------------------------------------------------

    @property
    def version(self) -> str:
        """Counts into the fingerprint, beside the source: for what the source does not show."""
        return ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of further modules and packages whose source counts into the fingerprint."""
        return ()

    @property
    def plugins(self) -> str:
        """The fingerprint of the plug-ins that the task needs with its settings; empty if it needs none.

        It follows the task's own in the fingerprint of runs and evaluations, and a worker compares it with its own.
        """
        return ""

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Hyperparameters that have a name."""
        return {}

    @property
    def baselines(self) -> tuple[str, ...]:
        """What searches nothing: names that :meth:`baseline_architecture` takes."""
        return ()

    def baseline_architecture(self, baseline: str, generator: random.Random) -> str:
        """The architecture of one trial of a baseline.

        Raises:
            InvalidValueError: If the task has no such baseline.
        """
        raise InvalidValueError(f"the task {self.name} has no baseline {baseline!r}")

    def prepare(self, device: str) -> None:
        """Compiles or loads what the first trial would have to wait for."""
        return

    @property
    def settings(self) -> dict[str, Any]:
        """The task's settings with their values, as builtin types."""
        if not dataclasses.is_dataclass(self):
            return {}
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def configured(self, settings: Mapping[str, Any]) -> Self:
        """The same task with other settings; values may be text.

        Raises:
            UnknownNameError: For an unknown setting.
            InvalidValueError: For a value that does not fit.
        """
        known = self.settings
        for name in settings:
            if not known:
                raise InvalidValueError(f"the task {self.name} has no settings, got {name!r}")
            if name not in known:
                raise UnknownNameError(f"setting of {self.name}", name, known)
        read = {name: read_value(name, value, type(known[name])) for name, value in settings.items()}
        if not read:
            return self
        try:
            return dataclasses.replace(self, **read)  # type: ignore[type-var]
        except (TypeError, ValueError) as error:
            raise InvalidValueError(f"the task {self.name} refuses these settings: {error}") from None

    def hyperparameters(self, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """What a trial is given for a point of the configuration space: the same values, unless the task adds some."""
        return dict(configuration)

    def configuration(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """The point of the configuration space that :meth:`hyperparameters` reads back."""
        return dict(hyperparameters)

    def completed(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """Hyperparameters of a trial, from those of a run of other settings that may lack some of this task's."""
        return dict(hyperparameters)

    def check_trial(self, spec: TrialSpec) -> None:
        """Refuses a trial that cannot be run here, before it is begun: another worker may be able to.

        Raises:
            UsageError: Says what is wrong.
        """
        self.configured(spec.settings)

    def check_hyperparameters(self, values: Mapping[str, Any]) -> None:
        """Refuses hyperparameters that no trial can have, before any is begun.

        Raises:
            UsageError: Says what is wrong.
        """
        space = self.configuration_space()
        missing = [name for name in space.unconditional_hyperparameters if name not in values]
        if missing:
            raise InvalidValueError(f"hyperparameters missing: {', '.join(missing)}")
