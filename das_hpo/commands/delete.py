"""``das-hpo delete``: a run, with everything of it."""

from __future__ import annotations

import argparse
import sys

from das_hpo.commands.command import Command, add_database, say
from das_hpo.commands.completing import add_runs
from das_hpo.commands.reading import reading
from spaces.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_runs(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    add_database(parser)


def execute(args: argparse.Namespace) -> int:
    """Deletes all the runs in one transaction, then what the spool holds of them."""
    from storage import queries, writes
    from storage.spool import Spool

    names = list(dict.fromkeys(args.runs))
    with reading(args) as database:
        found = [queries.show(database, name) for name in names]
        what = ", ".join(f"{one.run.name} ({one.run.kind}, {one.evaluations} evaluations)" for one in found)
        if not args.yes:
            _ask(what)
        with database.begin() as session:
            deleted = [writes.delete_run(session, name) for name in names]
        tokens = frozenset().union(*(one.tokens for one in deleted))
        Spool(database.location.spool).forget(tokens)
    for name, one in zip(names, deleted, strict=True):
        say(f"deleted {name}: {one.configurations} configurations, {one.evaluations} evaluations")
    return 0


def _ask(what: str) -> None:
    """Asks whether to delete it.

    Raises:
        UsageError: If the answer is no, or nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"this would delete {what}, for good: say --yes if that is meant")
    say(f"this deletes {what}, for good")
    sys.stderr.write("delete? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was deleted")


COMMAND = Command(
    summary="delete runs with everything of them",
    description="Deletes runs or campaigns with their configurations, evaluations, attempts and learning curves, "
    "outcomes of them that wait in the spool, and workers that no other run refers to: all of them or, after any "
    "error, none. A run that is being served is refused; das-hpo cancel ends it first. das-hpo db vacuum then "
    "gives the space back.",
    examples=("das-hpo delete my-run", "das-hpo delete first second --yes"),
    configure=configure,
    execute=execute,
)
