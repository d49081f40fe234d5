"""``das-hpo results``: one row per evaluation."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from das_hpo.commands.command import Command, add_database, add_format, natural, number, print_table
from das_hpo.commands.reading import reading
from das_hpo.output import Table
from spaces.task import PSNR
from storage.entries import EVALUATION_STATUSES
from storage.records import RESULT_COLUMNS

if TYPE_CHECKING:
    from storage.records import ResultRecord

#: What fits a terminal; short words, and the configuration's id as one of them.
SHORT = (
    "run",
    "configuration",
    "budget",
    "status",
    "one_shot_psnr",
    "architecture_psnr",
    "origin",
    "worker",
    "duration_s",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("run", metavar="RUN|GROUP", nargs="?", help="a run, or a group of runs (default: all runs)")
    parser.add_argument("--all", action="store_true", help="show all columns in the table, too, not only what fits")
    parser.add_argument("--status", choices=EVALUATION_STATUSES, help="only evaluations of that status (default: all)")
    parser.add_argument(
        "--budget", type=number, metavar="EPOCHS", help="only evaluations of so many epochs (default: all)"
    )
    parser.add_argument("--limit", type=natural, metavar="N", help="print N rows at most (default: all)")
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints the rows of the view ``results``."""
    from storage import queries
    from storage.groups import groups, runs_named

    with reading(args) as database:
        together = args.run in groups(database)
        found: list[ResultRecord] = []
        for run in (None,) if args.run is None else runs_named(database, [args.run]):
            left = None if args.limit is None else args.limit - len(found)
            found += queries.results(database, run, status=args.status, budget=args.budget, limit=left)
    records = [record.to_dict() for record in found]
    if args.all or args.format != "table":
        print_table(Table.of(records, RESULT_COLUMNS), args)
        return 0
    for record in records:
        record["configuration"] = "{iteration}-{stage}-{number}".format(**record)
    columns = [column for column in SHORT if column != "run" or args.run is None or together]
    if any(record["metric"] != PSNR.name for record in records):
        columns = [column.replace("_psnr", "_score") for column in columns]
        columns.insert(columns.index("one_shot_score"), "metric")
    print_table(Table.of(records, columns), args)
    return 0


COMMAND = Command(
    summary="every evaluation, one row each",
    description="Prints one row per evaluation: PSNRs in dB, the budget in epochs, the duration in the worker's "
    "seconds. The table shows the columns that fit a terminal; --all, json and csv have every column of the view "
    "'results', one for each hyperparameter among them.",
    examples=(
        "das-hpo results",
        "das-hpo results my-run -f csv > my-run.csv",
        "das-hpo results --status diverged --all",
    ),
    configure=configure,
    execute=execute,
)
