"""Options that say what is optimised: every setting of a run, with the defaults of RunSettings."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import add_duration, checked, natural, number, positive
from das_hpo.decisions import Decisions
from das_hpo.hyperparameter_space import read_space_file
from das_hpo.names import default_run_name
from das_hpo.optimizer_registry import OPTIMIZERS, check_optimizer
from das_hpo.settings import AGGREGATES, RETRAIN, RunSettings, check_run_name
from spaces.errors import InvalidValueError
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import DATA_FORMATIONS, METHODS, OPERATION_SETS, SEARCH_SPACES
from spaces.task_registry import DEFAULT_TASK
from spaces.trial import OBJECTIVES

if TYPE_CHECKING:
    from spaces.task import Task

_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(RunSettings)}

#: Settings of ``inverse-1d`` that have options of their own, with what they mean and their words.
PROBLEM: dict[str, tuple[str, Mapping[str, object]]] = {
    "space": ("the architectures: sequential has 10 layers, cell has 2 cells of 15 edges", SEARCH_SPACES),
    "operations": (
        "what a layer or edge chooses from: good is learnable-gradient and net, all adds roll and noise",
        OPERATION_SETS,
    ),
    "data": ("the data formation: blur, or downsampling, which is blur and every 4th sample", DATA_FORMATIONS),
    "method": (
        "das, or das-single, which learns alpha alone on pre-trained networks and tunes its 5 hyperparameters",
        METHODS,
    ),
}


def add_problem(parser: argparse.ArgumentParser) -> None:
    """Adds what is searched and on which data; :func:`settings` reads it."""
    group = parser.add_argument_group("the problem")
    add_task(group)
    for name, (meaning, registry) in PROBLEM.items():
        text = f"{words(registry)}: {meaning}; a setting of inverse-1d (default: {next(iter(registry))})"
        group.add_argument(f"--{name}", metavar="NAME", help=text)
    add_choices(group)


def words(registry: Mapping[str, object]) -> str:
    """The names of a registry, for the help of an option; a plug-in may add others."""
    return f"{', '.join(registry)}, or that of a --plugin"


def add_task(group: argparse.ArgumentParser | argparse._ArgumentGroup, default: str = DEFAULT_TASK) -> None:
    """Adds ``--task``; :func:`task_of` reads it."""
    group.add_argument(
        "--task",
        metavar="TASK",
        help="what is searched and scored: inverse-1d, an installed task by its name, or one of your own as "
        f"package.module:object (see docs/own-task.md) (default: {default})",
    )


def add_choices(group: argparse._ArgumentGroup) -> None:
    """Adds ``--set``; :func:`choices` and :func:`given_settings` read it."""
    group.add_argument(
        "--set",
        dest="choices",
        action="append",
        type=checked(_pair),
        metavar="NAME=VALUE",
        help="a setting of the task; may be repeated; of inverse-1d, what the paper leaves open, with the defaults "
        f"{_listed(Choices())}",
    )


def choices(args: argparse.Namespace) -> Choices:
    """What ``--set`` was given of ``inverse-1d``, over the defaults.

    Raises:
        UsageError: For an unknown choice, or a value that is not valid.
    """
    return Choices.from_mapping(dict(args.choices or ()))


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The task's settings that were given, by ``--set`` and by the options of their own."""
    named = {name: getattr(args, name) for name in PROBLEM if getattr(args, name, None) is not None}
    return {**named, **dict(args.choices or ())}


def task_of(args: argparse.Namespace, settings: Mapping[str, Any] | None = None) -> Task:
    """The task of ``--task`` with those settings.

    Raises:
        UsageError: If it cannot be loaded, or refuses the settings.
    """
    from spaces.task_registry import load_task

    return load_task(args.task or DEFAULT_TASK).configured(settings or {})


def add_hyperparameters(parser: argparse.ArgumentParser) -> None:
    """Adds how the hyperparameter space is changed; :func:`settings` reads it."""
    group = parser.add_argument_group("the hyperparameters")
    group.add_argument(
        "--range",
        dest="ranges",
        action="append",
        type=checked(_range),
        metavar="NAME=LOW:HIGH",
        help="search a hyperparameter in this range; may be repeated (default: the task's ranges)",
    )
    group.add_argument(
        "--fix",
        dest="fixed",
        action="append",
        type=checked(_pair),
        metavar="NAME=VALUE",
        help="do not search a hyperparameter, but give it this value; may be repeated (default: all are searched)",
    )
    group.add_argument(
        "--space-file",
        metavar="FILE",
        help="search the space in this file, as ConfigurationSpace.to_json or to_yaml of ConfigSpace writes it; it may "
        "have hyperparameters of your own where the task takes them (default: the task's space)",
    )


