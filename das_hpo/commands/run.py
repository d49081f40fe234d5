"""``das-hpo run``: one optimisation, or one for each seed, from the settings to the best configurations."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from das_hpo.commands.command import Command, checked, database, say
from das_hpo.commands.connecting import add_service, service
from das_hpo.commands.problem import add_run_settings, settings
from das_hpo.commands.watching import View, add_view, show_best, show_best_of_each, view, watch, watching
from das_hpo.groups import Seeds, runs_of_group
from das_hpo.progress import Snapshot
from spaces.errors import InvalidValueError
from storage.entries import RUN_REQUESTS

if TYPE_CHECKING:
    from das_hpo.execution import RunOutcome
    from das_hpo.settings import RunSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add_run_settings(parser)
    parser.add_argument(
        "--seeds",
        type=checked(Seeds().read),
        metavar=Seeds.metavar,
        help="several runs, one for each seed, as in 0..9 or 0,3,7, one after the other on the same workers; they are "
        "called NAME-seed0 and so on, after --name, which names their group (default: one run)",
    )
    add_service(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="if the run of that --name is there already, continue it; for schedulers and containers that start the "
        "same command again: with other settings than the stored ones (a --time-limit may differ) it says which, and "
        "does nothing; with --seeds, what is short is continued, and further seeds are added",
    )
    add_view(parser)


def execute(args: argparse.Namespace) -> int:
    """Runs, watched, until the end or a signal. What can be refused is refused before anything is made."""
    if args.resume and args.name is None:
        raise InvalidValueError("--resume needs --name: which run is to be continued if it is there")
    if args.seeds is not None and (args.seed is not None or args.group is not None):
        raise InvalidValueError("--seeds takes the place of --seed and --group: the group has the name of --name")
    url = database(args)
    asked = settings(args, url)
    if args.seeds is not None:
        return _execute_group(args, runs_of_group(asked, args.seeds), url)
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


def _execute_group(args: argparse.Namespace, runs: list[RunSettings], url: str) -> int:
    """Runs all that are not completed; the exit status is that of the worst."""
    from das_hpo import execution

    where = service(args)
    group = str(runs[0].group)
    with watching(verbose=args.verbose, quiet=args.quiet) as progress:
        progress.noun, progress.expected = "run", len(runs)
        ended = execution.execute_runs(runs, url, where, resume=args.resume, stop=progress.stop, progress=progress)
    say(_how_it_ended(group, runs, ended))
    shown = View(group, url, args.top, args.format, args.quiet, args.verbose)
    show_best_of_each([run.name for run in runs], shown)
    failed = [one.run for one in ended if one.snapshot.failed and one.snapshot.failed == one.snapshot.finished]
    for name in failed:
        say(f"all evaluations of {name} have failed: `das-hpo results {name} --all` says why")
    if ended and ended[-1].signalled:
        return 130
    return 1 if failed else 0


def _how_it_ended(group: str, runs: list[RunSettings], ended: list[RunOutcome]) -> str:
    """That all runs of the group are completed, or why some are not, and what continues them."""
    short = [f"{one.run} ended early, as {one.message}" for one in ended if one.status != "completed"]
    if not short:
        return f"all {len(runs)} runs of {group} are completed"
    return f"{'; '.join(short)}: what is done is kept; the same command with --resume continues {group}"


COMMAND = Command(
    summary="optimise the hyperparameters of DAS: one run, or one for each seed, to the end",
    description="Optimises the hyperparameters of DAS with BOHB or another optimizer, records every evaluation in the "
    "database, and prints the best configurations. Without --nameserver it starts its own workers. Ctrl-C ends it "
    "cleanly (twice: at once); das-hpo resume continues it. A run is one draw: to compare objectives or optimizers, "
    "give each several runs with --seeds, and name the groups in das-hpo evaluate and das-hpo compare.",
    examples=(
        "das-hpo run --objective one-shot --iterations 2 --min-budget 1 --max-budget 9 --workers 2",
        "das-hpo run --objective architecture --data downsampling --operations all --name lab --nameserver host:9090",
        "das-hpo run --objective one-shot --name bohb --seeds 0..9 --resume",
        "das-hpo run --objective one-shot --set channels=32 --decide brackets=ceiling --time-limit 2h",
        "das-hpo run --objective one-shot --optimizer tpe --init presets --init first --name second",
        "das-hpo run --objective one-shot --range alpha_learning_rate=1e-3:0.1 --fix alpha_optimizer=adam",
        "das-hpo run --objective one-shot --task examples.digits:TASK --min-budget 1 --max-budget 9 --workers 2",
    ),
    configure=configure,
    execute=execute,
)
