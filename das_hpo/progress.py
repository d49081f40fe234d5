"""Live progress of a run on stderr: a bar on a terminal, plain lines at intervals elsewhere."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from das_hpo.durations import format_duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

#: Seconds between two plain lines where stderr is no terminal.
INTERVAL_S = 15.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far a run is.

    Attributes:
        run: The run's name.
        objective: ``one-shot`` or ``architecture``: which score ``best_score`` is.
        finished: Evaluations with an end: completed, diverged or failed.
        expected: Evaluations of the whole run, as planned now.
        running: Evaluations that workers compute now.
        workers: Workers heard of lately.
        iteration: The latest iteration (bracket) begun, counted from 1; 0 before the first.
        iterations: Iterations of the whole run.
        budget: Epochs of the evaluation that was given out last: the rung; None before the first.
        best_score: The best score of the objective so far; None before the first.
        unit: Of the score; empty if there is none.
        epochs_done: Sum of the budgets of the finished evaluations.
        epochs_expected: Sum of the budgets of the whole run.
        diverged: Finished evaluations that diverged.
        failed: Finished evaluations that failed.
        deadline_s: Seconds until the time limit ends the run; None without one.
    """

    run: str
    objective: str
    finished: int
    expected: int
    running: int = 0
    workers: int = 0
    iteration: int = 0
    iterations: int = 0
    budget: float | None = None
    best_score: float | None = None
    unit: str = ""
    epochs_done: float = 0.0
    epochs_expected: float = 0.0
    diverged: int = 0
    failed: int = 0
    deadline_s: float | None = None


def describe(now: Snapshot, first: Snapshot, elapsed_s: float) -> list[str]:
    """The parts of a line of progress, the most important first; rates count from ``first``, ``elapsed_s`` ago."""
    words = []
    if now.budget is not None:
        words.append(f"rung of {now.budget:.3g} epochs")
    if now.best_score is not None:
        words.append(f"best {shown_score(now.best_score, now.unit)}")
    if now.finished < now.expected:
        left_s = time_left(now, first, elapsed_s)
        if left_s is not None:
            words.append(f"{format_duration(left_s)} left")
        words.append("no worker" if now.workers == 0 else f"{now.workers} worker{'s' if now.workers > 1 else ''}")
    if elapsed_s > 0 and now.finished > first.finished:
        words.append(f"{60 * (now.finished - first.finished) / elapsed_s:.3g}/min")
    if now.iteration:
        words.append(f"iteration {now.iteration}/{now.iterations}")
    if now.diverged:
        words.append(f"{now.diverged} diverged")
    if now.failed:
        words.append(f"{now.failed} failed")
    return words


def shown_score(value: float, unit: str) -> str:
    """A score for people: two digits of a PSNR in dB, four significant ones of anything else."""
    return f"{value:.2f} dB" if unit == "dB" else f"{value:.4g} {unit}".strip()


def time_left(now: Snapshot, first: Snapshot, elapsed_s: float) -> float | None:
    """Seconds until the end at the present pace in epochs, or until the time limit; None while neither is known."""
    epochs = now.epochs_done - first.epochs_done
    pace = epochs / elapsed_s if elapsed_s > 0 else 0.0
    left_s = max(0.0, now.epochs_expected - now.epochs_done) / pace if pace > 0 else None
    if now.deadline_s is not None:
        return max(0.0, now.deadline_s if left_s is None else min(left_s, now.deadline_s))
    return left_s


class Progress:
    """Shows the progress of a run while a block lasts; :meth:`update` may be called from any thread at any rate.

    Args:
        stream: Where to write; stderr by default.
        interval_s: Seconds between two plain lines.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._interval_s = interval_s
        self._clock = clock
        self._lock = threading.Lock()
        self._started_at = 0.0
        self._first: Snapshot | None = None
        self._latest: Snapshot | None = None
        self._printed: str | None = None
        self._bar: Bar | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._started_at = self._clock()
        if is_terminal(self._stream):
            self._bar = self._make_bar()
            self._bar.start()
        self._thread = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):  # stderr cannot be written any more
            self._show()
            if self._bar is not None:
                self._bar.stop()
        self._bar = None

    def update(self, snapshot: Snapshot) -> None:
        """Takes the newest state; what is shown follows within the interval."""
        with self._lock:
            if self._first is None:
                self._first = snapshot
                self._started_at = self._clock()
            self._latest = snapshot

    def _tick(self) -> None:
        # A terminal is redrawn twice a second, so that times move while an evaluation takes long.
        try:
            while not self._ended.wait(0.5 if self._bar is not None else self._interval_s):
                self._show()
        except OSError:
            pass  # stderr cannot be written any more; the run goes on without progress.

    def _show(self) -> None:
        with self._lock:
            now, first = self._latest, self._first
        if now is None or first is None:
            return
        elapsed_s = self._clock() - self._started_at
        words = describe(now, first, elapsed_s)
        if self._bar is not None:
            line = _fit(words, self._bar.console.width - 44)
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=now.finished, total=max(now.expected, now.finished, 1), line=line)
            return
        text = f"das-hpo: {now.run}: {now.finished}/{now.expected} evaluations, {', '.join(words)}"
        if text != self._printed:
            self._printed = text
            self._stream.write(text + "\n")
            self._stream.flush()

    def _make_bar(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        # NO_COLOR is honoured by the console itself.
        bar = Bar(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[line]}"),
            console=Console(file=self._stream),
            refresh_per_second=2,
        )
        bar.add_task("evaluations", total=None, line="waiting for the first evaluation")
        return bar


def is_terminal(stream: TextIO) -> bool:
    """Whether a bar can be drawn there."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _fit(words: list[str], width: int) -> str:
    """As many of the words as fit the width, at least the first."""
    line = words[0]
    for word in words[1:]:
        if len(line) + 2 + len(word) > width:
            break
        line += f"  {word}"
    return line
