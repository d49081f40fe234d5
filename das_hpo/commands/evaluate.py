"""``das-hpo evaluate``: trials of a preset, or of a run's best configuration."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.commands.campaigns import add_trials, campaign_name, compute, problems, under_their_names
from das_hpo.commands.command import Command
from das_hpo.commands.command import database as database_of
from das_hpo.commands.deciding import add_deciding, asked_to_decide, decide, to_decide
from das_hpo.commands.incumbent import require_computed
from das_hpo.commands.options import add_setting, given
from das_hpo.commands.reading import reading
from das_hpo.declaration import declarations
from das_hpo.task_options import TASK_OPTIONS
from spaces.errors import DatabaseMissingError, InvalidValueError, RunMissingError
from spaces.identity import ConfigurationId
from spaces.task import Task
from spaces.task_registry import DEFAULT_TASK, load_task
from spaces.texts import suggestion

METHOD = TASK_OPTIONS["method"].default

#: Of trials that are given no budget.
EPOCHS: float = declarations(CampaignSettings)["budget"].default


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="PRESET|RUN|GROUP",
        help="presets (see das-hpo presets), and runs, of which the best configuration is evaluated; of a group, that "
        "of each run",
    )
    parser.add_argument(
        "--method",
        metavar="NAME",
        help=f"{TASK_OPTIONS['method'].words} (default: {METHOD}, or that of the run that is evaluated)",
    )
    add_setting(parser, CampaignSettings, "objective")
    add_setting(parser, CampaignSettings, "retrain")
    parser.add_argument(
        "--trajectory",
        action="store_true",
        help="evaluate every incumbent that a run ever had, not only the last: for das-hpo compare at equal cost and "
        "its --curves; all at the run's largest budget, so that they differ in nothing but their cost",
    )
    add_trials(parser, epochs_default="50, or the largest budget of the run that is evaluated")
    add_deciding(parser)


def execute(args: argparse.Namespace) -> int:
    """Computes what is missing, then prints the numbers, or what is decided."""
    wanted = asked_campaigns(args)
    if args.until_decided:
        return decide(args, under_their_names(args, database_of(args), wanted))
    return compute(args, wanted)


def asked_campaigns(args: argparse.Namespace) -> list[CampaignSettings]:
    """The campaigns that the options ask for, each name once."""
    deciding = asked_to_decide(args)
    names = _runs_and_presets(args)
    if deciding and names != list(dict.fromkeys(args.names)):
        raise InvalidValueError(
            "--until-decided compares presets and the incumbents of runs, and a group is several runs: name the runs "
            f"({', '.join(names)})"
        )
    found = [campaign for name in names for campaign in _campaigns(args, name)]
    return to_decide(found) if deciding else found


def _runs_and_presets(args: argparse.Namespace) -> list[str]:
    """What is named, each once, with the runs of a group in its place."""
    from storage.groups import groups

    presets = load_task(args.task or DEFAULT_TASK).presets
    members: dict[str, list[str]] = {}
    if not all(name in presets for name in args.names):
        with suppress(DatabaseMissingError), reading(args) as database:
            members = groups(database)
    named = [run for name in args.names for run in (members.get(name, [name]) if name not in presets else [name])]
    return list(dict.fromkeys(named))


def _campaigns(args: argparse.Namespace, name: str) -> list[CampaignSettings]:
    """One campaign for each combination of problems."""
    task = load_task(args.task or DEFAULT_TASK)
    if name in task.presets:
        meant = [_preset(args, name, task)]
    else:
        last = _incumbent(args, name, task)
        meant = [*_earlier(args, name, last), last] if args.trajectory else [last]
    return [campaign for what in meant for campaign in _campaigns_of(args, name, what)]


def _campaigns_of(args: argparse.Namespace, name: str, what: _What) -> list[CampaignSettings]:
    """A configuration's campaign for each combination of problems."""
    settings = {**what.settings, **dict(args.settings or ()), **({"method": args.method} if args.method else {})}
    found = []
    for problem in problems(args, settings):
        configured = load_task(what.task).configured(problem)
        method = configured.labels.method if configured.name == DEFAULT_TASK else ""
        suffix = "-".join(word for word in ("" if method == METHOD else method, what.at) if word)
        found.append(
            CampaignSettings.from_mapping(
                {
                    "budget": what.epochs,
                    **given(args, CampaignSettings),
                    "name": campaign_name(name, configured, suffix),
                    "task": what.task,
                    "settings": configured.settings,
                    "hyperparameters": configured.completed(what.hyperparameters),
                    "label": name,
                }
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class _What:
    """A configuration, and where it is evaluated unless told otherwise; ``at`` tells it from the run's incumbent."""

    task: str
    hyperparameters: Mapping[str, Any]
    settings: Mapping[str, Any]
    epochs: float
    at: str = ""


def _preset(args: argparse.Namespace, name: str, task: Task) -> _What:
    return _What(args.task or DEFAULT_TASK, task.presets[name], {}, EPOCHS)


def _incumbent(args: argparse.Namespace, name: str, task: Task) -> _What:
    """A run's best configuration, on the run's problem.

    Raises:
        RunMissingError: If there is no such run, or it has no result yet.
        UsageError: If it is a run of another task than the one asked for.
    """
    from das_hpo.settings import with_task_settings
    from storage import queries

    try:
        with reading(args) as database:
            record = queries.run(database, name)
            best = queries.incumbents(database, name, objective=args.objective)
    except (RunMissingError, DatabaseMissingError) as error:
        presets = ", ".join(task.presets) or "it has none"
        raise RunMissingError(
            f"{name!r} is no preset of {task.name} ({presets}){suggestion(name, task.presets)}, and {error}"
        ) from None
    if not best:
        require_computed(record, args.objective)
        raise RunMissingError(f"the run {name!r} has no result yet whose configuration could be evaluated")
    door = str(with_task_settings(record.settings).get("task", DEFAULT_TASK))
    if args.task is not None and task.name != record.task:
        raise InvalidValueError(f"the run {name!r} is of the task {record.task}, not of {task.name}: leave out --task")
    return _What(args.task or door, best[0].hyperparameters, record.task_settings, best[0].budget)


def _earlier(args: argparse.Namespace, name: str, last: _What) -> list[_What]:
    """The incumbents that a run had before the last, each once, to be evaluated as that one is."""
    from das_hpo.analysis.comparison.trajectory import trajectory
    from storage import queries
    from storage.frames import load_results

    with reading(args) as database:
        record = queries.run(database, name)
        points = {
            ConfigurationId(row.iteration, row.stage, row.number): row.hyperparameters
            for row in queries.results(database, name)
        }
    frame = load_results(database_of(args), name)
    how = str(record.settings.get("aggregate", "mean"))
    steps = trajectory(frame, args.objective or record.objective, how, record.metric.larger_is_better)
    before = dict.fromkeys(step.configuration for step in steps if step.configuration != steps[-1].configuration)
    return [replace(last, hyperparameters=points[each], at=str(each)) for each in before]


COMMAND = Command(
    summary="trials of presets, or of the best configurations of runs and of groups of runs",
    description="Repeats the DAS search and the retraining of a configuration with many seeds, on the same workers and "
    "in the same database as runs, and prints the statistics of their scores. What the database has already is not "
    "computed again: the same command goes on where it was interrupted, and one with more trials adds what is missing. "
    "Scores without a prefix are of retrained architectures; duration_s is the mean of a trial.",
    examples=(
        "das-hpo evaluate H1 --trials 10",
        "das-hpo evaluate H1 H2 --operations good all --data blur downsampling",
        "das-hpo evaluate my-run my-group --trials 20",
        "das-hpo evaluate my-group --trajectory --trials 20",
    ),
    configure=configure,
    execute=execute,
)
