"""Databases for the tests of storage: every test of the reference suite runs over SQLite and a real PostgreSQL.

The PostgreSQL server is a throw-away one, started from the machine's own binaries in a temporary directory, on a
Unix socket only. It refuses to run as root, hence the change of user.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spaces.hyperparameters import PRESETS
from spaces.identity import ConfigurationId
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from storage import writes
from storage.engine import Database, Session, open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome, NewRun, WorkerInfo


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(scope="session")
def _shared_postgresql_url(postgresql_server: Path) -> str:
    with psycopg.connect(host=str(postgresql_server), user="das_hpo", dbname="postgres", autocommit=True) as connection:
        connection.execute(b"CREATE DATABASE shared")
    url = f"postgresql://das_hpo@/shared?host={postgresql_server}"
    open_database(url, create=True).close()
    return url


@pytest.fixture
def made_postgresql_url(_shared_postgresql_url: str) -> Iterator[str]:
    """The URL of a PostgreSQL database that has the tables and no rows: one for all, emptied after each test."""
    yield _shared_postgresql_url
    with psycopg.connect(_shared_postgresql_url) as connection:
        connection.execute(b"TRUNCATE runs, workers RESTART IDENTITY CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without rows (that may have to be made first), of either kind."""
    found: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "made_postgresql_url")
    return found


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An open, empty das-hpo database, of either kind."""
    with open_database(url, create=True) as opened:
        yield opened


@pytest.fixture
def raw(url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """Runs SQL past das-hpo, with the driver alone, and commits it."""

    def run(sql: str) -> list[tuple[Any, ...]]:
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
                connection.execute("PRAGMA foreign_keys = ON")
                return connection.execute(sql).fetchall()
        with psycopg.connect(url) as server:
            cursor = server.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    return run


class Samples:
    """Values to store, all valid, and short ways to store them."""

    worker = WorkerInfo("worker-1", "node-1", 4711, "cpu", "0.1.0")

    def run(self, name: str = "first", **changes: Any) -> NewRun:
        """A run of BOHB on the one-shot objective."""
        values: dict[str, Any] = {
            "name": name,
            "kind": "run",
            "objective": "one-shot",
            "space": "sequential",
            "operations": "good",
            "data": "blur",
            "method": "das",
            "optimizer": "bohb",
            "seed": 2**63 - 1,
            "settings": {"iterations": 4, "aggregate": "mean", "choices": {"tau": 0.1, "residual": True}},
        }
        return NewRun(**{**values, **changes})

    def configuration(self, number: int = 0, **changes: Any) -> NewConfiguration:
        """The configuration (0, 0, number)."""
        hyperparameters = list(PRESETS.values())[number % len(PRESETS)].to_dict()
        values: dict[str, Any] = {
            "configuration_id": ConfigurationId(0, 0, number),
            "origin": "model",
            "info": {"model_based_pick": True},
            "hyperparameters": hyperparameters,
        }
        return NewConfiguration(**{**values, **changes})

    def outcome(self, psnr: float = 20.0, **changes: Any) -> TrialOutcome:
        """A completed trial with two points of a learning curve."""
        values: dict[str, Any] = {
            "status": "completed",
            "one_shot_score": psnr,
            "architecture_score": psnr - 1.0,
            "architecture": "sequential:" + ",".join(["net"] * 10),
            "parameters": 970,
            "epochs": (
                Epoch("search", 1, 0.5, 10.0, 0.6, 9.5, ((0.25, 0.75), (0.1, 0.9))),
                Epoch("retrain", 1, 0.4, 11.0),
            ),
            "kernel": "fused",
            "search_s": 1.0,
            "retrain_s": 0.5,
        }
        return TrialOutcome(**{**values, **changes})

    def diverged(self) -> TrialOutcome:
        """A trial that blew up."""
        return TrialOutcome("diverged", None, None, None, None, message="the loss became infinite in step 3")

    def queue(
        self, session: Session, run_id: int, number: int = 0, budget: float = 5.0, replicate: int = 0, **changes: Any
    ) -> int:
        """An evaluation of the configuration (0, 0, number), which is added unless another replicate added it."""
        new = self.configuration(number, **changes)
        if replicate == 0 and budget == 5.0:
            writes.add_configuration(session, run_id, new)
        return writes.queue_evaluation(
            session, run_id, NewEvaluation(new.configuration_id, replicate, TrialSpec("inverse-1d", {}, budget, number))
        )

    def finish(
        self, session: Session, evaluation_id: int, outcome: TrialOutcome, worker: WorkerInfo | None = None
    ) -> None:
        """Starts an evaluation and stores its outcome."""
        token = f"token-{evaluation_id}"
        writes.start_attempt(session, evaluation_id, token, worker or self.worker)
        assert writes.record_outcome(session, NewOutcome(token, outcome, outcome.loss("one-shot"), 2.5))


@pytest.fixture
def samples() -> Samples:
    """Values to store."""
    return Samples()


@pytest.fixture
def evaluation(database: Database, samples: Any) -> int:
    """A queued evaluation of the run ``first``."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        return int(samples.queue(session, run_id))
