"""``das-hpo query``: SQL of the user's own, read-only."""

from __future__ import annotations

import argparse
from collections import Counter

from das_hpo.commands.command import Command, add_database, add_duration, add_format, positive, print_table
from das_hpo.commands.reading import reading
from das_hpo.output import Table
from spaces.errors import InvalidValueError
from storage.records import SQL_ROWS, SQL_TIMEOUT_S


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("sql", metavar="SQL", help="one SELECT; the view 'results' has one row per evaluation")
    parser.add_argument(
        "--max-rows", type=positive, default=SQL_ROWS, metavar="N", help="how many rows it may give; more are refused"
    )
    add_duration(
        parser,
        "timeout",
        default=SQL_TIMEOUT_S,
        help="how long it may take, as in 90s; then it ends (default: 10m)",
    )
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Prints what the statement gives."""
    from storage import queries

    with reading(args) as database:
        result = queries.sql(database, args.sql, rows=args.max_rows, timeout_s=args.timeout)
    twice = [name for name, count in Counter(result.columns).items() if count > 1]
    if twice and args.format == "json":
        raise InvalidValueError(f"two columns are named {twice[0]!r}, which JSON cannot tell apart: name them with AS")
    print_table(Table(result.columns, result.rows), args)
    return 0


COMMAND = Command(
    summary="SQL over everything, read-only",
    description="Runs one SQL statement that reads, and prints its rows. The database cannot be changed by it; "
    "what gives more rows or takes longer than is allowed is refused, so that an endless query ends. "
    "Tables: runs, configurations, evaluations, attempts, epochs, workers; the view 'results' has one row per "
    "evaluation, with the hyperparameters as columns.",
    examples=(
        'das-hpo query "select status, count(*) as evaluations from results group by status"',
        'das-hpo query "select run, max(one_shot_psnr) from results group by run" -f json',
    ),
    configure=configure,
    execute=execute,
)
