"""A user's own SQL: reads everything, changes nothing, over both kinds of database."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from spaces.errors import InvalidValueError
from storage import queries, readonly, writes
from storage.engine import Database, open_database

Raw = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def filled(database: Database, samples: Any) -> Database:
    """A run with one completed evaluation."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        samples.finish(session, samples.queue(session, run_id), samples.outcome())
    return database


@pytest.mark.parametrize(
    "text",
    [
        "SELECT run, one_shot_psnr FROM results",
        "select run, one_shot_psnr from results;",
        "  WITH best AS (SELECT * FROM results) SELECT run, one_shot_psnr FROM best ; \n",
        "SELECT run, one_shot_psnr FROM results WHERE run LIKE '%irs%' -- a comment",
    ],
)
def test_a_select_is_answered(filled: Database, text: str) -> None:
    """With column names and rows, with or without a semicolon at its end."""
    found = queries.sql(filled, text)
    assert (found.columns, found.rows) == (("run", "one_shot_psnr"), (("first", 20.0),))


WRITING = [
    "INSERT INTO runs (name) VALUES ('x')",
    "UPDATE runs SET name = 'x'",
    "DELETE FROM runs",
    "DELETE FROM runs RETURNING name",
    "DROP TABLE epochs",
    "DROP VIEW results",
    "ALTER TABLE runs ADD COLUMN x INTEGER",
    "CREATE TABLE x (a INTEGER)",
    "CREATE TEMP TABLE x (a INTEGER)",
    "SELECT 1; DELETE FROM runs",
    "SELECT 1; COMMIT; DELETE FROM runs",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "VACUUM",
    "ANALYZE",
    "REINDEX",
]

SQLITE_ONLY = [
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA writable_schema = ON",
    "PRAGMA user_version = 7",
    "ATTACH 'other.db' AS other",
    "DETACH main",
    "VACUUM INTO 'other.db'",
    "SELECT load_extension('x')",
    "WITH x AS (SELECT 1) INSERT INTO runs (name) SELECT 'x' FROM x",
]

POSTGRESQL_ONLY = [
    "SET TRANSACTION READ WRITE",
    "SET default_transaction_read_only = off",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "COPY runs TO '/tmp/das-hpo-copied'",
    "COPY (SELECT 1) TO PROGRAM 'touch /tmp/das-hpo-copied'",
    "WITH gone AS (DELETE FROM runs RETURNING name) SELECT * FROM gone",
    "SELECT * INTO other FROM runs",
    "SELECT nextval('runs_id_seq')",
    "TRUNCATE epochs",
    "LOCK TABLE runs",
    "DO 'BEGIN DELETE FROM runs; END'",
]


def _everything(raw: Raw) -> list[Any]:
    return [raw(f"SELECT * FROM {table}") for table in ("runs", "configurations", "evaluations", "attempts", "results")]


@pytest.mark.parametrize("text", WRITING)
def test_nothing_is_changed(filled: Database, raw: Raw, text: str) -> None:
    """Every statement that would write is refused in one line, and all is as it was."""
    before = _everything(raw)
    with pytest.raises(InvalidValueError) as refusal:
        queries.sql(filled, text)
    assert "\n" not in str(refusal.value)
    assert _everything(raw) == before
    assert queries.sql(filled, "SELECT count(*) FROM runs").rows == ((1,),)


