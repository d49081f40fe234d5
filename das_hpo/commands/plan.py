"""``das-hpo plan``: how many trials are needed to find a difference, or to show that there is none that matters."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import Command, add_database, add_format, checked, database, print_table
from das_hpo.commands.compare import add_level, add_margin, add_problem_filter, problem_filter
from das_hpo.commands.problem import task_of
from das_hpo.declaration import Number, Whole
from das_hpo.output import Table
from spaces.errors import InvalidValueError
from spaces.task import Metric

if TYPE_CHECKING:
    from das_hpo.analysis.statistics.planning import Pilot, Question

COLUMNS = ("question", "difference", "margin", "seeds", "power", "trials", "until_decided", "undecided")

#: What ``--power`` is without the option.
POWERS = (0.8, 0.9)

#: Trials of each at most, with ``evaluate --until-decided``, unless told otherwise.
MAX_TRIALS = 300


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a pilot: a run, a campaign or a preset that has trials, or two of them, whose seeds then make pairs; "
        "their own difference is taken out",
    )
    group = parser.add_argument_group("instead of a pilot: normal trials")
    group.add_argument(
        "--sd",
        type=checked(Number(0).read),
        metavar="S",
        help="standard deviation of the trials (default: that of the pilots)",
    )
    group.add_argument(
        "--diverged",
        type=checked(Number(least=0, most=0.95).read),
        metavar="P",
        help="share that diverges (default: 0)",
    )
    group.add_argument(
        "--correlation",
        type=checked(Number(least=-0.99, most=0.99).read),
        metavar="R",
        help="correlation of trials of equal seed (default: none, trials of different seeds)",
    )
    asked = parser.add_argument_group("what is to be found")
    asked.add_argument(
        "--difference",
        type=checked(Number(0).read),
        metavar="D",
        help="a difference that is to be found, in the metric's unit (default: the margin)",
    )
    add_margin(asked)
    asked.add_argument(
        "--power",
        type=checked(Number(least=0.05, most=0.99).read),
        action="append",
        metavar="P",
        help="how often it is to be found; may be repeated (default: 0.8 and 0.9)",
    )
    add_level(asked)
    asked.add_argument(
        "--max-trials",
        type=checked(Whole(12, 2000).read),
        default=MAX_TRIALS,
        metavar="N",
        help="trials of each at most with das-hpo evaluate --until-decided",
    )
    add_problem_filter(parser)
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints a row for each question, seeds and power."""
    _check(args)
    pilot, metric = _pilot(args)
    questions = _questions(args, metric)
    print_table(Table.of(list(_rows(args, pilot, questions)), COLUMNS), args)
    return 0


def _check(args: argparse.Namespace) -> None:
    if bool(args.names) == (args.sd is not None):
        raise InvalidValueError("name a pilot of one or two runs, campaigns or presets, or give --sd: one of them")
    if len(args.names) > 2 or len(set(args.names)) < len(args.names):
        raise InvalidValueError(f"a pilot is one name or two different ones, got {', '.join(args.names)}")
    if args.names and (args.diverged is not None or args.correlation is not None):
        raise InvalidValueError("--diverged and --correlation belong to --sd: a pilot has its own")


def _pilot(args: argparse.Namespace) -> tuple[Pilot, Metric]:
    """What trials are drawn from, and the metric of their scores."""
    from das_hpo.analysis.comparison.lookup import load_subjects
    from das_hpo.analysis.statistics.planning import Pilot
    from das_hpo.analysis.statistics.samples import as_values
    from das_hpo.analysis.statistics.significance import pair_by_seed

    if args.sd is not None:
        return Pilot.normal(args.sd, args.diverged or 0.0, args.correlation), task_of(args).metric
    subjects = load_subjects(database(args), args.names, problem_filter(args), level=args.level, task=task_of(args))
    metrics = {str(subject.metric) for subject in subjects}
    if len(metrics) > 1:
        raise InvalidValueError(f"a pilot is of one task, got scores of {' and '.join(sorted(metrics))}")
    metric = subjects[0].metric
    values = [as_values(subject.sample.values) * (1 if metric.larger_is_better else -1) for subject in subjects]
    if len(subjects) == 1:
        return Pilot.of(values[0]), metric
    places = pair_by_seed(subjects[0].sample, subjects[1].sample)
    if places[0]:
        return Pilot.of(values[0][places[0]], values[1][places[1]], paired=True), metric
    return Pilot.of(*values), metric


def _questions(args: argparse.Namespace, metric: Metric) -> list[Question]:
    from das_hpo.analysis.comparison.orientation import default_margin
    from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER
    from das_hpo.analysis.statistics.planning import Question

    margin = default_margin(metric) if args.margin is None else args.margin
    difference = args.difference or margin
    if difference <= 0:
        raise InvalidValueError(
            f"say what is to be found, in the unit of the {metric.name}: --difference takes a difference, --margin one "
            "that is of no consequence"
        )
    found = [Question(difference, margin, BETTER)]
    return found + ([Question(0.0, margin, AS_GOOD)] if margin > 0 else [])


def _rows(args: argparse.Namespace, pilot: Pilot, questions: list[Question]) -> Iterator[dict[str, Any]]:
    from das_hpo.analysis.statistics.planning import power_curve, until_decided
    from das_hpo.deciding import FIRST_LOOK, LEAST_STEP, next_look

    looks = [FIRST_LOOK]
    while looks[-1] < args.max_trials:
        looks.append(min(next_look(looks[-1], LEAST_STEP), args.max_trials))
    powers = sorted(set(args.power or POWERS))
    for question in questions:
        for paired in (True, False) if pilot.paired else (False,):
            curve = power_curve(pilot, question, powers, paired=paired, level=args.level)
            stopped = until_decided(pilot, question, looks, paired=paired, level=args.level)
            for power in powers:
                yield {
                    "question": question.verdict,
                    "difference": question.difference,
                    "margin": question.margin,
                    "seeds": "the same" if paired else "different",
                    "power": power,
                    "trials": curve.needed(power),
                    "until_decided": round(stopped.trials, 1),
                    "undecided": stopped.undecided,
                }


COMMAND = Command(
    summary="how many trials are needed to find a difference, or to show that none matters",
    description="Draws trials from a pilot, or normal ones, adds the difference that is to be found to one of two "
    "samples, and counts how often das-hpo compare would give the right verdict: better at that difference, and as "
    "good (within the margin) where there is none. trials are those of each of the two, fixed before, that are right "
    "with the power; a dash is more than 1,800. until_decided is the mean number of trials of each with das-hpo "
    "evaluate --until-decided, and undecided how often that ends at --max-trials without a verdict. Seeds are the same "
    "where trials of equal seed are taken in pairs, as those of two presets are. A pilot of few trials tells little of "
    "how they spread, and so does the plan that is made of it.",
    examples=(
        "das-hpo plan H1 --margin 0.25",
        "das-hpo plan H1 H2 --difference 0.5",
        "das-hpo plan --sd 1 --diverged 0.05 --difference 0.5 --power 0.9",
    ),
    configure=configure,
    execute=execute,
)