def add_optimisation(parser: argparse.ArgumentParser) -> None:
    """Adds how it is optimised; :func:`settings` reads it."""
    group = parser.add_argument_group("the optimisation")
    group.add_argument(
        "--objective",
        choices=OBJECTIVES,
        required=True,
        help="the validation score that is optimised: one-shot, of the relaxed network at the end of the search, "
        "or architecture, of the discrete network retrained from scratch; of inverse-1d the PSNR in dB",
    )
    group.add_argument(
        "--optimizer",
        type=checked(_optimizer),
        default=_DEFAULTS["optimizer"],
        metavar="NAME",
        help=f"how configurations are chosen: one of {', '.join(OPTIMIZERS)}, or package.module:function of your own. "
        "All but random halve successively; bohb, tpe and cma-es learn a model, hyperband and random draw at random",
    )
    group.add_argument(
        "--iterations",
        type=positive,
        default=_DEFAULTS["iterations"],
        metavar="N",
        help="brackets of successive halving",
    )
    group.add_argument(
        "--min-budget",
        type=number,
        default=_DEFAULTS["min_budget"],
        metavar="EPOCHS",
        help="epochs of a search (and of a retraining) on the lowest rung; an epoch is 19 batches",
    )
    group.add_argument(
        "--max-budget",
        type=number,
        default=_DEFAULTS["max_budget"],
        metavar="EPOCHS",
        help="epochs on the highest rung; the rungs between are max-budget / eta^k",
    )
    group.add_argument(
        "--eta",
        type=number,
        default=_DEFAULTS["eta"],
        metavar="X",
        help="one of so many configurations advances to the next rung, 2 or more",
    )
    group.add_argument(
        "--retrain",
        choices=RETRAIN,
        default=_DEFAULTS["retrain"],
        help="auto retrains for the objective architecture alone; always gives both scores, so that the run can be "
        "read under both objectives",
    )
    group.add_argument(
        "--repeats",
        type=positive,
        default=_DEFAULTS["repeats"],
        metavar="K",
        help="trials with different seeds, of which the objective is the aggregate",
    )
    group.add_argument(
        "--aggregate",
        choices=AGGREGATES,
        default=_DEFAULTS["aggregate"],
        help="of the repeats' scores: mean or median for the average case, max for the best case",
    )
    group.add_argument(
        "--seed",
        type=natural,
        default=_DEFAULTS["seed"],
        metavar="N",
        help="every random number of the run follows from it",
    )
    group.add_argument(
        "--decide",
        dest="decisions",
        action="append",
        type=checked(_pair),
        metavar="NAME=VALUE",
        help="how the optimizer decides (bohb has all of these, hyperband and cma-es brackets, tpe brackets, parallel "
        f"and random_fraction); may be repeated; names with their defaults: {_listed(Decisions())}",
    )
    group.add_argument(
        "--init",
        action="append",
        metavar="presets|RUN|FILE",
        help="configurations that are evaluated first, on the lowest rungs: the paper's presets; the best of an older "
        "run of the database, by this run's objective, as many as fit the first rung; a .json or .csv file of "
        "hyperparameters, as presets and incumbent print them; may be repeated (default: none)",
    )
    group.add_argument(
        "--name",
        type=checked(_run_name),
        help="the run's name, up to 64 letters, digits, '.', '_' and '-' "
        "(default: the problem, the time and 4 random digits)",
    )


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Adds when a run, or one of its evaluations, has taken too long."""
    group = parser.add_argument_group("limits")
    add_duration(
        group,
        "time-limit",
        help="end the run cleanly after that time, keeping what is done; a number with d, h, m or s, as in 2h "
        "(default: none)",
    )
    add_duration(
        group,
        "evaluation-timeout",
        help="give an evaluation that takes longer to another worker (default: judged by the durations seen so far)",
    )
    group.add_argument(
        "--parallel",
        type=positive,
        metavar="N",
        help="evaluations that are given out at a time; with 1 their order is always the same "
        "(default: as many as workers ask for)",
    )


def settings(args: argparse.Namespace, name: str | None) -> RunSettings:
    """The settings that the options of this module give; without a name the run gets one of its own.

    Raises:
        UsageError: If they are not valid together.
    """
    values = {
        field.name: getattr(args, field.name)
        for field in fields(RunSettings)
        if hasattr(args, field.name) and field.name not in _READ_HERE
    }
    file = args.space_file
    asked = RunSettings.from_mapping(
        {
            **values,
            "name": name or "unnamed",
            "task": args.task or DEFAULT_TASK,
            "settings": given_settings(args),
            "ranges": dict(args.ranges or ()),
            "fixed": dict(args.fixed or ()),
            "space_file": None if file is None else read_space_file(file),
            "decisions": dict(args.decisions or ()),
            "time_limit_s": args.time_limit,
            "evaluation_timeout_s": args.evaluation_timeout,
        }
    )
    if name is None:
        asked = replace(asked, name=default_run_name(asked.objective, asked.configured_task().labels.data))
    return asked


#: Settings whose options are not simply values.
_READ_HERE = ("name", "task", "settings", "ranges", "fixed", "space_file", "decisions", "given")


def _listed(defaults: Choices | Decisions) -> str:
    values = (
        (name, str(value).lower() if isinstance(value, bool) else value) for name, value in defaults.to_dict().items()
    )
    return ", ".join(f"{name}={str(value).lower() if value is None else value}" for name, value in values)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidValueError(f"NAME=VALUE is needed, {text!r} came")
    return name.replace("-", "_"), value


def _optimizer(text: str) -> str:
    check_optimizer(text)
    return text


def _range(text: str) -> tuple[str, tuple[float, float]]:
    name, value = _pair(text)
    low, colon, high = value.partition(":")
    try:
        bounds = (float(low), float(high))
    except ValueError:
        bounds = (math.nan, math.nan)
    if not colon or not math.isfinite(bounds[0]) or not math.isfinite(bounds[1]) or bounds[0] >= bounds[1]:
        raise InvalidValueError(f"NAME=LOW:HIGH is needed, two numbers of which LOW is the smaller, {text!r} came")
    return name, bounds


def _run_name(text: str) -> str:
    check_run_name(text)
    return text
