"""Running one stored run: what is written patiently, and how its end is told; whole runs are in test_execution."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from das_hpo.execution import run_of
from das_hpo.progress import Snapshot
from das_hpo.running import RunOutcome, patiently
from spaces.errors import DatabaseBusyError
from storage import queries, writes
from storage.engine import Database, open_database
from tests.das_hpo.queues import settings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database that gives up a locked file at once."""
    with open_database(f"sqlite:///{tmp_path}/runs.db", create=True, busy_timeout_s=0.05) as opened:
        yield opened


def create(database: Database) -> None:
    """Writes a run."""
    with database.begin() as session:
        writes.create_run(session, run_of(settings()))


def test_a_database_that_is_let_go_is_written_once(database: Database, tmp_path: Path) -> None:
    """Another process's transaction is waited for."""
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    timer = threading.Timer(0.5, lambda: other.execute("rollback"))
    timer.start()
    patiently(lambda: create(database), threading.Event(), 60.0)
    timer.join()
    other.close()
    assert queries.run(database, "run").name == "run"


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "time is over"])
def test_waiting_for_a_database_ends(stopped: bool, database: Database, tmp_path: Path) -> None:
    """With the reason of the last try."""
    stop = threading.Event()
    if stopped:
        stop.set()
    other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(DatabaseBusyError):
        patiently(lambda: create(database), stop, 600.0 if stopped else 0.0)
    other.execute("rollback")
    other.close()
    assert queries.runs(database) == []


def test_other_errors_are_not_waited_for() -> None:
    """They would not pass."""
    tries: list[int] = []

    def write() -> None:
        tries.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        patiently(write, threading.Event(), 60.0)
    assert len(tries) == 1


def test_an_outcome_is_a_fact() -> None:
    """Nobody changes it afterwards."""
    outcome = RunOutcome("a", "completed", None, Snapshot("a", "one-shot", 1, 1), signalled=False)
    with pytest.raises(FrozenInstanceError):
        outcome.status = "interrupted"  # type: ignore[misc]
