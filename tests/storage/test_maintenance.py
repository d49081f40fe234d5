"""check, upgrade, backup and vacuum."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from spaces.errors import DatabaseMissingError, DatabaseUnusableError, InvalidValueError
from storage import maintenance, queries, writes
from storage.engine import Database, open_database
from storage.entries import NewOutcome

Raw = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def filled(database: Database, samples: Any) -> Database:
    """A run with an evaluation of every status, lost attempts included."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        ids = [samples.queue(session, run_id, number) for number in range(5)]
        samples.finish(session, ids[0], samples.outcome())
        samples.finish(session, ids[1], samples.diverged())
        writes.start_attempt(session, ids[2], "lost", samples.worker)
        writes.end_attempt(session, "lost", "lost", None, final=True)
        writes.start_attempt(session, ids[3], "late", samples.worker)
        writes.end_attempt(session, "late", "lost", None, final=False)
        writes.start_attempt(session, ids[3], "open", samples.worker)
    return database


def test_what_was_written_by_us_is_sound(filled: Database, url: str, samples: Any) -> None:
    """In every status, also after a late outcome that supersedes a running attempt."""
    assert maintenance.check(url) == []
    with filled.begin() as session:
        assert writes.record_outcome(session, NewOutcome("late", samples.outcome(), -20.0, 1.0))
    assert maintenance.check(url) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("DELETE FROM attempts WHERE status = 'completed'", "exactly one completed attempt (2 times"),
        ("UPDATE attempts SET status = 'completed' WHERE token = 'lost'", "has no completed attempt (1 times"),
        ("UPDATE evaluations SET status = 'queued' WHERE status = 'running'", "running exactly when an attempt"),
        ("UPDATE evaluations SET attempts = 9 WHERE status = 'completed'", "counts its attempts (1 times"),
        ("UPDATE evaluations SET worker_id = NULL WHERE status = 'completed'", "names the worker"),
        ("UPDATE runs SET sequence = 9", "numbered from 1 without a gap (1 times"),
        ("UPDATE evaluations SET sequence = 7 WHERE status = 'failed'", "numbered from 1 without a gap"),
    ],
)
def test_what_cannot_be_is_found(filled: Database, url: str, raw: Raw, harm: str, said: str) -> None:
    """Each invariant, broken by hand, is reported as a sentence with the rows."""
    raw(harm)
    found = maintenance.check(url)
    assert any(said in line for line in found), found
    assert all("\n" not in line for line in found)


def test_broken_references_are_found(sqlite_url: str, samples: Any, tmp_path: Path) -> None:
    """As another program leaves them that does not enforce them."""
    with open_database(sqlite_url, create=True) as database, database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        samples.queue(session, run_id)
    with closing(sqlite3.connect(tmp_path / "test.db")) as connection, connection:
        connection.execute("DELETE FROM configurations")
    assert maintenance.check(sqlite_url) == ["broken reference: row 1 of evaluations to configurations"]


def test_a_damaged_index_is_found(sqlite_url: str, samples: Any, tmp_path: Path) -> None:
    """A row that an index does not know of."""
    with open_database(sqlite_url, create=True) as database, database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        samples.queue(session, run_id)
    with closing(sqlite3.connect(tmp_path / "test.db")) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        name = "ix_evaluations_run_id_status_budget_loss"
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = ?", (name,))
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute("UPDATE evaluations SET budget = 7")
        connection.execute(sql)
    assert maintenance.check(sqlite_url) == []
    with closing(sqlite3.connect(tmp_path / "test.db")) as connection, connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray((tmp_path / "test.db").read_bytes())
    content[page * size - 40 : page * size] = bytes(40)
    (tmp_path / "test.db").write_bytes(content)
    assert any("damaged file" in line for line in maintenance.check(sqlite_url))


def test_a_backup_is_the_database(filled: Database, url: str, tmp_path: Path) -> None:
    """With the same rows, sound, in one file; PostgreSQL is told to use its own tool."""
    target = tmp_path / "backup.db"
    if url.startswith("postgresql"):
        with pytest.raises(InvalidValueError, match="pg_dump"):
            maintenance.backup(url, target)
        return
    assert maintenance.backup(url, target) == target
    copy = f"sqlite:///{target}"
    assert maintenance.check(copy) == []
    with open_database(copy) as database:
        assert queries.results(database) == queries.results(filled)
    filled.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.db", "test.db"]


