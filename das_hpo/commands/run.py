"""``das-hpo run``: one optimisation, from its settings to the table of the best configurations."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from das_hpo import logs
from das_hpo.commands.command import Command, add_database, add_format, database, natural, say
from das_hpo.commands.connecting import add_service, service, stop_on_signals
from das_hpo.commands.incumbent import print_best
from das_hpo.commands.problem import add_hyperparameters, add_limits, add_optimisation, add_problem, settings
from das_hpo.commands.reading import reading
from das_hpo.progress import Progress, Snapshot
from spaces.errors import InvalidValueError, RunExistsError

if TYPE_CHECKING:
    from das_hpo.execution import RunOutcome
    from storage.records import RunRecord


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_optimisation(parser)
    add_problem(parser)
    add_hyperparameters(parser)
    add_limits(parser)
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
    """Adds what is printed at the end of a run, and the database."""
    parser.add_argument("--top", type=natural, default=3, metavar="N", help="how many of the best to print at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    add_database(parser)
    add_format(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs, watched, until the end or a signal."""
    if args.resume and args.name is None:
        raise InvalidValueError("--resume needs --name: which run is to be continued if it is there")
    asked = settings(args, args.name)
    url = database(args)
    stored = find(url, asked.name)
    if stored is not None and not args.resume:
        hint = "" if stored.status == "completed" else f", or continue that one: das-hpo resume {asked.name}"
        raise RunExistsError(f"there is a run named {asked.name!r} ({stored.state}): choose another --name{hint}")
    if args.init:
        from das_hpo.optimisers.given import with_given

        asked = with_given(asked, args.init, url)
    if stored is not None:
        from das_hpo.differences import require_same_run

        require_same_run(stored, asked)
        if stored.status == "completed":
            say(f"the run {asked.name} is completed already")
            return show_best(args, asked.name)
    where = service(args)
    from das_hpo import execution
    from storage.location import locate

    if stored is not None:
        return watch(
            args,
            asked.name,
            "is continued",
            lambda **watching: execution.resume(asked.name, url, where, time_limit_s=args.time_limit, **watching),
        )
    first = f", {len(asked.given)} given configurations first" if asked.given else ""
    return watch(
        args,
        asked.name,
        f"has begun, results in {locate(url).name}{first}",
        lambda **watching: execution.execute(asked, url, where, **watching),
    )


def find(url: str, name: str) -> RunRecord | None:
    """The run of that name; None if there is none, or no database yet."""
    from spaces.errors import DatabaseMissingError, RunMissingError
    from storage import queries
    from storage.engine import open_database

    try:
        with open_database(url) as opened:
            return queries.run(opened, name)
    except (DatabaseMissingError, RunMissingError):
        return None


class Execute(Protocol):
    """Executes or resumes a run that may be watched and stopped."""

    def __call__(self, *, stop: threading.Event, progress: Callable[[Snapshot], None]) -> RunOutcome:
        """Returns when the run has ended."""
        ...


def watch(args: argparse.Namespace, name: str, begins: str, run: Execute) -> int:
    """Shows how the run goes, says how it begins and ended, and prints the best configurations."""
    # The progress tells what is well; the log is for what is not, unless all of it was asked for.
    logs.start(verbose=args.verbose, least=logging.WARNING)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        bar = None if args.quiet else stack.enter_context(Progress())
        told = False

        def tell(snapshot: Snapshot) -> None:
            nonlocal told
            if not told:  # by now nothing refuses the run any more
                told = True
                say(f"run {name} {begins}")
            if bar is not None:
                bar.update(snapshot)

        summary = run(stop=stop, progress=tell)
    at = summary.snapshot
    done = f"{at.finished} of {at.expected} evaluations"
    if summary.status == "completed":
        say(f"run {name} is completed: {at.finished} evaluations")
    else:
        say(f"run {name} ended early, as {summary.message}: {done} are kept; `das-hpo resume {name}` continues it")
    status = show_best(args, name)
    if at.finished and at.failed == at.finished:
        say(f"all {at.failed} evaluations have failed: `das-hpo results {name} --all` says why")
        status = 1
    return 130 if summary.signalled else status


def show_best(args: argparse.Namespace, name: str) -> int:
    """Prints the best configurations."""
    from storage import queries

    if not args.top:
        return 0
    with reading(args) as opened:
        best = queries.incumbents(opened, name, top=args.top)
    print_best(best, args, architecture=False)
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
