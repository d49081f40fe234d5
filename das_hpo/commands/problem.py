"""Options that say what is optimised, and the settings of the run that they mean."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from das_hpo.commands.options import Group, add_setting, given
from das_hpo.declaration import listed
from das_hpo.names import default_run_name
from das_hpo.settings import RunSettings
from das_hpo.task_options import TASK_OPTIONS
from spaces.inverse_1d.choices import Choices
from spaces.task_registry import DEFAULT_TASK, load_task

if TYPE_CHECKING:
    from spaces.task import Task

#: The options of a run in the groups of the help; :func:`add_problem` adds those of the problem.
OPTIMISATION = (
    *("objective", "optimizer", "iterations", "min_budget", "max_budget", "eta", "retrain", "repeats", "aggregate"),
    *("seed", "decisions", "given", "name", "group"),
)
HYPERPARAMETERS = ("ranges", "fixed", "space_file")
LIMITS = ("time_limit_s", "evaluation_timeout_s", "parallel")


def add_run_settings(parser: argparse.ArgumentParser) -> None:
    """Adds every setting of a run; :func:`settings` reads them."""
    _add_group(parser, "the optimisation", OPTIMISATION)
    add_problem(parser)
    _add_group(parser, "the hyperparameters", HYPERPARAMETERS)
    _add_group(parser, "limits", LIMITS)


def _add_group(parser: argparse.ArgumentParser, title: str, names: Sequence[str]) -> None:
    group = parser.add_argument_group(title)
    for name in names:
        add_setting(group, RunSettings, name)


def add_problem(parser: argparse.ArgumentParser) -> None:
    """Adds what is searched and on which data."""
    group = parser.add_argument_group("the problem")
    add_task(group)
    for name, option in TASK_OPTIONS.items():
        text = f"{option.words}: {option.meaning}; a setting of inverse-1d (default: {option.default})"
        group.add_argument(f"--{name}", metavar="NAME", help=text)
    add_task_settings(group)


def add_task(group: Group, default: str = DEFAULT_TASK) -> None:
    """Adds ``--task``; :func:`task_of` reads it."""
    add_setting(group, RunSettings, "task", default_in_words=default)


def add_task_settings(group: Group) -> None:
    """Adds ``--set``; :func:`task_settings` reads it."""
    add_setting(
        group,
        RunSettings,
        "settings",
        help="a setting of the task; may be repeated; of inverse-1d, what the paper leaves open, with the defaults "
        f"{listed(Choices().to_dict())}",
    )


def task_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The task's settings that were given, by ``--set`` and by those options of their own that take one value."""
    named = {name: getattr(args, name, None) for name in TASK_OPTIONS}
    return {**{name: value for name, value in named.items() if isinstance(value, str)}, **dict(args.settings or ())}


def task_of(args: argparse.Namespace, settings: Mapping[str, Any] | None = None) -> Task:
    """The task of ``--task`` with those settings.

    Raises:
        UsageError: If it cannot be loaded, or refuses the settings.
    """
    return load_task(args.task or DEFAULT_TASK).configured(settings or {})


def settings(args: argparse.Namespace, url: str) -> RunSettings:
    """The settings of the run that the options mean; without ``--name`` the run gets one of its own.

    Args:
        args: The options of :func:`add_run_settings`.
        url: The database that has the older runs that ``--init`` names.

    Raises:
        UsageError: If they are not valid together.
    """
    own = task_settings(args)
    values = {**given(args, RunSettings), "settings": own}
    first = values.pop("given", ())
    asked = RunSettings.from_mapping({"name": "unnamed", **values})
    if "name" not in values:
        asked = replace(asked, name=default_run_name(asked.objective, asked.configured_task().labels.data))
    if first:
        from das_hpo.optimisers.given import with_given

        asked = with_given(asked, first, url)
    return asked
