"""``das-hpo run``: one optimisation, from its settings to the table of the best configurations."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from das_hpo.commands.command import Command, add_database, add_format, database, natural, say
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.incumbent import print_best
from das_hpo.commands.problem import add_run_settings, settings
from das_hpo.commands.watching import watching
from das_hpo.progress import Snapshot
from spaces.errors import InvalidValueError

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
    add_ending(parser)


def add_ending(parser: argparse.ArgumentParser) -> None:
    """Adds what is shown of a run, and the database; :func:`view` reads it."""
    parser.add_argument("--top", type=natural, default=3, metavar="N", help="how many of the best to print at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_database(parser)
    add_format(parser)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of a run.

    Attributes:
        run: The run's name.
        url: The database.
        top: How many of the best configurations.
        output_format: How they are printed.
        quiet: Whether no progress is shown.
        verbose: Whether everything is logged.
    """

    run: str
    url: str
    top: int
    output_format: str
    quiet: bool
    verbose: bool


def view(args: argparse.Namespace, run: str, url: str) -> View:
    """What is shown of the run of that name, as the options of :func:`add_ending` say."""
    return View(run, url, args.top, args.format, args.quiet, args.verbose)


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
    where = service(args)

    def run(stop: threading.Event, progress: Callable[[Snapshot], None]) -> RunOutcome:
        if stored is None:
            return execution.execute(asked, url, where, stop=stop, progress=progress)
        changes = execution.Changes(time_limit_s=asked.time_limit_s)
        return execution.resume(asked.name, url, where, changes, stop=stop, progress=progress)

    first = f", {len(asked.given)} given configurations first" if asked.given else ""
    begins = f"has begun, results in {locate(url).name}{first}" if stored is None else "is continued"
    return watch(shown, begins, run)


class Execute(Protocol):
    """Executes or resumes a run that may be watched and stopped."""

    def __call__(self, stop: threading.Event, progress: Callable[[Snapshot], None]) -> RunOutcome:
        """Returns when the run has ended."""
        ...


def watch(shown: View, begins: str, run: Execute) -> int:
    """Shows how the run goes, says how it begins and ended, and prints the best configurations; the exit status."""
    name = shown.run
    with watching(verbose=shown.verbose, quiet=shown.quiet, begins=f"run {name} {begins}") as progress:
        outcome = run(progress.stop, progress)
    at = outcome.snapshot
    if outcome.status == "completed":
        say(f"run {name} is completed: {at.finished} evaluations")
    else:
        done = f"{at.finished} of {at.expected} evaluations"
        say(f"run {name} ended early, as {outcome.message}: {done} are kept; `das-hpo resume {name}` continues it")
    status = show_best(shown)
    if at.finished and at.failed == at.finished:
        say(f"all {at.failed} evaluations have failed: `das-hpo results {name} --all` says why")
        status = 1
    return 130 if outcome.signalled else status


def show_best(shown: View) -> int:
    """Prints the best configurations; the exit status."""
    from storage import queries
    from storage.engine import open_database

    if shown.top:
        with open_database(shown.url) as opened:
            best = queries.incumbents(opened, shown.run, top=shown.top)
        print_best(best, shown.output_format, architecture=False)
    return 0


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
