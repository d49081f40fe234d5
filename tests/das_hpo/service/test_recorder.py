"""What is kept when commits fail: nothing is lost, nothing is double, and the run goes on."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from das_hpo.optimisers.queue import OptimisationQueue
from das_hpo.service.ownership import Ownership
from das_hpo.service.queue import Attempt, Evaluation
from das_hpo.service.recorder import Recorder
from spaces.errors import ClusterError, DatabaseBusyError, StorageError
from spaces.trial import TrialOutcome
from storage import queries, writes
from storage.engine import Database, open_database
from tests.das_hpo.optimisers.test_replay import rows, state
from tests.das_hpo.queues import Driver, continue_run, create, new_run, settings


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True, busy_timeout_s=0.2) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database of either kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    with open_database(request.getfixturevalue("postgresql_url"), create=True, busy_timeout_s=0.2) as opened:
        yield opened


class Unconfirmed(Driver):
    """A driver whose commits fail at times, or succeed while their answer is lost: nobody can tell the two apart."""

    def __init__(self, master: OptimisationQueue, database: Database, chance: random.Random) -> None:
        super().__init__(master, workers=2)
        self.lost = 0
        self.kept: list[Evaluation] = []
        begin = database.begin

        @contextlib.contextmanager
        def unsure() -> Iterator[Any]:
            fate = chance.random()
            with begin() as session:
                yield session
                if fate < 0.15:
                    raise DatabaseBusyError("the connection was lost before the commit")
            if fate < 0.4:
                self.lost += 1
                raise DatabaseBusyError("the connection was lost after the commit")

        master.recorder.database = database
        self.unsure = unsure

    def _take(self, wanted: int) -> None:
        given = self.kept[: max(0, wanted)]
        del self.kept[: len(given)]
        self.given = given
        given += self.queue.next_evaluations(wanted - len(given)) if wanted > len(given) else []
        for evaluation in given:
            self._start(evaluation)

    def run_through(self, monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
        """Goes on until all is done, repeating what was not confirmed as a worker and the dispatcher do."""
        monkeypatch.setattr(database, "begin", self.unsure)
        for _ in range(3000):
            if self.queue.done:
                break
            held, self.given = list(self.held), []
            try:
                self.report() if self.held else self.claim()
            except DatabaseBusyError:
                self.held = held
                self.kept = self.given + self.kept
        monkeypatch.undo()


def test_a_commit_whose_answer_was_lost_is_not_made_twice(either: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is repeated finds out what is there: every evaluation has one outcome, and the rows are a calm run's."""
    master = create(either, settings(iterations=4, seed=3))
    driver = Unconfirmed(master, either, random.Random(5))
    driver.run_through(monkeypatch, either)
    assert driver.lost > 10
    with master.condition, master.transaction():
        pass
    assert master.complete
    found = queries.results(either, "run")
    assert {row.status for row in found} <= {"completed", "diverged"}
    assert sorted(row.sequence or 0 for row in found) == list(range(1, len(found) + 1))
    replayed, attempts = continue_run(either)
    assert not attempts
    assert state(replayed) == state(master)


