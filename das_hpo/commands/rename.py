"""``das-hpo rename``: another name for a run."""

from __future__ import annotations

import argparse

from das_hpo.commands.command import Command, add_database, checked, say
from das_hpo.commands.completing import add_run
from das_hpo.commands.reading import reading
from das_hpo.settings import check_run_name


def _new_name(text: str) -> str:
    check_run_name(text)
    return text


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run(parser)
    parser.add_argument(
        "new_name",
        metavar="NEW",
        type=checked(_new_name),
        help="its new name: up to 64 letters, digits, '.', '_' and '-'",
    )
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Renames it."""
    from storage import writes

    with reading(args) as database, database.begin() as session:
        writes.rename_run(session, args.run, args.new_name)
    say(f"the run {args.run} is named {args.new_name} now")
    return 0


COMMAND = Command(
    summary="give a run another name",
    description="Gives a run or campaign another name. Its results, seeds and decisions stay as they are: they do not "
    "depend on the name. A run that is being served keeps its name, by which workers know it.",
    examples=("das-hpo rename one-shot-blur-20261124-0500-ab12 blur-first",),
    configure=configure,
    execute=execute,
)
