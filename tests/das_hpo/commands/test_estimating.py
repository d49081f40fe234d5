"""How long a run takes: by durations of evaluations like its own, in a real database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from das_hpo.commands.estimating import estimate
from das_hpo.progress import Snapshot
from tests.das_hpo.databases import Run, Trial, store

AT = Snapshot("new", "architecture", 0, 30, workers=2, epochs_expected=900.0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A run without evaluations, and others of the same problem and of another one: 1.5 s for 9 epochs each."""
    found = f"sqlite:///{tmp_path}/runs.db"
    store(
        found,
        Run("new", [], kind="run"),
        Run("like it", [Trial(20.0), Trial(21.0, number=1), Trial(None, number=2)], kind="run"),
        Run("one-shot alone", [Trial(None, 20.0)], kind="run", objective="one-shot"),
        Run("other", [Trial(20.0)], settings={"choices": {"channels": 99}}),
    )
    return found


def test_the_rest_is_estimated_by_evaluations_like_it(url: str) -> None:
    """900 epochs of 1.5 s / 9 on two workers: 75 s; what is done does not count, and a limit is named."""
    words = "new takes about 1m15s on 2 workers, by 2 evaluations like these (0.167 s an epoch, 900 epochs to go)"
    assert estimate(url, AT) == words
    assert (estimate(url, replace(AT, workers=1, epochs_done=450.0)) or "").startswith("new takes about 1m15s on 1 w")
    assert (estimate(url, replace(AT, deadline_s=30.0)) or "").endswith("; its time limit ends it after 30s")


def test_nothing_is_said_where_nothing_is_known_or_worth_it(url: str, tmp_path: Path) -> None:
    """No worker, no database, no evaluation like these; a run of seconds."""
    assert estimate(url, replace(AT, workers=0)) is None
    assert estimate(f"sqlite:///{tmp_path}/none.db", AT) is None
    store(url, Run("third", [], kind="run", settings={"choices": {"channels": 7}}))
    assert estimate(url, replace(AT, run="third")) is None
    assert estimate(url, replace(AT, epochs_expected=9.0)) == ""
