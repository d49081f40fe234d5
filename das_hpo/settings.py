"""What a run is asked to do: everything that `das-hpo run` takes about the run itself, checked on construction."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from das_hpo.declaration import (
    AnyValue,
    Checked,
    Contents,
    Duration,
    Number,
    Pairs,
    Several,
    Whole,
    Words,
    check_declared,
    declarations,
    listed,
    require_known,
    setting,
)
from das_hpo.durations import parse_duration
from das_hpo.hyperparameter_space import HyperparameterSpace, read_space_file
from das_hpo.optimizer_registry import OPTIMIZERS, check_optimizer, settings_in_words
from das_hpo.optimizer_settings import OptimizerSettings
from das_hpo.task_options import TASK_OPTIONS
from spaces.errors import InvalidValueError
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.trial import OBJECTIVES, TrialSpec
from storage.ranking import AGGREGATES

#: The kind of a budget.
EPOCHS = Number(above=0, unit="epochs", metavar="EPOCHS")

RETRAIN = ("auto", "always")

#: Names of runs: they become names in the nameserver and parts of file names.
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_run_name(name: str) -> None:
    """Raises InvalidValueError unless it can name a run."""
    if not RUN_NAME.fullmatch(name):
        raise InvalidValueError(
            f"{name!r} cannot name a run: up to 64 letters, digits, '.', '_' and '-', the first a letter or digit"
        )


def read_range(text: str) -> tuple[float, float]:
    """The bounds that ``LOW:HIGH`` means.

    Raises:
        ValueError: If it is not of that form; says what is needed.
    """
    low, _, high = text.partition(":")
    try:
        bounds = (float(low), float(high))
    except ValueError:
        bounds = (math.nan, math.nan)
    if not (math.isfinite(bounds[0]) and math.isfinite(bounds[1]) and bounds[0] < bounds[1]):
        raise ValueError("two numbers of which LOW is the smaller")
    return bounds


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
    """One optimisation: the problem, the optimiser, the seed and the limits. Each setting says what it means.

    Raises:
        UsageError: For whatever is not valid; nothing has been done by then.
    """

    name: str = setting(
        kind=Checked(check_run_name),
        help="the run's name, up to 64 letters, digits, '.', '_' and '-'",
        default_in_words="the problem, the time and 4 random digits",
    )
    objective: str = setting(
        kind=Words(OBJECTIVES),
        help="the validation score that is optimised: one-shot, of the relaxed network at the end of the search, "
        "or architecture, of the discrete network retrained from scratch; of inverse-1d the PSNR in dB",
    )
    task: str = setting(
        DEFAULT_TASK,
        AnyValue("TASK"),
        help="what is searched and scored: inverse-1d, an installed task by its name, or one of your own as "
        "package.module:object (see docs/own-task.md)",
    )
    settings: Mapping[str, Any] = setting(
        kind=Pairs(), factory=dict, option="--set", help="a setting of the task; may be repeated"
    )
    optimizer: str = setting(
        "bohb",
        Checked(check_optimizer, late=True, metavar="NAME"),
        help=f"how configurations are chosen: one of {', '.join(OPTIMIZERS)}, or package.module:function of your own. "
        "bohb, tpe and cma-es learn a model, the others draw at random; all but random and screening halve "
        "successively; screening evaluates many at the least budget and the best few of them at the largest",
    )
    iterations: int = setting(128, Whole(1), help="brackets of successive halving")
    min_budget: float = setting(
        5.0,
        EPOCHS,
        help="epochs of a search (and of a retraining) on the lowest rung; an epoch of inverse-1d is 19 batches",
    )
    max_budget: float = setting(
        50.0, EPOCHS, help="epochs on the highest rung; the rungs between are max-budget / eta^k"
    )
    eta: float = setting(
        3.0, Number(least=2), help="one of so many configurations advances to the next rung, 2 or more"
    )
    retrain: str = setting(
        "auto",
        Words(RETRAIN),
        help="auto retrains for the objective architecture alone; always gives both scores, so that the run can be "
        "read under both objectives",
    )
    repeats: int = setting(
        1, Whole(1, metavar="K"), help="trials with different seeds, of which the objective is the aggregate"
    )
    aggregate: str = setting(
        "mean",
        Words(tuple(AGGREGATES)),
        help="of the repeats' scores: mean or median for the average case, max for the best case",
    )
    seed: int = setting(0, Whole(0), help="every random number of the run follows from it", default_in_words="0")
    group: str | None = setting(
        None,
        Checked(check_run_name),
        help="the group that the run belongs to: runs of the same settings with other seeds, which compare, evaluate, "
        "report, results, incumbent and show take together by this name; --seeds makes one",
        default_in_words="none",
    )
    parallel: int | None = setting(
        None,
        Whole(1),
        help="evaluations that are given out at a time; with 1 their order is always the same",
        default_in_words="as many as workers ask for",
    )
    ranges: Mapping[str, tuple[float, float]] = setting(
        kind=Pairs("NAME=LOW:HIGH", read_range),
        factory=dict,
        option="--range",
        help="search a hyperparameter in this range; may be repeated",
        default_in_words="the task's ranges",
    )
    fixed: Mapping[str, Any] = setting(
        kind=Pairs(),
        factory=dict,
        option="--fix",
        help="do not search a hyperparameter, but give it this value; may be repeated",
        default_in_words="all are searched",
    )
    space_file: Mapping[str, Any] | None = setting(
        None,
        Contents(read_space_file),
        help="search the space in this file, as ConfigurationSpace.to_json or to_yaml of ConfigSpace writes it; it may "
        "have hyperparameters of your own where the task takes them",
        default_in_words="the task's space",
    )
    decisions: OptimizerSettings = setting(
        kind=Pairs(),
        factory=OptimizerSettings,
        option="--decide",
        help=f"a setting of the optimizer ({settings_in_words()}); may be repeated; names with their defaults: "
        f"{listed(OptimizerSettings().to_dict())}",
    )
    given: tuple[Given, ...] = setting(
        (),
        Several("presets|RUN|FILE"),
        option="--init",
        help="configurations that are evaluated first, on the lowest rungs: the paper's presets; the best of an older "
        "run of the database, by this run's objective, as many as fit the first rung; a .json or .csv file of "
        "hyperparameters, as presets and incumbent print them; may be repeated",
        default_in_words="none",
    )
    time_limit_s: float | None = setting(
        None,
        Duration("time-limit"),
        help="end the run cleanly after that time, keeping what is done; a number with d, h, m or s, as in 2h",
        default_in_words="none",
    )
    evaluation_timeout_s: float | None = setting(
        None,
        Duration("evaluation-timeout"),
        help="give an evaluation that takes longer to another worker",
        default_in_words="judged by the durations seen so far",
    )

    # What follows from the settings is made once; it is not stored.
    _task: Task = field(init=False, repr=False, compare=False)
    _space: HyperparameterSpace = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_declared(self)
        if self.min_budget > self.max_budget:
            raise InvalidValueError(
                f"min_budget {self.min_budget:g} is above max_budget {self.max_budget:g}: it must not be"
            )
        if self.group == self.name:
            raise InvalidValueError(f"a group has another name than its runs, got {self.name!r} for both")
        # The task refuses settings now that it would refuse later; they are stored with their defaults.
        task = load_task(self.task).configured(self.settings)
        object.__setattr__(self, "settings", task.settings)
        object.__setattr__(self, "_task", task)
        space = HyperparameterSpace(task, self.ranges, self.fixed, self.space_file)
        object.__setattr__(self, "_space", space)

    @property
    def retrains(self) -> bool:
        """Whether evaluations retrain the architecture that they found."""
        return self.retrain == "always" or self.objective == "architecture"

    def configured_task(self) -> Task:
        """The task with the run's settings."""
        return self._task

    def hyperparameter_space(self) -> HyperparameterSpace:
        """What is searched, and what is fixed."""
        return self._space

    def spec(self, hyperparameters: Mapping[str, Any], budget: float, seed: int) -> TrialSpec:
        """The trial of this run with these hyperparameters, epochs and seed."""
        return TrialSpec(
            task=self._task.name,
            hyperparameters=hyperparameters,
            budget=budget,
            seed=seed,
            retrain=self.retrains,
            settings=self.settings,
            plugins=self._task.plugins,
        )

    def to_dict(self) -> dict[str, Any]:
        """As builtin types, for the database."""
        values = {name: copy.deepcopy(getattr(self, name)) for name in declarations(type(self))}
        return {**values, "decisions": asdict(self.decisions), "given": tuple(asdict(each) for each in self.given)}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> RunSettings:
        """Reads what :meth:`to_dict` wrote; time limits may also be text such as ``2h``.

        Raises:
            UsageError: For an unknown setting, or a value that is not valid.
        """
        read = with_task_settings(values)
        for name in ("time_limit_s", "evaluation_timeout_s"):
            if isinstance(read.get(name), str):
                read[name] = parse_duration(read[name])
        read["ranges"] = {name: (float(low), float(high)) for name, (low, high) in (read.get("ranges") or {}).items()}
        if not isinstance(read.get("decisions"), OptimizerSettings):
            read["decisions"] = OptimizerSettings.from_mapping(read.get("decisions") or {})
        try:
            given = [each if isinstance(each, Given) else Given(**each) for each in read.get("given") or ()]
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a run: given: {error}") from None
        read["given"] = tuple(given)
        require_known(cls, read, "setting")
        try:
            return cls(**read)
        except TypeError as error:
            raise InvalidValueError(f"not the settings of a run: {error}") from None


def with_task_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Stored settings in their present form: older runs have those of ``inverse-1d`` among their own."""
    read = dict(values)
    old = {name: read.pop(name) for name in TASK_OPTIONS if name in read and not isinstance(read[name], dict)}
    choices = read.pop("choices", None) or {}
    if old or choices:
        read["settings"] = {**old, **choices, **(read.get("settings") or {})}
    return read