@pytest.mark.parametrize("text", SQLITE_ONLY)
def test_sqlite_has_no_back_door(
    sqlite_url: str, samples: Any, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by pragma, nor by attached file, nor by an extension."""
    monkeypatch.chdir(tmp_path)
    with open_database(sqlite_url, create=True) as database:
        with database.begin() as session:
            writes.create_run(session, samples.run())
        with pytest.raises(InvalidValueError):
            queries.sql(database, text)
        assert len(queries.runs(database)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["test.db"]
    with sqlite3.connect(tmp_path / "test.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("text", POSTGRESQL_ONLY)
def test_postgresql_has_no_back_door(made_postgresql_url: str, samples: Any, text: str) -> None:
    """Neither by settings, nor by COPY, nor by functions that write."""
    with open_database(made_postgresql_url, create=True) as database:
        with database.begin() as session:
            writes.create_run(session, samples.run())
        with pytest.raises(InvalidValueError):
            queries.sql(database, text)
        assert len(queries.runs(database)) == 1
    assert not Path("/tmp/das-hpo-copied").exists()


def test_what_postgresql_lets_a_reader_do_is_undone(made_postgresql_url: str) -> None:
    """PostgreSQL 15 makes large objects even in read-only transactions; ours is never committed."""
    with open_database(made_postgresql_url, create=True) as database:
        with suppress(InvalidValueError):  # later versions refuse it
            queries.sql(database, "SELECT lo_create(0)")
        assert queries.sql(database, "SELECT count(*) FROM pg_largeobject_metadata").rows == ((0,),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELEC 1", "cannot be run.*syntax error"),
        ("SELECT nothing FROM results", "cannot be run.*nothing"),
        ("SELECT * FROM nowhere", "cannot be run.*nowhere"),
        ("", "there is no SQL"),
        (" ;; ", "there is no SQL"),
        ("SELECT '\0'", "NUL"),
        ("SELECT ?", "cannot be run|more than one|parameters"),
        ("SELECT 'it''s", "cannot be run"),
    ],
)
def test_bad_sql_is_explained_in_a_line(filled: Database, text: str, said: str) -> None:
    """With what the database says of it."""
    with pytest.raises(InvalidValueError, match=said) as refusal:
        queries.sql(filled, text)
    assert "\n" not in str(refusal.value)


def test_percent_signs_are_text(filled: Database) -> None:
    """They are no placeholders of the driver's."""
    assert queries.sql(filled, "SELECT '%s %(a)s 100%' AS x").rows == (("%s %(a)s 100%",),)


def test_the_schema_can_be_read(sqlite_url: str) -> None:
    """SQLite's pragmas that only tell are let through, and so is EXPLAIN."""
    with open_database(sqlite_url, create=True) as database:
        columns = queries.sql(database, "PRAGMA table_info(results)")
        assert [row[1] for row in columns.rows][:2] == ["run", "objective"]
        assert queries.sql(database, "EXPLAIN QUERY PLAN SELECT * FROM runs").rows


def test_ctrl_c_ends_a_long_query(sqlite_url: str) -> None:
    """SIGINT reaches the user's query within its run, which would last for ever."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with open_database(sqlite_url, create=True) as database:

        def press() -> None:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=press).start()
        with pytest.raises(KeyboardInterrupt):
            queries.sql(database, endless)


#: A query that goes on for ever.
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT {} FROM n"


def test_a_query_that_takes_too_long_is_ended(database: Database) -> None:
    """And says so; the database answers as before."""
    with pytest.raises(InvalidValueError, match="took longer than 1 s: narrow it, or set --timeout higher"):
        queries.sql(database, ENDLESS.format("count(*)"), timeout_s=1.0)
    assert queries.sql(database, "SELECT 1 AS one", timeout_s=1.0).rows == ((1,),)


@pytest.mark.parametrize("rows", [1, 999, 1000, 2500])
def test_a_query_of_too_many_rows_is_ended(database: Database, rows: int) -> None:
    """Not cut short: so many are given, and of one more none."""
    with pytest.raises(InvalidValueError, match=f"gives more than {rows:,} rows: add a LIMIT, or set --max-rows"):
        queries.sql(database, ENDLESS.format("x"), rows=rows)
    found = queries.sql(database, ENDLESS.format("x") + f" LIMIT {rows}", rows=rows)
    assert found.rows == tuple((number,) for number in range(1, rows + 1))


def test_a_query_of_too_much_text_is_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows may hold more than the memory."""
    monkeypatch.setattr(readonly, "MOST_BYTES", 100_000)
    text = "replace('" + "x" * 100 + "', 'x', '" + "y" * 100 + "')"
    with pytest.raises(InvalidValueError, match="gives more than 100,000 bytes of text"):
        queries.sql(database, ENDLESS.format(text))
