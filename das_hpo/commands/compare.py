"""``das-hpo compare``: statistics of runs, campaigns and presets side by side, with a verdict in words."""

from __future__ import annotations

import argparse
import math
import sys
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from das_hpo.commands.command import Command, add_database, add_format, database, number, print_table
from das_hpo.commands.comparison_records import comparison_record, equal_cost_records, in_json, subject_record, unknown
from das_hpo.commands.curves import add_curves, check_curves, write_curves
from das_hpo.commands.options import Group
from das_hpo.commands.problem import add_task, add_task_settings, task_of
from das_hpo.output import Table, as_json, as_text
from das_hpo.task_options import TASK_OPTIONS
from spaces.errors import InvalidValueError
from spaces.task import Metric, Task

if TYPE_CHECKING:
    from das_hpo.analysis.comparison.compare import SideBySide
    from das_hpo.analysis.comparison.subjects import Subject
    from das_hpo.analysis.statistics import Comparison, Interval

#: Characters of a line of the verdict.
WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="a run, a group of runs, a campaign or a preset (das-hpo runs, presets); NAME=RUN,RUN,RUN makes a "
        "group of runs that differ in nothing but their seeds",
    )
    add_problem_filter(parser)
    add_level(parser)
    add_margin(parser)
    add_curves(parser)
    add_database(parser)
    add_format(parser)


def add_problem_filter(parser: argparse.ArgumentParser) -> None:
    """Adds options that say which trials of a preset are meant; read them with :func:`problem_filter`."""
    group = parser.add_argument_group(
        "which trials of a preset are meant (default: those that agree with the runs named, or all, which must agree)"
    )
    add_task(group)
    for name in TASK_OPTIONS:  # any text is taken: the database may have trials of a plug-in's parts
        group.add_argument(f"--{name}", metavar="NAME", help=f"by {name} (default: that of the runs named, or any)")
    group.add_argument(
        "--epochs", type=number, help="by budget (default: the largest of the runs named, or any)", metavar="EPOCHS"
    )
    add_task_settings(group)


def problem_filter(args: argparse.Namespace) -> dict[str, Any]:
    """What :func:`add_problem_filter` was given, as values of the columns of campaigns' rows."""
    labels = {name: getattr(args, name) for name in TASK_OPTIONS if getattr(args, name) is not None}
    given = dict(args.settings or ())
    return trials_meant(task_of(args, given), {**labels, **given}, args.epochs)


def trials_meant(task: Task, settings: Mapping[str, Any], epochs: float | None) -> dict[str, Any]:
    """Which trials of a preset are meant, as values of the columns of campaigns' rows.

    Args:
        task: Whose preset it is.
        settings: Some of the task's settings, and labels of its trials, which may be of a plug-in that is not here.
        epochs: The budget; None for any.

    Raises:
        UsageError: For a setting that the task does not have, or a value that it refuses.
    """
    from das_hpo.analysis.comparison.agreement import SETTING

    meant = {name: value for name, value in settings.items() if name in TASK_OPTIONS}
    given = {name: value for name, value in settings.items() if name not in TASK_OPTIONS}
    read = task.configured(given).settings
    budget = {} if epochs is None else {"budget": epochs}
    return meant | budget | {f"{SETTING}{name}": read[name] for name in given}


def add_level(parser: Group) -> None:
    """Adds ``--level``."""
    parser.add_argument(
        "--level",
        type=_level,
        default=0.95,
        metavar="P",
        help="confidence level of intervals and tests, between 0 and 1",
    )


def add_margin(parser: Group) -> None:
    """Adds ``--margin``."""
    parser.add_argument(
        "--margin",
        type=_margin,
        metavar="M",
        help="differences smaller than this are of no consequence, in the metric's unit: within it, the verdict is 'as "
        "good'; 0 for no margin (default: 0.25 for dB, none for other metrics)",
    )


def _margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"a number from 0 on is needed, in the metric's unit, got {text!r}")
    return value


def _level(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"a number between 0 and 1 is needed, such as 0.95, got {text!r}")
    return value


