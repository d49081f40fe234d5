"""``das-hpo baseline``: the paper's baselines, which train architectures without searching them."""

from __future__ import annotations

import argparse

from das_hpo.analysis.reproduction import paper
from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.commands.campaigns import add_trials, campaign_name, compute, problems
from das_hpo.commands.command import Command, database, positive
from das_hpo.commands.evaluate import EPOCHS
from das_hpo.commands.options import add_setting, given
from das_hpo.commands.problem import task_of
from spaces.errors import InvalidValueError, UnknownNameError
from spaces.task import Task
from spaces.task_registry import fingerprint

#: What ``--draws`` takes beside a number.
AUTO = "auto"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help=f"one or several of {', '.join(paper.BASELINES)}, or of the task's own",
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="whose learning rate, weight decay and warm-up of the weights train the architectures (default: the "
        "task's first preset, of inverse-1d H1)",
    )
    add_setting(parser, CampaignSettings, "draws", read=_draws)
    add_trials(parser, epochs_default="50")


def execute(args: argparse.Namespace) -> int:
    """Computes what is missing, then prints the numbers."""
    return compute(args, [campaign for name in dict.fromkeys(args.names) for campaign in _campaigns(args, name)])


def _campaigns(args: argparse.Namespace, name: str) -> list[CampaignSettings]:
    asked = given(args, CampaignSettings)
    by_the_clock = asked.get("draws") == AUTO
    base = task_of(args, dict(args.settings or ()))
    preset: str = args.preset or next(iter(base.presets), "")
    if preset not in base.presets:
        raise UnknownNameError(f"preset of {base.name}", preset, base.presets)
    first = preset == next(iter(base.presets))
    found = []
    for settings in problems(args, base.settings):
        task = base.configured(settings)
        found.append(
            CampaignSettings.from_mapping(
                {
                    **asked,
                    **({"draws": _draws_in_the_time_of_das(args, task, preset)} if by_the_clock else {}),
                    "name": campaign_name(name, task, "" if first else preset),
                    "kind": name,
                    "settings": task.settings,
                    "hyperparameters": task.presets[preset],
                    "label": preset,
                }
            )
        )
    return found


def _draws(text: str) -> int | str:
    return AUTO if text == AUTO else positive(text)


def _draws_in_the_time_of_das(args: argparse.Namespace, task: Task, preset: str) -> int:
    """How many random architectures are trained in the median time of a DAS search and retraining.

    Raises:
        InvalidValueError: If the database does not have trials of both.
    """
    from das_hpo.analysis.comparison.agreement import SETTING, agreeing, options
    from das_hpo.analysis.comparison.lookup import load_campaigns, run_records
    from das_hpo.analysis.comparison.rows import matching
    from spaces.errors import DatabaseMissingError

    url = database(args)
    labels = task.labels.to_dict()
    searching = labels.pop("method")
    choices = {f"{SETTING}{name}": value for name, value in task.settings.items() if name not in (*labels, "method")}
    settings = {**labels, "budget": args.budget or EPOCHS, **choices}
    try:
        records = run_records(url)
        same_code = {name: one for name, one in records.items() if one.fingerprint in (None, fingerprint(task))}
        rows = load_campaigns(url, same_code, {**labels, "task": task.name})
        rows = agreeing(matching(rows, task.presets[preset]), settings)
    except DatabaseMissingError:
        rows = None
    seconds = {}
    for method, verb in ((searching, f"evaluate {preset}"), ("random", f"baseline random --preset {preset}")):
        same = None if rows is None else rows[rows["method"] == method]
        if same is None or same["duration_s"].notna().sum() == 0:
            raise InvalidValueError(
                f"--draws auto needs trials of {method} with these settings in the database, and there are none: "
                f"das-hpo {verb} {options(settings)}"
            )
        seconds[method] = float(same["duration_s"].median())
    return max(1, round(seconds[searching] / seconds["random"]))


COMMAND = Command(
    summary="trials of the paper's baselines: one operation everywhere, random architectures, random search",
    description="Trains architectures that were not searched, with many seeds: learnable-gradient-only and net-only "
    "have one operation everywhere, random draws the architecture of each trial, and a trial of random-search is the "
    "best of K of them. Trial r has the seed of trial r of das-hpo evaluate, so that both pair up. What the "
    "database has already is not computed again. duration_s is the mean of one training.",
    examples=(
        "das-hpo baseline random --trials 20 --operations all",
        "das-hpo baseline learnable-gradient-only net-only --data blur downsampling",
        "das-hpo baseline random-search --draws 5",
    ),
    configure=configure,
    execute=execute,
)
