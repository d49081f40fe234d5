"""``das-hpo note``: what is to be remembered of a run."""

from __future__ import annotations

import argparse
import sys

from das_hpo.commands.command import Command, add_database, say
from das_hpo.commands.completing import add_run
from das_hpo.commands.reading import reading
from das_hpo.output import text_cell


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run(parser)
    parser.add_argument("text", metavar="TEXT", nargs="?", help="the note, in place of any before (default: print it)")
    parser.add_argument("--clear", action="store_true", help="remove the note")
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Writes, removes or prints the note."""
    from storage import queries, writes

    with reading(args) as database:
        if args.text is None and not args.clear:
            note = queries.run(database, args.run).note
            sys.stdout.write(f"{text_cell(note or '')}\n")
            return 0
        with database.begin() as session:
            writes.set_run_note(session, args.run, None if args.clear else args.text)
    say(f"removed the note of {args.run}" if args.clear else f"noted of {args.run}")
    return 0


COMMAND = Command(
    summary="write down what is to be remembered of a run",
    description="Keeps a note with a run or campaign, which das-hpo show prints, and das-hpo runs --all. Without a "
    "text it prints the note. Runs may go on meanwhile.",
    examples=('das-hpo note my-run "with the new scheduler"', "das-hpo note my-run", "das-hpo note my-run --clear"),
    configure=configure,
    execute=execute,
)