def execute(args: argparse.Namespace) -> int:
    """Prints subjects, tests and verdict; as CSV the subjects alone, which a spreadsheet can take."""
    from das_hpo.analysis.comparison.compare import compare_subjects
    from das_hpo.analysis.comparison.lookup import load_subjects

    repeated = sorted({name for name in args.names if args.names.count(name) > 1})
    if repeated:
        raise InvalidValueError(f"each name may be given once, got {', '.join(repeated)} again")
    check_curves(args)
    report = compare_subjects(
        load_subjects(database(args), args.names, problem_filter(args), level=args.level, task=task_of(args)),
        level=args.level,
        margin=args.margin,
    )
    write_curves(args, report.subjects)
    print_comparison(report, args)
    return 0


def print_comparison(report: SideBySide, args: argparse.Namespace) -> None:
    """Prints a comparison in the format that was asked for; as CSV the subjects alone."""
    from das_hpo.analysis.comparison.verdicts import verdicts

    said = verdicts(report)
    if args.format == "json":
        sys.stdout.write(
            as_json(
                {
                    "subjects": [in_json(subject_record(subject)) for subject in report.subjects],
                    "comparisons": [
                        in_json(comparison_record(comparison, report)) for comparison in report.comparisons
                    ],
                    "equal_cost": equal_cost_records(report),
                    "level": report.level,
                    "margin": report.margin,
                    "verdict": said,
                }
            )
        )
    elif args.format == "csv":
        records = [subject_record(subject) for subject in report.subjects]
        print_table(Table.of(records, tuple(records[0])), args)
    else:
        sys.stdout.write("\n".join(sections(report, said)))


def sections(report: SideBySide, said: list[str]) -> list[str]:
    """The comparison for people: the verdict, then the tests, then one column a subject."""
    paragraphs = [textwrap.fill(f"- {text}", WIDTH, subsequent_indent="  ", break_on_hyphens=False) for text in said]
    blocks = ["verdict\n" + "\n".join(paragraphs) + "\n"]
    records = [reading_record(subject) for subject in report.subjects]
    columns = ("", *(subject.name for subject in report.subjects))
    if report.comparisons:
        rows = [test_row(comparison, report) for comparison in report.comparisons]
        blocks.append(as_text(Table.of(rows, tuple(rows[0]))))
    blocks.append(as_text(Table(columns, tuple((name, *(record[name] for record in records)) for name in records[0]))))
    return blocks


def reading_record(subject: Subject) -> dict[str, Any]:
    """One subject for people: few lines, numbers with their intervals."""
    from das_hpo.output import decibels

    summary, cost, metric = subject.summary, subject.cost, subject.metric
    unit = f" ({metric.unit})" if metric.unit else ""
    form = metric.digits
    record: dict[str, Any] = {
        "kind": kind_of(subject),
        "objective": subject.objective,
        "problem": f"{subject.problem}, {subject.method}",
    }
    for objective in ("one-shot", "architecture"):
        best = next((best for best in subject.best if best.objective == objective), None)
        record[f"best by {objective}"] = best and (f"{best.configuration} of {best.rivals} at {best.budget:g} epochs")
        again = " " * (objective == "architecture")  # each name once
        record[f"  its one-shot {metric.name}{again}"] = best and metric.text(best.one_shot_score)
        record[f"  its architecture {metric.name}{again}"] = best and metric.text(best.architecture_score)
    return record | {
        "evaluations": f"{cost.evaluations}" + (f", {cost.failed} failed" if cost.failed else ""),
        "epochs": cost.epochs,
        "workers' time (s)": cost.worker_s,
        "wall time (s)": unknown(cost.wall_s),
        "the tests use": used(subject),
        "diverged": summary.diverged,
        f"maximum{unit}": metric.text(summary.maximum),
        f"mean{unit}": with_interval(metric.text(summary.mean), summary.mean_interval, form),
        f"median{unit}": with_interval(quantile_text(summary.median, metric), summary.median_interval, form),
        f"quartiles{unit}": " to ".join(
            quantile_text(end, metric) for end in (summary.lower_quartile, summary.upper_quartile)
        ),
        f"SD{unit}": metric.text(summary.standard_deviation),
        "Pearson's r": with_interval(decibels(subject.correlation.coefficient), subject.correlation.interval),
        "Spearman's": with_interval(decibels(subject.rank_correlation.coefficient), subject.rank_correlation.interval),
    }


