"""``das-hpo baseline``: the paper's baselines, which train architectures without searching them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from das_hpo.analysis.reproduction import paper
from das_hpo.commands.campaigns import add_trials, compute, problems
from das_hpo.commands.command import Command, database, positive
from das_hpo.commands.evaluate import DEFAULTS, EPOCHS
from das_hpo.commands.problem import choices
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS

if TYPE_CHECKING:
    from das_hpo.campaigns.campaign import CampaignSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "names",
        nargs="+",
        choices=paper.BASELINES,
        metavar="NAME",
        help=f"one or several of {', '.join(paper.BASELINES)}",
    )
    parser.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="H1",
        help="whose learning rate, weight decay and warm-up of the weights train the architectures",
    )
    parser.add_argument(
        "--draws",
        type=_draws,
        default=paper.RANDOM_SEARCH_DRAWS,
        metavar="K",
        help="random architectures of each trial of random-search: as many as fit the time of one DAS run; auto is the "
        "number by the trials of das-hpo evaluate and of baseline random in the database (default: 5, by the paper's "
        "clock)",
    )
    add_trials(parser, epochs_default="50")


def execute(args: argparse.Namespace) -> int:
    """Computes what is missing, then prints the numbers."""
    return compute(args, [campaign for name in dict.fromkeys(args.names) for campaign in _campaigns(args, name)])


def _campaigns(args: argparse.Namespace, name: str) -> list[CampaignSettings]:
    from das_hpo.campaigns.campaign import CampaignSettings

    epochs = EPOCHS if args.epochs is None else args.epochs
    return [
        CampaignSettings.from_mapping(
            {
                "name": "-".join([name, *problem.values(), *([args.preset] if args.preset != "H1" else [])])[:64],
                "method": name,
                "hyperparameters": PRESETS[args.preset],
                "label": args.preset,
                "trials": args.trials,
                "budget": epochs,
                "draws": args.draws or _draws_in_the_time_of_das(args, problem, epochs),
                "seed": args.seed,
                "choices": choices(args),
                "time_limit_s": args.time_limit,
                "evaluation_timeout_s": args.evaluation_timeout,
                **problem,
            }
        )
        for problem in problems(args, DEFAULTS)
    ]


def _draws(text: str) -> int | None:
    return None if text == "auto" else positive(text)


def _draws_in_the_time_of_das(args: argparse.Namespace, problem: dict[str, str], epochs: float) -> int:
    """How many random architectures are trained in the median time of a DAS search and retraining.

    Raises:
        InvalidValueError: If the database does not have trials of both.
    """
    from das_hpo.analysis.comparison.lookup import load_campaigns, run_records
    from spaces.errors import DatabaseMissingError

    url = database(args)
    try:
        rows = load_campaigns(url, run_records(url), problem)
    except DatabaseMissingError:
        rows = None
    seconds = {}
    for method, verb in (("das", f"evaluate {args.preset}"), ("random", "baseline random")):
        same = None if rows is None else rows[(rows["method"] == method) & (rows["budget"] == epochs)]
        if same is None or same["duration_s"].notna().sum() == 0:
            options = " ".join(f"--{name} {value}" for name, value in problem.items())
            raise InvalidValueError(
                f"--draws auto needs trials of {method} in the database, and there are none: das-hpo {verb} {options}"
            )
        seconds[method] = float(same["duration_s"].median())
    return max(1, round(seconds["das"] / seconds["random"]))


COMMAND = Command(
    summary="trials of the paper's baselines: one operation everywhere, random architectures, random search",
    description="Trains architectures that were not searched, with many seeds: learnable-gradient-only and net-only "
    "have one operation everywhere, random draws the architecture of each trial, and a trial of random-search is the "
    "best of K of them. Trial r has the seed of trial r of das-hpo evaluate, so that both pair up. What the "
    "database has already is not computed again. PSNRs are in dB; duration_s is the mean of one training.",
    examples=(
        "das-hpo baseline random --trials 20 --operations all",
        "das-hpo baseline learnable-gradient-only net-only --data blur downsampling",
        "das-hpo baseline random-search --draws 5",
    ),
    configure=configure,
    execute=execute,
)
