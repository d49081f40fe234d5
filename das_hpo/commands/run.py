"""``das-hpo run``: one optimisation, from its settings to the table of the best configurations."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from das_hpo.commands.command import Command, database, say
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.problem import add_run_settings, settings
from das_hpo.commands.watching import add_view, show_best, view, watch
from das_hpo.progress import Snapshot
from spaces.errors import InvalidValueError
from storage.entries import RUN_REQUESTS

if TYPE_CHECKING:
    from das_hpo.execution import RunOutcome


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run_settings(parser)
    add_service(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="if the run of that --name is there already, continue it; for schedulers and containers that start the "
        "same command again: with other settings than the stored ones (a --time-limit may differ) it says which, and "
        "does nothing",
    )
    add_view(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs, watched, until the end or a signal. What can be refused is refused before anything is made."""
    if args.resume and args.name is None:
        raise InvalidValueError("--resume needs --name: which run is to be continued if it is there")
    url = database(args)
    asked = settings(args, url)
    from das_hpo import execution
    from storage.location import locate

    stored = execution.stored_run(asked, url, resume=args.resume)
    shown = view(args, asked.name, url)
    if stored is not None and stored.status == "completed":
        say(f"the run {asked.name} is completed already")
        return show_best(shown)
    if stored is not None and stored.state in RUN_REQUESTS.values():
        say(f"the run {asked.name} is {stored.state}: only `das-hpo resume {asked.name}` continues it")
        return show_best(shown)
    where = service(args)

    def run(stop: threading.Event, progress: Callable[[Snapshot], None]) -> RunOutcome:
        if stored is None:
            return execution.execute(asked, url, where, stop=stop, progress=progress)
        changes = execution.Changes(time_limit_s=asked.time_limit_s)
        return execution.resume(asked.name, url, where, changes, stop=stop, progress=progress)

    first = f", {len(asked.given)} given configurations first" if asked.given else ""
    begins = f"has begun, results in {locate(url).name}{first}" if stored is None else "is continued"
    return watch(shown, begins, run)


COMMAND = Command(
    summary="optimise the hyperparameters of DAS: one run, to its end",
    description="Optimises the hyperparameters of DAS with BOHB or another optimizer, records every evaluation in the "
    "database, and prints the best configurations. Without --nameserver it starts its own workers. Ctrl-C ends it "
    "cleanly (twice: at once); das-hpo resume continues it.",
    examples=(
        "das-hpo run --objective one-shot --iterations 2 --min-budget 1 --max-budget 9 --workers 2",
        "das-hpo run --objective architecture --data downsampling --operations all --name lab --nameserver host:9090",
        "das-hpo run --objective one-shot --set channels=32 --decide brackets=ceiling --time-limit 2h",
        "das-hpo run --objective one-shot --optimizer tpe --init presets --init first --name second",
        "das-hpo run --objective one-shot --range alpha_learning_rate=1e-3:0.1 --fix alpha_optimizer=adam",
        "das-hpo run --objective one-shot --task examples.digits:TASK --min-budget 1 --max-budget 9 --workers 2",
    ),
    configure=configure,
    execute=execute,
)
