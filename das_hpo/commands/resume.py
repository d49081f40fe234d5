"""``das-hpo resume``: an interrupted run, continued where it was."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable

from das_hpo.commands.command import Command, database
from das_hpo.commands.completing import add_run
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.options import add_setting
from das_hpo.commands.watching import add_view, view, watch
from das_hpo.progress import Snapshot
from das_hpo.settings import RunSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run(parser)
    add_setting(
        parser,
        RunSettings,
        "iterations",
        help="extend the run, be it completed or not, to so many iterations in all",
        default_in_words="as many as it has",
    )
    add_setting(
        parser,
        RunSettings,
        "time_limit_s",
        help="end it cleanly after that time from now, keeping what is done; a number with d, h, m or s, as in 2h",
        default_in_words="the limit it was begun with, counted from now",
    )
    parser.add_argument(
        "--accept-code-change",
        action="store_true",
        help="go on although the code of the run's task has changed since it was begun, which is refused otherwise; "
        "the log says so, and every evaluation keeps the fingerprint of the code that computed it",
    )
    add_service(parser)
    add_view(parser)


def execute(args: argparse.Namespace) -> int:
    """Continues the run; its settings are those it was begun with, but for more iterations."""
    url = database(args)
    where = service(args)
    from das_hpo import execution

    changes = execution.Changes(args.iterations, args.time_limit_s, args.accept_code_change)

    def run(stop: threading.Event, progress: Callable[[Snapshot], None]) -> execution.RunOutcome:
        return execution.resume(args.run, url, where, changes, stop=stop, progress=progress)

    return watch(view(args, args.run, url), "is continued", run)


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
