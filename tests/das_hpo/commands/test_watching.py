"""Watching what is executed: what is said of one run, and of several."""

from __future__ import annotations

import os
import signal

import pytest

from das_hpo.commands.watching import Watch, watching
from das_hpo.progress import Snapshot


def snapshot(run: str, finished: int = 0) -> Snapshot:
    """A run of ten evaluations."""
    return Snapshot(run, "one-shot", finished, 10, workers=1)


def say(watch: Watch, capsys: pytest.CaptureFixture[str], *runs: str) -> list[str]:
    """The lines that begin the runs."""
    for run in runs:
        watch(snapshot(run, 2))
        watch(snapshot(run, 3))
    return [line for line in capsys.readouterr().err.splitlines() if "/10 evaluations" not in line]


def test_each_of_several_runs_begins_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Which one it is of how many, and what is there of it."""
    with watching(verbose=False, quiet=False) as watch:
        watch.expected = 2
        assert say(watch, capsys, "a", "b") == [
            "das-hpo: campaign 1 of 2: a, 2 of 10 evaluations are there",
            "das-hpo: campaign 2 of 2: b, 2 of 10 evaluations are there",
        ]
    assert watch.begun == 2


def test_progress_follows_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The last state of a run is shown when the next one begins, or all has ended."""
    with watching(verbose=False, quiet=False) as watch:
        watch(snapshot("a", 4))
        watch(snapshot("b", 5))
        assert "a: 4/10 evaluations" in capsys.readouterr().err
    assert "b: 5/10 evaluations" in capsys.readouterr().err


def test_quiet_says_how_a_single_run_begins_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, when nothing refuses it any more."""
    with watching(verbose=False, quiet=True, begins="run a has begun") as watch:
        assert capsys.readouterr().err == ""
        assert say(watch, capsys, "a") == ["das-hpo: run a has begun"]
    with watching(verbose=False, quiet=True) as watch:
        assert say(watch, capsys, "a", "b") == []
    assert capsys.readouterr().err == ""


def test_a_signal_sets_the_event() -> None:
    """Within the block alone; before and after it, signals do what they did."""
    before = signal.getsignal(signal.SIGTERM)
    with watching(verbose=False, quiet=True) as watch:
        assert not watch.stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert watch.stop.wait(30)
    assert signal.getsignal(signal.SIGTERM) is before
