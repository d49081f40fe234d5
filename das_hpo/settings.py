"""What a run is asked to do: everything that `das-hpo run` takes about the run itself, checked on construction."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from das_hpo.decisions import Decisions
from das_hpo.durations import parse_duration, require_duration
from das_hpo.hyperparameter_space import HyperparameterSpace
from das_hpo.optimizer_registry import check_optimizer
from spaces.errors import InvalidValueError, UnknownNameError
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.trial import OBJECTIVES, TrialSpec

RETRAIN = ("auto", "always")
AGGREGATES = ("mean", "median", "max")

#: Names of runs: they become names in the nameserver and parts of file names.
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Given:
    """A configuration that is evaluated before the optimiser proposes its own.

    Attributes:
        configuration: A point of the run's configuration space, of builtin types.
        origin: ``preset`` or ``fixed``.
        label: Where it is from: a preset's name, a run with a configuration's id, or a line of a file.
    """

    configuration: dict[str, Any]
    origin: str
    label: str


@dataclass(frozen=True, slots=True)
class RunSettings:
    """One optimisation: the problem, the optimiser, the seed and the limits.

    Attributes:
        name: The run's unique name.
        objective: ``one-shot`` or ``architecture``: whose score is optimised.
        task: The task's door, as ``--task`` takes it.
        settings: The task's settings by name; those that are not given have the task's defaults.
        optimizer: A name of :data:`das_hpo.optimizer_registry.OPTIMIZERS`, or ``package.module:function``.
        iterations: Brackets of successive halving.
        min_budget: Epochs of the lowest rung; the rungs are max_budget / eta**k.
        max_budget: Epochs of the highest rung.
        eta: One of eta configurations advances to the next rung.
        retrain: ``auto`` retrains for the objective ``architecture`` only, ``always`` for both.
        repeats: Trials, with different seeds, of which an evaluation's objective is the aggregate.
        aggregate: ``mean``, ``median`` or ``max`` (the best) of the trials' scores.
        seed: From which every random number of the run is derived.
        parallel: Evaluations that may be open at a time; None is as many as workers ask for. With 1 the
            order of the evaluations is always the same.
        ranges: Bounds of hyperparameters, by name, in place of the task's.
        fixed: Values of hyperparameters, by name, that are not searched.
        space_file: What a file of ConfigSpace's format holds, in place of the task's space; None without one.
        decisions: How the optimiser decides.
        given: Configurations that are evaluated first.
        time_limit_s: Seconds after which the run ends, keeping what is done; None is no limit.
        evaluation_timeout_s: Seconds after which an evaluation counts as hung; None lets the service
            judge by the durations seen so far.

    Raises:
        UsageError: For whatever is not valid; nothing has been done by then.
    """

    name: str
    objective: str
    task: str = DEFAULT_TASK
    settings: Mapping[str, Any] = field(default_factory=dict)
    optimizer: str = "bohb"
    iterations: int = 128
    min_budget: float = 5.0
    max_budget: float = 50.0
    eta: float = 3.0
    retrain: str = "auto"
    repeats: int = 1
    aggregate: str = "mean"
    seed: int = 0
    parallel: int | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space_file: Mapping[str, Any] | None = None
    decisions: Decisions = field(default_factory=Decisions)
    given: tuple[Given, ...] = ()
    time_limit_s: float | None = None
    evaluation_timeout_s: float | None = None

    def __post_init__(self) -> None:
        check_run_name(self.name)
        for name, words in (
            ("objective", OBJECTIVES),
            ("retrain", RETRAIN),
            ("aggregate", AGGREGATES),
        ):
            if getattr(self, name) not in words:
                raise UnknownNameError(name, getattr(self, name), words)
        check_optimizer(self.optimizer)
        for name in ("iterations", "repeats"):
            if not _whole(getattr(self, name)) or getattr(self, name) < 1:
                raise InvalidValueError(f"{name} must be a whole number of 1 or more, {getattr(self, name)} came")
        if self.parallel is not None and (not _whole(self.parallel) or self.parallel < 1):
            raise InvalidValueError(f"parallel must be a whole number of 1 or more, {self.parallel} came")
        for name in ("min_budget", "max_budget"):
            if not 0 < getattr(self, name) < math.inf:
                raise InvalidValueError(f"{name} must be a positive number of epochs, {getattr(self, name):g} came")
        if self.min_budget > self.max_budget:
            raise InvalidValueError(
                f"min_budget {self.min_budget:g} is above max_budget {self.max_budget:g}: it must not be"
            )
        if not 2 <= self.eta < math.inf:
            raise InvalidValueError(f"eta must be 2 or more, {self.eta:g} came")
        for name, seconds in (("time-limit", self.time_limit_s), ("evaluation-timeout", self.evaluation_timeout_s)):
            if seconds is not None:
                require_duration(name, seconds)
        if not 0 <= self.seed < 2**63:
            raise InvalidValueError(f"a seed is an integer in [0, 2**63), {self.seed} came")
        # Whatever the task has to say against its settings, it says now; they are stored with their defaults.
        object.__setattr__(self, "settings", self.configured_task().settings)
        self.hyperparameter_space()

    @property
    def retrains(self) -> bool:
        """Whether evaluations retrain the architecture that they found."""
        return self.retrain == "always" or self.objective == "architecture"

    def configured_task(self) -> Task:
        """The task with the run's settings.

        Raises:
            UsageError: If it cannot be loaded, or refuses the settings.
        """
        return load_task(self.task).configured(self.settings)

    def hyperparameter_space(self) -> HyperparameterSpace:
        """What is searched, and what is fixed."""
        return HyperparameterSpace(self.configured_task(), self.ranges, self.fixed, self.space_file)

    def spec(self, hyperparameters: Mapping[str, Any], budget: float, seed: int) -> TrialSpec:
        """The trial of this run with these hyperparameters, epochs and seed."""
        return TrialSpec(
            task=load_task(self.task).name,
            hyperparameters=hyperparameters,
            budget=budget,
            seed=seed,
            retrain=self.retrains,
            settings=self.settings,
        )

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunSettings:
        """Reads what :meth:`to_dict` wrote; time limits may also be text such as ``2h``.

        Raises:
            UsageError: For an unknown setting, or a value that is not valid.
        """
        known = {entry.name for entry in fields(cls)}
        read = with_task_settings(values)
        for name in read:
            if name not in known:
                raise UnknownNameError("setting", name, sorted(known))
        read["ranges"] = {name: (float(low), float(high)) for name, (low, high) in (read.get("ranges") or {}).items()}
        if not isinstance(read.get("decisions"), Decisions):
            read["decisions"] = Decisions.from_mapping(read.get("decisions") or {})
        try:
            given = [each if isinstance(each, Given) else Given(**each) for each in read.get("given") or ()]
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a run: given: {error}") from None
        read["given"] = tuple(given)
        for name in ("time_limit_s", "evaluation_timeout_s"):
            if isinstance(read.get(name), str):
                read[name] = parse_duration(read[name])
        try:
            return cls(**read)
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a run: {error}") from None


#: Where the settings of ``inverse-1d`` were before there were other tasks.
_OLD_TASK_SETTINGS = ("space", "operations", "data", "method")


def with_task_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run as of today: before there were other tasks, those of ``inverse-1d`` lay among the run's."""
    read = dict(values)
    old = {name: read.pop(name) for name in _OLD_TASK_SETTINGS if name in read and not isinstance(read[name], dict)}
    choices = read.pop("choices", None) or {}
    if old or choices:
        read["settings"] = {**old, **choices, **(read.get("settings") or {})}
    return read


def check_run_name(name: str) -> None:
    """Raises InvalidValueError unless it can name a run."""
    if not RUN_NAME.fullmatch(name):
        raise InvalidValueError(
            f"{name!r} cannot name a run: up to 64 letters, digits, '.', '_' and '-', the first a letter or digit"
        )


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