def kind_of(subject: Subject) -> str:
    """What a subject is, with its optimiser."""
    if subject.members:
        return f"group of {len(subject.members)} runs, {subject.optimizer}"
    return subject.kind + (f", {subject.optimizer}" if subject.kind == "run" else "")


def used(subject: Subject) -> str:
    """What is tested of a subject, whose statistics follow; of what is not tested, what it is."""
    from das_hpo.analysis.comparison.subjects import EVALUATIONS

    if subject.source == EVALUATIONS:
        return "nothing yet" if subject.members else f"nothing yet; {subject.summary.trials} {subject.source}"
    return f"{subject.summary.trials} {subject.source}"


def quantile_text(value: float, metric: Metric) -> str:
    """A median or quartile for people, which may lie at trials that diverged."""
    return "diverged" if math.isinf(value) else metric.text(value)


def with_interval(number: str, interval: Interval, form: str = ".2f", excluded: float | None = None) -> str:
    """A number and its interval in a table; the number alone where there is none."""
    from das_hpo.analysis.comparison.phrases import bounds

    return number if number in ("-", "diverged") else f"{number} {bounds(interval, form, excluded)}"


def test_row(comparison: Comparison, report: SideBySide) -> dict[str, Any]:
    """One test as a row of the table for people."""
    from das_hpo.analysis.comparison.orientation import decided
    from das_hpo.analysis.comparison.phrases import difference_cell
    from das_hpo.output import decibels

    metric = report.subjects[0].metric
    unit = f" ({metric.unit})" if metric.unit else ""
    return {
        "A": comparison.first,
        "B": comparison.second,
        "A is": decided(comparison, metric, report.margin).verdict,
        "test": comparison.test + (f" ({comparison.pairs} pairs)" if comparison.pairs else ""),
        "p (Holm)": unknown(comparison.p_holm),
        "P(A better)": with_interval(decibels(comparison.improvement), comparison.improvement_interval, excluded=0.5),
        f"typical A - B{unit}": difference_cell(comparison, metric),
    }


COMMAND = Command(
    summary="statistics of runs, groups of runs, campaigns or presets side by side, with a verdict in words",
    description="Compares runs, groups of runs, campaigns (das-hpo evaluate, das-hpo baseline) and the trials of "
    "presets: the best configuration under each objective with both scores, cost in evaluations, epochs "
    "and seconds, the signed correlation of one-shot and architecture score, tests between the trials "
    "(Brunner-Munzel, in pairs where they share ten seeds; between groups a t test over their runs; "
    "Holm) and what the data support. A run takes part with the trials of its incumbent; without them "
    "nothing is decided of it, as an incumbent is the luckiest of many evaluations: das-hpo evaluate "
    "makes them. Of a group, each run counts once, by its incumbent's trials. The trials of presets "
    "must agree in problem, method, epochs and --set: else it says what differs, and compares nothing. "
    "Runs and campaigns that are named are compared as they are, and the verdict says what differs. A "
    "verdict is better, as good (within --margin), worse or undecided, with the number of trials that "
    "would decide. csv has one row per subject; in json, an infinite difference (one side diverges too "
    "often) is the text Infinity or -Infinity.",
    examples=(
        "das-hpo compare one-shot-run architecture-run",
        "das-hpo compare H1 H2 --space sequential --operations good --data blur",
        "das-hpo compare H1 H2 --epochs 50 --set channels=8",
        "das-hpo compare bohb-run random-run -f json",
        "das-hpo compare bohb random tpe=tpe-1,tpe-2,tpe-3",
        "das-hpo compare bohb random --curves anytime.svg",
    ),
    configure=configure,
    execute=execute,
)
