"""Watching what is executed: signals, the log and the progress, alike for every verb that computes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from das_hpo import logs
from das_hpo.commands.command import say
from das_hpo.commands.connecting import stop_on_signals
from das_hpo.progress import Progress, Snapshot


class Watch:
    """Shows the progress of one run, or of several one after the other, each of which begins with a line of its own.

    Args:
        stop: Is set by a signal.
        quiet: Whether no progress is shown.
        begins: What is said when a single run begins; None for several, which are counted.

    Attributes:
        stop: Is set by a signal.
        begun: Runs so far.
        expected: Runs there are going to be.
        noun: What each of several is called.
    """

    def __init__(self, stop: threading.Event, *, quiet: bool, begins: str | None = None) -> None:
        self.stop = stop
        self.begun = 0
        self.expected = 1
        self.noun = "campaign"
        self._quiet = quiet
        self._begins = begins
        self._run: str | None = None
        self._shown = ExitStack()
        self._progress: Progress | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        """Shows where the present run is."""
        if snapshot.run != self._run:  # by now nothing refuses the run any more
            self.close()
            self._run = snapshot.run
            self.begun += 1
            self._announce(snapshot)
            self._progress = None if self._quiet else self._shown.enter_context(Progress())
        if self._progress is not None:
            self._progress.update(snapshot)

    def close(self) -> None:
        """Ends the progress of the present run."""
        self._shown.close()

    def _announce(self, snapshot: Snapshot) -> None:
        if self._begins is not None:
            say(self._begins)
        elif not self._quiet:
            there = f"{snapshot.finished} of {snapshot.expected} evaluations are there"
            say(f"{self.noun} {self.begun} of {self.expected}: {snapshot.run}, {there}")


@contextmanager
def watching(*, verbose: bool, quiet: bool, begins: str | None = None) -> Iterator[Watch]:
    """A watch over what is executed in the block; see :class:`Watch`. ``verbose`` has everything logged."""
    # The progress tells what is well; the log is for what is not, unless all of it was asked for.
    logs.start(verbose=verbose, least=logging.WARNING)
    with stop_on_signals() as stop:
        watch = Watch(stop, quiet=quiet, begins=begins)
        try:
            yield watch
        finally:
            watch.close()
