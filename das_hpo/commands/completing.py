"""Arguments that name runs, and what a shell completes them to."""

from __future__ import annotations

import argparse
from typing import Any

#: The names of arguments that take runs.
_RUNS = ("run", "runs", "names")


def run_names(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The names of the runs in the database that the command line names; none where it cannot be read."""
    from das_hpo.commands.command import database
    from spaces.errors import DasHpoError
    from storage import queries
    from storage.engine import open_database

    try:
        with open_database(database(argparse.Namespace(db=getattr(parsed_args, "db", None)))) as opened:
            return [name for name in queries.names(opened) if name.startswith(prefix)]
    except DasHpoError:
        return []


def complete_runs(parser: argparse.ArgumentParser) -> None:
    """Lets shells complete the arguments of a verb that take runs to their names, through argcomplete."""
    for action in parser._actions:
        if action.dest in _RUNS:
            action.completer = run_names  # type: ignore[attr-defined]


def add_run(parser: argparse.ArgumentParser, *, group: bool = False) -> None:
    """Adds the one run that a verb needs, as ``run``; or a group of runs, where the verb takes one."""
    metavar, words = ("RUN|GROUP", "a run, or a group of runs") if group else ("RUN", "name of the run")
    parser.add_argument("run", metavar=metavar, help=f"{words} (see das-hpo runs)")


def add_runs(parser: argparse.ArgumentParser) -> None:
    """Adds the runs that a verb needs, one or more, as ``runs``."""
    parser.add_argument("runs", metavar="RUN", nargs="+", help="names of runs or campaigns (see das-hpo runs)")
