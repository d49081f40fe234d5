"""``das-hpo db``: looking after the database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from das_hpo.commands.command import Command, add_database, database, say
from spaces.errors import InvalidValueError

ACTIONS = ("check", "upgrade", "backup", "vacuum")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="check: look for damage (exit status 1 if there is any); upgrade: bring the schema to this version; "
        "backup: copy a SQLite database while it is in use; vacuum: give unused space back",
    )
    parser.add_argument(
        "destination",
        metavar="FILE",
        nargs="?",
        type=Path,
        help="of backup: the file to make (no default: needed there)",
    )
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Does one of the four."""
    if (args.action == "backup") != (args.destination is not None):
        raise InvalidValueError("backup needs the file to make, and only backup takes one: das-hpo db backup FILE")
    url = database(args)
    from storage import maintenance

    if args.action == "check":
        found = maintenance.check(url)
        sys.stdout.writelines(f"{line}\n" for line in found)
        say("the database is sound" if not found else f"the database has {len(found)} faults")
        return 1 if found else 0
    if args.action == "upgrade":
        done = maintenance.upgrade(url)
        same = done.before == done.after
        say(
            f"the schema is {done.after} already" if same else f"upgraded the schema from {done.before} to {done.after}"
        )
    elif args.action == "backup":
        say(f"copied the database to {maintenance.backup(url, args.destination)}")
    else:
        freed = maintenance.vacuum(url)
        say(f"the database had {freed.before:,} bytes and has {freed.after:,}")
    return 0


COMMAND = Command(
    summary="the database: check, upgrade, backup, vacuum",
    description="Looks after the database. Runs may go on during check and backup; a database of an older das-hpo is "
    "changed by upgrade alone, never by itself.",
    examples=("das-hpo db check", "das-hpo db backup das-hpo-copy.db", "das-hpo db upgrade --db sqlite:///lab.db"),
    configure=configure,
    execute=execute,
)