def test_a_backup_while_it_is_written(sqlite_url: str, samples: Any, tmp_path: Path) -> None:
    """Each copy is a state that was committed: sound, and with no more or less than that."""
    with open_database(sqlite_url, create=True) as database:
        with database.begin() as session:
            run_id = writes.create_run(session, samples.run())
        enough = threading.Event()

        def work() -> None:
            number = 0
            while not enough.is_set():
                with database.begin() as session:
                    samples.finish(session, samples.queue(session, run_id, number), samples.outcome())
                number += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            counts = []
            for _ in range(5):
                maintenance.backup(sqlite_url, tmp_path / "backup.db")
                copy = f"sqlite:///{tmp_path}/backup.db"
                assert maintenance.check(copy) == []
                with open_database(copy) as copied:
                    counts.append(queries.show(copied, "first").counts["completed"])
        finally:
            enough.set()
            thread.join()
        assert counts == sorted(counts)
        assert counts[-1] <= queries.show(database, "first").counts["completed"]


def test_backups_that_cannot_be_made_leave_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """Onto itself, into a directory that is not there, of a database that is not there."""
    with pytest.raises(DatabaseMissingError):
        maintenance.backup(sqlite_url, tmp_path / "backup.db")
    open_database(sqlite_url, create=True).close()
    with pytest.raises(InvalidValueError, match="is the database itself"):
        maintenance.backup(sqlite_url, tmp_path / "test.db")
    with pytest.raises(DatabaseUnusableError, match="there is no directory"):
        maintenance.backup(sqlite_url, tmp_path / "missing" / "backup.db")
    with pytest.raises(InvalidValueError, match="belongs to the database itself"):
        maintenance.backup(sqlite_url, tmp_path / "test.db-wal")
    assert [path.name for path in tmp_path.iterdir()] == ["test.db"]
    # SQLite would write a log that lies there into what is put beside it.
    (tmp_path / "old.db").write_bytes((tmp_path / "test.db").read_bytes())
    (tmp_path / "old.db-wal").write_bytes(b"log")
    with pytest.raises(DatabaseUnusableError, match="has a log beside it, old"):
        maintenance.backup(sqlite_url, tmp_path / "old.db")
    assert {path.name for path in tmp_path.iterdir()} == {"test.db", "old.db", "old.db-wal"}


def test_missing_tables_and_views_are_found(sqlite_url: str, tmp_path: Path) -> None:
    """What another program dropped."""
    open_database(sqlite_url, create=True).close()
    with closing(sqlite3.connect(tmp_path / "test.db")) as connection, connection:
        connection.execute("DROP VIEW results")
        connection.execute("DROP TABLE epochs")
    assert maintenance.check(sqlite_url) == ["missing: epochs", "missing: results"]


def test_vacuum_gives_space_back(database: Database, url: str, raw: Raw, samples: Any) -> None:
    """A deleted run's space is freed; what is left is untouched."""
    with database.begin() as session:
        for name, evaluations in (("kept", 1), ("gone", 300)):
            run_id = writes.create_run(session, samples.run(name))
            for number in range(evaluations):
                samples.finish(session, samples.queue(session, run_id, number), samples.outcome())
    kept = queries.results(database, "kept")
    raw("DELETE FROM runs WHERE name = 'gone'")
    done = maintenance.vacuum(url)
    assert queries.results(database) == kept
    if url.startswith("sqlite"):
        assert done.after < done.before / 2
    assert maintenance.check(url) == []


def test_a_missing_database_is_missing(sqlite_url: str, tmp_path: Path) -> None:
    """None of the four makes one."""
    for use in (maintenance.check, maintenance.upgrade, maintenance.vacuum):
        with pytest.raises(DatabaseMissingError):
            use(sqlite_url)
    assert list(tmp_path.iterdir()) == []
