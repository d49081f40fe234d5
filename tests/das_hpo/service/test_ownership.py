"""One master a run, whatever stands still, mostly on a real PostgreSQL: SQLite has one writer by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.optimisers.queue import make_queue
from das_hpo.service import ownership
from das_hpo.service.ownership import Ownership
from das_hpo.service.recorder import Recorder
from spaces.errors import ClusterError, DatabaseBusyError
from storage import queries, writes
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, continue_run, new_run, settings

LEASE_S = 1.5


@pytest.fixture
def database(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """An empty database; leases are short."""
    monkeypatch.setattr(ownership, "LEASE_S", LEASE_S)
    with open_database(postgresql_url, create=True, busy_timeout_s=0.3) as opened:
        yield opened


def owned(database: Database, name: str = "run") -> Ownership:
    """A master on another machine than any other, as far as anybody can see."""
    made = Ownership(database, queries.run(database, name).id, name)
    made.owner = f"elsewhere:{made.owner}"
    return made


def test_a_master_that_stands_still_within_a_transaction_is_superseded_and_writes_nothing(database: Database) -> None:
    """The server ends its transaction when its lease has run out; what it then writes is refused, the run goes on."""
    asked = settings(iterations=1)
    with database.begin() as session:
        run_id = writes.create_run(session, new_run(asked))
    sleeper = owned(database)
    sleeper.take()
    master = make_queue(asked, Recorder(database, run_id, sleeper))
    driver = Driver(master)
    driver.run(2)
    attempt = driver.held[0]
    following = owned(database)

    def stand_still_within_a_report() -> None:
        with master.condition, master.transaction():
            master.finished(attempt, driver.trial(attempt.evaluation.spec), 0.5)
            following.take()

    with pytest.raises(DatabaseBusyError):
        stand_still_within_a_report()
    with pytest.raises(ClusterError, match="taken over"), master.condition, master.transaction():
        pass
    successor, attempts = continue_run(database)
    successor.recorder._ownership = following
    successor.give_up(attempts, "the worker is gone")
    Driver(successor).run()
    assert successor.complete
    rows = queries.results(database, "run")
    assert {row.status for row in rows} <= {"completed", "diverged"}
    assert len(rows) == successor.expected


def test_a_master_waits_for_no_lease_that_is_renewed(database: Database) -> None:
    """It is refused as soon as it is seen that the other one lives."""
    with database.begin() as session:
        run_id = writes.create_run(session, new_run(settings()))
    living = owned(database)
    living.take()
    recorder = Recorder(database, run_id, living)
    stop = threading.Event()

    def renew() -> None:
        living._renew_every_s = 0.0
        while not stop.wait(0.1):
            with recorder.transaction():
                pass

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(ClusterError, match="is being run by"):
            owned(database).take()
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("set_back_h", [1, 24 * 365])
def test_a_clock_that_is_set_back_keeps_no_run_for_its_dead_master(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch, set_back_h: int
) -> None:
    """A lease that ends in hours is taken when nobody has renewed it for a little longer than one lasts."""
    monkeypatch.setattr(ownership, "LEASE_S", LEASE_S)
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as database:
        with database.begin() as session:
            writes.create_run(session, new_run(settings()))
        dead = owned(database)
        dead.take()
        with database.begin() as session:
            later = f"UPDATE runs SET lease_expires_at = datetime(lease_expires_at, '+{set_back_h} hours')"
            session.exec_driver_sql(later)
        stop = threading.Event()
        timer = threading.Timer(20 * LEASE_S, stop.set)
        timer.start()
        try:
            following = owned(database)
            following.take(stop)
        except KeyboardInterrupt:
            pytest.fail("it waits for the lease of a dead master")
        finally:
            timer.cancel()
        with database.begin() as session:
            following.hold(session)
        with pytest.raises(ClusterError, match="taken over"), database.begin() as session:
            dead.hold(session)


def test_what_the_user_asks_is_seen_with_the_lease(database: Database) -> None:
    """With the renewal of it, from whichever process it was written."""
    with database.begin() as session:
        writes.create_run(session, new_run(settings(iterations=1)))
    mine = Ownership(database, queries.run(database, "run").id, "run", renew_every_s=0.0)
    mine.take()
    for request in ("pause", "cancel"):
        with database.begin() as session:
            mine.hold(session)
        with database.begin() as session:
            writes.request_end(session, "run", request)
        assert mine.request != request
        with database.begin() as session:
            mine.hold(session)
        assert mine.request == request
    mine.release()
