"""Live progress, on a real pseudo-terminal and on a plain stream."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import time
from dataclasses import replace

import pytest

from das_hpo.progress import Progress, Snapshot, describe, time_left

FIRST = Snapshot("demo", "one-shot", finished=0, expected=27, iterations=2, epochs_expected=90.0)
LATER = replace(
    FIRST,
    finished=9,
    running=2,
    workers=2,
    iteration=1,
    budget=3.0,
    best_score=21.5,
    unit="dB",
    epochs_done=30.0,
    diverged=1,
)


def test_a_plain_stream_gets_a_line_per_interval_and_one_at_the_end() -> None:
    """No control characters, nothing said twice."""
    stream = io.StringIO()
    with Progress(stream, interval_s=0.02) as progress:
        progress.update(FIRST)
        while "0/27" not in stream.getvalue():
            time.sleep(0.01)
        progress.update(LATER)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("das-hpo: demo: 0/27 evaluations, no worker")
    assert lines[-1].startswith("das-hpo: demo: 9/27 evaluations, rung of 3 epochs, best 21.50 dB")
    assert "\x1b" not in stream.getvalue()


def test_a_run_that_never_began_says_nothing() -> None:
    """No snapshot, no line."""
    stream = io.StringIO()
    with Progress(stream):
        pass
    assert stream.getvalue() == ""


def test_time_left_follows_the_epochs_not_the_evaluations() -> None:
    """A third of the epochs took 10 s, so 20 s are left, whatever the number of evaluations."""
    assert time_left(LATER, FIRST, 10.0) == pytest.approx(20.0)
    assert time_left(replace(LATER, deadline_s=5.0), FIRST, 10.0) == 5.0
    assert time_left(FIRST, FIRST, 10.0) is None


def test_a_resumed_run_counts_its_pace_from_where_it_began() -> None:
    """What was finished before says nothing of today's pace."""
    words = describe(replace(LATER, finished=12, epochs_done=39.0), LATER, 60.0)
    assert "3/min" in words


def test_the_words_name_rung_best_workers_and_losses() -> None:
    """Everything issue 2 asks of the progress."""
    words = " ".join(describe(replace(LATER, failed=1), FIRST, 10.0))
    for word in ("rung of 3 epochs", "best 21.50 dB", "20s left", "2 workers", "54/min", "1 diverged", "1 failed"):
        assert word in words


def drained(leader: int) -> str:
    """All that was written to a pseudo-terminal whose other end is closed."""
    written = b""
    with contextlib.suppress(OSError):  # Linux says so where other systems give an empty read
        while part := os.read(leader, 65536):
            written += part
    os.close(leader)
    return written.decode()


@pytest.mark.parametrize("no_color", [False, True], ids=["colour", "NO_COLOR"])
def test_a_terminal_gets_a_bar(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar with the counts, without colours where NO_COLOR is set."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream, Progress(stream) as progress:
        progress.update(FIRST)
        progress.update(LATER)
    text = drained(leader)
    assert "9/27" in text
    assert "best 21.50 dB" in text
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", text)) is not no_color
