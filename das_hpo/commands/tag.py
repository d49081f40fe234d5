"""``das-hpo tag``: words by which runs are found."""

from __future__ import annotations

import argparse
import sys

from das_hpo.commands.command import Command, add_database
from das_hpo.commands.completing import add_run
from das_hpo.commands.reading import reading


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run(parser)
    parser.add_argument("tags", metavar="TAG", nargs="*", help="words to add (default: print those that it has)")
    parser.add_argument(
        "--remove", metavar="TAG", action="append", default=[], help="a word to remove; may be repeated (default: none)"
    )
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Adds and removes, and prints the tags that the run has now, one a line."""
    from storage import queries, writes

    with reading(args) as database:
        if args.tags or args.remove:
            with database.begin() as session:
                tags = writes.change_run_tags(session, args.run, args.tags, args.remove)
        else:
            tags = queries.run(database, args.run).tags
    sys.stdout.writelines(f"{tag}\n" for tag in tags)
    return 0


COMMAND = Command(
    summary="mark a run with words by which das-hpo runs --tag finds it",
    description="Adds tags to a run or campaign, removes others, and prints those that it has then. das-hpo runs --tag "
    "lists the runs that have a tag. Runs may go on meanwhile.",
    examples=("das-hpo tag my-run paper blur", "das-hpo tag my-run --remove blur"),
    configure=configure,
    execute=execute,
)
