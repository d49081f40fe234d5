"""``das-hpo evaluate``: trials of a preset, or of a run's best configuration."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from das_hpo.commands.campaigns import add_trials, compute, problems
from das_hpo.commands.command import Command
from das_hpo.commands.incumbent import require_computed
from das_hpo.commands.problem import choices, words
from das_hpo.commands.reading import reading
from das_hpo.settings import RETRAIN
from spaces.errors import DatabaseMissingError, RunMissingError
from spaces.hyperparameters import PRESETS, Hyperparameters
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import DATA_FORMATIONS, METHODS, OPERATION_SETS, SEARCH_SPACES
from spaces.trial import OBJECTIVES

if TYPE_CHECKING:
    from das_hpo.campaigns.campaign import CampaignSettings

#: What a preset is evaluated on unless told otherwise.
DEFAULTS = {
    name: next(iter(registry))
    for name, registry in (("space", SEARCH_SPACES), ("operations", OPERATION_SETS), ("data", DATA_FORMATIONS))
}
METHOD = next(iter(METHODS))
EPOCHS = 50.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="PRESET|RUN",
        help="presets (see das-hpo presets), and runs, of which the best configuration is evaluated",
    )
    parser.add_argument(
        "--method",
        metavar="NAME",
        help=f"{words(METHODS)} (default: {METHOD}, or that of the run that is evaluated)",
    )
    parser.add_argument(
        "--objective",
        choices=OBJECTIVES,
        help="which PSNR says which of a run's configurations is the best (default: the run's own)",
    )
    parser.add_argument(
        "--retrain",
        choices=RETRAIN,
        default="always",
        help="always gives both PSNRs of every trial; auto retrains unless --objective is one-shot",
    )
    add_trials(parser, epochs_default="50, or the largest budget of the run that is evaluated")


def execute(args: argparse.Namespace) -> int:
    """Computes what is missing, then prints the numbers."""
    return compute(args, [campaign for name in dict.fromkeys(args.names) for campaign in _campaigns(args, name)])


def _campaigns(args: argparse.Namespace, name: str) -> list[CampaignSettings]:
    """One campaign for each combination of problems."""
    from das_hpo.campaigns.campaign import CampaignSettings

    what = _preset(args, name) if name in PRESETS else _incumbent(args, name)
    method = args.method or what.method
    return [
        CampaignSettings.from_mapping(
            {
                "name": "-".join([name, *problem.values(), *([method] if method != METHOD else [])])[:64],
                "method": method,
                "hyperparameters": what.hyperparameters,
                "label": name,
                "trials": args.trials,
                "budget": what.epochs if args.epochs is None else args.epochs,
                "objective": args.objective or "architecture",
                "retrain": args.retrain,
                "seed": args.seed,
                "choices": what.choices,
                "time_limit_s": args.time_limit,
                "evaluation_timeout_s": args.evaluation_timeout,
                **problem,
            }
        )
        for problem in problems(args, what.problem)
    ]


@dataclass(frozen=True, slots=True)
class _What:
    """A configuration, and where it is evaluated unless told otherwise."""

    hyperparameters: Hyperparameters
    problem: dict[str, str]
    method: str
    epochs: float
    choices: Choices


def _preset(args: argparse.Namespace, name: str) -> _What:
    return _What(PRESETS[name], DEFAULTS, METHOD, EPOCHS, choices(args))


def _incumbent(args: argparse.Namespace, name: str) -> _What:
    """A run's best configuration, on the run's problem.

    Raises:
        RunMissingError: If there is no such run, or it has no result yet.
    """
    from storage import queries

    try:
        with reading(args) as database:
            record = queries.run(database, name)
            best = queries.incumbents(database, name, objective=args.objective)
    except (RunMissingError, DatabaseMissingError) as error:
        raise RunMissingError(f"{name!r} is no preset ({', '.join(PRESETS)}), and {error}") from None
    if not best:
        require_computed(record, args.objective)
        raise RunMissingError(f"the run {name!r} has no result yet whose configuration could be evaluated")
    own = Choices.from_mapping(record.settings.get("choices") or {})
    problem = {key: str(getattr(record, key)) for key in DEFAULTS}
    chosen = choices(args) if args.choices else own
    return _What(best[0].hyperparameters, problem, record.method, best[0].budget, chosen)


COMMAND = Command(
    summary="trials of presets, or of the best configurations of runs",
    description="Repeats the DAS search and the retraining of a configuration with many seeds, on the same workers and "
    "in the same database as runs, and prints the statistics of their PSNRs. What the database has already is not "
    "computed again: the same command goes on where it was interrupted, and one with more trials adds what is missing. "
    "PSNRs without a prefix are of retrained architectures, in dB; duration_s is the mean of a trial.",
    examples=(
        "das-hpo evaluate H1 --trials 10",
        "das-hpo evaluate H1 H2 --operations good all --data blur downsampling",
        "das-hpo evaluate my-run --trials 20",
    ),
    configure=configure,
    execute=execute,
)
