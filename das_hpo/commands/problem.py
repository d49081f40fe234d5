"""Options that say what is optimised: every setting of a run, with the defaults of RunSettings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from das_hpo.commands.command import add_duration, checked, natural, number, positive
from das_hpo.decisions import Decisions
from das_hpo.optimizer_registry import OPTIMIZERS, check_optimizer
from das_hpo.settings import AGGREGATES, RETRAIN, RunSettings, check_run_name
from spaces.errors import InvalidValueError
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import DATA_FORMATIONS, METHODS, OPERATION_SETS, SEARCH_SPACES
from spaces.trial import OBJECTIVES

_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(RunSettings)}


def add_problem(parser: argparse.ArgumentParser) -> None:
    """Adds what is searched and on which data; :func:`settings` reads it."""
    group = parser.add_argument_group("the problem")
    group.add_argument(
        "--space",
        metavar="NAME",
        default=_DEFAULTS["space"],
        help=f"{words(SEARCH_SPACES)}: the architectures: sequential has 10 layers, cell has 2 cells of 15 edges",
    )
    group.add_argument(
        "--operations",
        metavar="NAME",
        default=_DEFAULTS["operations"],
        help=f"{words(OPERATION_SETS)}: "
        "what a layer or edge chooses from: good is learnable-gradient and net, all adds roll and noise",
    )
    group.add_argument(
        "--data",
        metavar="NAME",
        default=_DEFAULTS["data"],
        help=f"{words(DATA_FORMATIONS)}: the data formation, blur, or blur and every 4th sample",
    )
    group.add_argument(
        "--method",
        metavar="NAME",
        default=_DEFAULTS["method"],
        help=f"{words(METHODS)}: "
        "das, or das-single, which learns alpha alone on pre-trained networks and tunes its 5 hyperparameters",
    )
    add_choices(group)


def words(registry: Mapping[str, object]) -> str:
    """The names of a registry, for the help of an option; a plug-in may add others."""
    return f"{', '.join(registry)}, or that of a --plugin"


def add_choices(group: argparse._ArgumentGroup) -> None:
    """Adds ``--set``; :func:`choices` reads it."""
    group.add_argument(
        "--set",
        dest="choices",
        action="append",
        type=checked(_pair),
        metavar="NAME=VALUE",
        help=f"a choice that the paper leaves open; may be repeated; names with their defaults: {_listed(Choices())}",
    )


def choices(args: argparse.Namespace) -> Choices:
    """What ``--set`` was given, over the defaults.

    Raises:
        UsageError: For an unknown choice, or a value that is not valid.
    """
    return Choices.from_mapping(dict(args.choices or ()))


def add_optimisation(parser: argparse.ArgumentParser) -> None:
    """Adds how it is optimised; :func:`settings` reads it."""
    group = parser.add_argument_group("the optimisation")
    group.add_argument(
        "--objective",
        choices=OBJECTIVES,
        required=True,
        help="the validation PSNR in dB that is maximised: one-shot, of the relaxed network at the end of the search, "
        "or architecture, of the discrete network retrained from scratch",
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
        help="auto retrains for the objective architecture alone; always gives both PSNRs, so that the run can be read "
        "under both objectives",
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
        help="of the repeats' PSNRs: mean or median for the average case, max for the best case",
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


def settings(args: argparse.Namespace, name: str) -> RunSettings:
    """The settings that the options of this module give.

    Raises:
        UsageError: If they are not valid together.
    """
    values = {
        field.name: getattr(args, field.name)
        for field in fields(RunSettings)
        if hasattr(args, field.name) and field.name not in ("choices", "decisions", "given", "name")
    }
    return RunSettings.from_mapping(
        {
            **values,
            "name": name,
            "choices": dict(args.choices or ()),
            "decisions": dict(args.decisions or ()),
            "time_limit_s": args.time_limit,
            "evaluation_timeout_s": args.evaluation_timeout,
        }
    )


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


def _run_name(text: str) -> str:
    check_run_name(text)
    return text
