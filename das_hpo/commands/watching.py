"""Watching what is executed: signals, the log and the progress, alike for every verb that computes."""

from __future__ import annotations

import argparse
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from das_hpo import logs
from das_hpo.commands.command import add_database, add_format, natural, say
from das_hpo.commands.connecting import stop_on_signals
from das_hpo.commands.estimating import estimate
from das_hpo.commands.incumbent import print_best, print_best_of_each
from das_hpo.progress import Progress, Snapshot

if TYPE_CHECKING:
    from das_hpo.execution import RunOutcome


class Watch:
    """Shows the progress of one run, or of several one after the other, each of which begins with a line of its own.

    Args:
        stop: Is set by a signal.
        quiet: Whether no progress is shown.
        begins: What is said when a single run begins; None for several, which are counted.
        url: The database, by whose durations it is estimated how long each run takes; None for no estimates.

    Attributes:
        stop: Is set by a signal.
        begun: Runs so far.
        expected: Runs there are going to be.
        noun: What each of several is called; None if nothing is said when one begins.
    """

    def __init__(
        self, stop: threading.Event, *, quiet: bool, begins: str | None = None, url: str | None = None
    ) -> None:
        self.stop = stop
        self.begun = 0
        self.expected = 1
        self.noun: str | None = "campaign"
        self._quiet = quiet
        self._begins = begins
        self._url = url
        # How many evaluations had finished when an estimate was last tried; None once it is said.
        self._estimated_at: int | None = None
        self._run: str | None = None
        self._shown = ExitStack()
        self._progress: Progress | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        """Shows where the present run is."""
        if snapshot.run != self._run:  # by now nothing refuses the run any more
            self.close()
            self._run = snapshot.run
            self.begun += 1
            self._estimated_at = -1
            self._announce(snapshot)
            self._progress = None if self._quiet else self._shown.enter_context(Progress())
        self._estimate(snapshot)
        if self._progress is not None:
            self._progress.update(snapshot)

    def _estimate(self, snapshot: Snapshot) -> None:
        """Says once how long the run takes: when workers are there, else after the first evaluation."""
        if self._url is None or self._quiet or self._estimated_at is None or not snapshot.workers:
            return
        if snapshot.finished <= self._estimated_at:
            return
        self._estimated_at = snapshot.finished
        words = estimate(self._url, snapshot)
        if words:
            say(words)
        if words is not None:
            self._estimated_at = None

    def close(self) -> None:
        """Ends the progress of the present run; the next snapshot begins another one."""
        self._shown.close()
        self._run = None

    def _announce(self, snapshot: Snapshot) -> None:
        if self._begins is not None:
            say(self._begins)
        elif not self._quiet and self.noun is not None:
            there = f"{snapshot.finished} of {snapshot.expected} evaluations are there"
            say(f"{self.noun} {self.begun} of {self.expected}: {snapshot.run}, {there}")


@contextmanager
def watching(*, verbose: bool, quiet: bool, begins: str | None = None, url: str | None = None) -> Iterator[Watch]:
    """A watch over what is executed in the block; see :class:`Watch`. ``verbose`` has everything logged."""
    # The progress tells what is well; the log is for what is not, unless all of it was asked for.
    logs.start(verbose=verbose, least=logging.WARNING)
    with stop_on_signals() as stop:
        watch = Watch(stop, quiet=quiet, begins=begins, url=url)
        try:
            yield watch
        finally:
            watch.close()


def add_view(parser: argparse.ArgumentParser) -> None:
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
    """What is shown of the run of that name, as the options of :func:`add_view` say."""
    return View(run, url, args.top, args.format, args.quiet, args.verbose)


class Execute(Protocol):
    """Executes or resumes a run that may be watched and stopped."""

    def __call__(self, stop: threading.Event, progress: Callable[[Snapshot], None]) -> RunOutcome:
        """Returns when the run has ended."""
        ...


def watch(shown: View, begins: str, run: Execute) -> int:
    """Shows how the run goes, says how it begins and ended, and prints the best configurations; the exit status."""
    name = shown.run
    with watching(verbose=shown.verbose, quiet=shown.quiet, begins=f"run {name} {begins}", url=shown.url) as progress:
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


def show_best_of_each(runs: list[str], shown: View) -> int:
    """Prints the best configuration of each run that has one; the exit status."""
    from storage import queries
    from storage.engine import open_database

    if shown.top:
        with open_database(shown.url) as opened:
            best = [(run, one) for run in runs for one in queries.incumbents(opened, run)]
        print_best_of_each(best, shown.output_format)
    return 0
