"""``das-hpo resume``: an interrupted run, continued where it was."""

from __future__ import annotations

import argparse

from das_hpo.commands.command import Command, add_duration, database, positive
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.run import add_ending, watch


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("run", metavar="RUN", help="name of the run (see das-hpo runs)")
    parser.add_argument(
        "--iterations",
        type=positive,
        metavar="N",
        help="extend the run, be it completed or not, to so many iterations in all (default: as many as it has)",
    )
    add_duration(
        parser,
        "time-limit",
        help="end it cleanly after that time from now, keeping what is done; a number with d, h, m or s, as in 2h "
        "(default: the limit it was begun with, counted from now)",
    )
    add_service(parser)
    add_ending(parser)


def execute(args: argparse.Namespace) -> int:
    """Continues the run; its settings are those it was begun with, but for more iterations."""
    url = database(args)
    where = service(args)
    from das_hpo import execution

    return watch(
        args,
        args.run,
        "is continued",
        lambda **watching: execution.resume(
            args.run, url, where, iterations=args.iterations, time_limit_s=args.time_limit, **watching
        ),
    )


COMMAND = Command(
    summary="continue an interrupted run exactly where it was, or extend a completed one",
    description="Continues a run that was interrupted, by Ctrl-C, a time limit, a crash or a power cut. Its settings "
    "are in the database; nothing finished is repeated. Evaluations that workers of a nameserver went on computing "
    "meanwhile are taken over. With more --iterations than it has, a completed run goes on, too.",
    examples=(
        "das-hpo resume my-run",
        "das-hpo resume my-run --iterations 256",
        "das-hpo resume lab --nameserver host:9090 --time-limit 2h",
    ),
    configure=configure,
    execute=execute,
)