class Unlucky(Driver):
    """A driver some of whose transactions fail at their end; it behaves as the dispatcher does then."""

    def __init__(self, *arguments: Any, chance: random.Random, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.failures = 0
        self._chance = chance
        self._kept: list[Any] = []

    def _take(self, wanted: int) -> None:
        taken = self._kept[: max(0, wanted)]
        del self._kept[: len(taken)]
        try:
            for evaluation in taken:
                self._start(evaluation)
            for evaluation in self.queue.next_evaluations(wanted - len(taken)):
                taken.append(evaluation)
                self._start(evaluation)
            if self._chance.random() < 0.3:
                raise OSError("the disk is full")
        except BaseException:
            self._kept = taken + self._kept
            self.held = [item for item in self.held if item.evaluation not in taken]
            raise

    def run_through(self) -> None:
        """Goes on until the queue is done, trying again what failed."""
        while not self.queue.done:
            held = list(self.held)
            try:
                if self.held:
                    self.report(self._chance.randrange(len(self.held)))
                else:
                    self.claim()
            except OSError:
                self.failures += 1
                # The worker was not acknowledged and keeps what it had.
                self.held = held


def end(
    master: OptimisationQueue,
    attempt: Attempt,
    answer: TrialOutcome,
    *,
    and_start_again: bool = False,
) -> None:
    """Reports an outcome; then, where asked, starts the same evaluation again, which fails and is shrugged off."""
    with master.condition, master.transaction():
        master.finished(attempt, answer, 0.5)
        if and_start_again:
            with contextlib.suppress(StorageError):
                master.started(replace(attempt, token="another"))


@pytest.mark.parametrize("workers", [1, 3])
def test_failed_transactions_lose_and_repeat_nothing(database: Database, workers: int) -> None:
    """With a third of the commits failing, the stored run is whole, and a replay holds what the master holds."""
    asked = settings(iterations=12, seed=9)
    master = create(database, asked)
    driver = Unlucky(master, workers=workers, chance=random.Random(1))
    driver.run_through()
    assert driver.failures > 10
    with master.condition, master.transaction():
        pass
    assert not master.recorder.unsaved_outcomes
    replayed, attempts = continue_run(database)
    assert not attempts
    assert state(replayed) == state(master)
    if workers == 1:
        calm = create(database, settings(iterations=12, seed=9, name="calm"))
        Driver(calm).run()
        assert rows(database) == rows(database, "calm")


def test_a_full_disk_is_waited_for(database: Database) -> None:
    """SQLite says that the disk is full: the report fails, its outcome is kept, and is written when there is room."""
    master = create(database, settings(iterations=2))
    driver = Driver(master)
    driver.run(3)
    attempt = driver.held[0]
    with database.begin() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = replace(driver.trial(attempt.evaluation.spec), message="x" * 10**6)
    with pytest.raises(DatabaseBusyError, match="full"):
        end(master, attempt, big)
    assert master.recorder.failure is not None
    assert master.recorder.failing_since is not None
    with database.begin() as session:
        session.exec_driver_sql("PRAGMA max_page_count = 1000000")
    driver.run()
    assert master.done
    assert master.recorder.failing_since is None
    assert len(rows(database)) == 13 + 4


def test_a_locked_database_is_waited_for(database: Database) -> None:
    """Another process writes for longer than we wait: the transaction fails as a whole, and the next succeeds."""
    master = create(database, settings(iterations=2))
    driver = Driver(master)
    driver.run(2)
    with open_database(str(database.location.url), busy_timeout_s=0.2) as other:
        with other.begin(), pytest.raises(DatabaseBusyError):
            driver.report()
        driver.run()
    assert master.done
    assert all(r.attempts == 1 for r in queries.results(database, "run"))


def test_a_write_that_failed_fails_its_transaction(database: Database) -> None:
    """Even where the caller caught the error: PostgreSQL would have rolled everything back without a word."""
    master = create(database, settings())
    driver = Driver(master)
    driver.claim()
    attempt = driver.held[0]
    with pytest.raises(StorageError, match="queued"):
        end(master, attempt, driver.trial(attempt.evaluation.spec), and_start_again=True)
    assert len(master.recorder.unsaved_outcomes) == 1
    assert queries.results(database, "run")[0].status == "running"
    with master.condition, master.transaction():
        pass
    assert queries.results(database, "run")[0].status == "completed"


def test_a_master_that_lost_the_lease_writes_nothing(database: Database) -> None:
    """Another master took the run over while this one slept: its report is refused as a whole."""
    asked = settings()
    with database.begin() as session:
        run_id = writes.create_run(session, new_run(asked))
    ownership = Ownership(database, run_id, asked.name, renew_every_s=0)
    ownership.take()
    recorder = Recorder(database, run_id, ownership)
    with recorder.transaction():
        pass
    with database.begin() as session:
        writes.release_lease(session, run_id, ownership.owner)
        assert writes.take_lease(session, run_id, "another", 60)
    with pytest.raises(ClusterError, match="taken over"), recorder.transaction():
        pass


def test_writing_outside_of_a_transaction_is_a_mistake(database: Database) -> None:
    """So is a transaction within another."""
    recorder = Recorder(database, 1)
    with pytest.raises(RuntimeError, match="within"):
        recorder.end("token", "lost", "", final=False)
    with recorder.transaction(), pytest.raises(RuntimeError, match="nest"), recorder.transaction():
        pass
