"""What drivers raise becomes storage errors, and only what may pass is said to."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spaces.errors import DatabaseUnusableError, StorageError, may_pass
from storage import writes
from storage.engine import Database, open_database
from storage.entries import NewOutcome
from storage.failures import storage_error


@pytest.mark.parametrize(
    "change",
    [{"message": "x\0y"}, {"message": "caf\udce9"}, {"parameters": 10**400}, {"kernel": "\ud800"}],
    ids=["NUL", "surrogate", "400 digits", "half a character"],
)
def test_a_value_that_cannot_be_stored_does_not_pass(database: Database, samples: Any, change: dict[str, Any]) -> None:
    """It is a storage error of one line, and the database goes on."""
    if database.location.path is not None and change == {"message": "x\0y"}:
        pytest.skip("SQLite takes a NUL")
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        writes.start_attempt(session, samples.queue(session, run_id), "token", samples.worker)
    outcome = replace(samples.outcome(), **change)
    with pytest.raises(StorageError, match=r"^the database .* refused") as caught, database.begin() as session:
        writes.record_outcome(session, NewOutcome("token", outcome, -20.0, 1.0))
    assert not may_pass(caught.value)
    str(caught.value).encode()
    with database.begin() as session:
        assert writes.record_outcome(session, NewOutcome("token", samples.outcome(), -20.0, 1.0))


def test_an_error_of_the_block_stays_what_it_is(database: Database) -> None:
    """Of whoever wrote the block: it is none of the database's."""
    for error in (ValueError("no"), OverflowError("too much"), UnicodeEncodeError("utf-8", "\udce9", 0, 1, "no")):
        with pytest.raises(type(error)) as caught, database.begin():
            raise error
        assert caught.value is error
        assert not may_pass(error)


def test_a_database_that_was_moved_may_come_back(sqlite_url: str, tmp_path: Path) -> None:
    """What was true of the file is not said to be about what was to be written."""
    path = tmp_path / "test.db"
    with open_database(sqlite_url, create=True) as database:
        path.rename(tmp_path / "away.db")
        with pytest.raises(DatabaseUnusableError, match="put it back") as caught, database.begin():
            pass
        assert may_pass(caught.value)
        (tmp_path / "away.db").rename(path)
        with database.begin():
            pass
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(DatabaseUnusableError) as caught:
        open_database(sqlite_url)
    assert not may_pass(caught.value)


def test_a_race_for_the_log_of_sqlite_passes() -> None:
    """Many processes that open one log may lose a race, which is no word about what was to be written."""
    error = sqlite3.OperationalError("locking protocol")
    error.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
    assert may_pass(storage_error(error, "x.db"))
