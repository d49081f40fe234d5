"""A run's life: what is asked of it, its name, note and tags, and its deletion with everything of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from spaces.errors import ClusterError, InvalidValueError, RunExistsError, RunMissingError, UnknownNameError
from storage import maintenance, queries, writes
from storage.engine import Database
from storage.entries import WorkerInfo

Raw = Callable[[str], list[tuple[Any, ...]]]

TABLES = ("runs", "configurations", "evaluations", "attempts", "epochs", "workers")

OTHER = WorkerInfo("worker-2", "node-2", 1, "cpu", "0.1.0")


def counts(raw: Raw) -> dict[str, int]:
    """How many rows each table has."""
    return {table: raw(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def fill(database: Database, samples: Any, name: str, *, worker: WorkerInfo | None = None) -> int:
    """A run with an outcome, one that was lost, and one that is queued."""
    with database.begin() as session:
        run_id = int(writes.create_run(session, samples.run(name)))
        done, lost, _ = (samples.queue(session, run_id, number) for number in range(3))
        samples.finish(session, done, samples.outcome(), worker)
        writes.start_attempt(session, lost, f"lost-{run_id}", samples.worker)
        writes.end_attempt(session, f"lost-{run_id}", "lost", "silent", final=False)
        writes.set_run_status(session, run_id, "interrupted")
    return run_id


def test_everything_of_a_run_is_deleted_and_nothing_else(database: Database, samples: Any, raw: Raw) -> None:
    """Rows of all tables; a worker stays while another run refers to it."""
    fill(database, samples, "kept")
    before = counts(raw)
    run_id = fill(database, samples, "first", worker=OTHER)
    assert counts(raw)["workers"] == before["workers"] + 1
    with database.begin() as session:
        deleted = writes.delete_run(session, "first")
    assert (deleted.configurations, deleted.evaluations) == (3, 3)
    assert f"lost-{run_id}" in deleted.tokens
    assert len(deleted.tokens) == 2
    assert counts(raw) == before
    assert maintenance.check(database.location.url.render_as_string(hide_password=False)) == []
    with database.begin() as session:
        writes.delete_run(session, "kept")
    assert counts(raw) == dict.fromkeys(TABLES, 0)


def test_a_run_that_is_served_is_neither_deleted_nor_renamed(database: Database, samples: Any, raw: Raw) -> None:
    """Until its lease has run out; an unknown run says so."""
    run_id = fill(database, samples, "first")
    with database.begin() as session:
        writes.take_lease(session, run_id, "host:17:1:elsewhere:ab", 60)
    before = counts(raw)
    for refused in (lambda s: writes.delete_run(s, "first"), lambda s: writes.rename_run(s, "first", "second")):
        with (
            pytest.raises(ClusterError, match=r"run by process 17 on host: end it first, .*das-hpo cancel first"),
            database.begin() as session,
        ):
            refused(session)
    assert counts(raw) == before
    with pytest.raises(RunMissingError), database.begin() as session:
        writes.delete_run(session, "nobody")
    with database.begin() as session:
        writes.take_lease(session, run_id, "host:17:1:elsewhere:ab", -1)
        assert writes.delete_run(session, "first").evaluations == 3


def test_a_kill_in_the_middle_of_a_deletion_leaves_everything(
    url: str, database: Database, samples: Any, raw: Raw
) -> None:
    """The transaction was not committed: kill -9 after the rows are gone, before the commit."""
    fill(database, samples, "first")
    before = counts(raw)
    script = f"""
        import os, signal
        from storage import writes
        from storage.engine import open_database
        with open_database({url!r}) as database, database.begin() as session:
            writes.delete_run(session, "first")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert counts(raw) == before
    with database.begin() as session:
        writes.delete_run(session, "first")
    assert counts(raw)["runs"] == 0


def test_a_run_ends_as_its_user_asked(database: Database, samples: Any) -> None:
    """Asked while it runs, it is cancelled or paused once it has ended; running again, nothing is asked any more."""
    run_id = fill(database, samples, "first")
    for request, state in (("pause", "paused"), ("cancel", "cancelled")):
        with database.begin() as session:
            writes.set_run_status(session, run_id, "running")
            writes.take_lease(session, run_id, "owner", 60)
            assert writes.request_of(session, run_id) is None
            writes.request_end(session, "first", request)
            assert writes.request_of(session, run_id) == request
        assert queries.run(database, "first").state == "running"
        with database.begin() as session:
            writes.release_lease(session, run_id, "owner")  # as after a kill
        assert queries.run(database, "first").state == state
        with database.begin() as session:
            writes.set_run_status(session, run_id, "interrupted", "it was asked to")
        assert queries.run(database, "first").state == state
    with pytest.raises(InvalidValueError, match="is cancelled already"), database.begin() as session:
        writes.request_end(session, "first", "pause")
    with pytest.raises(UnknownNameError, match="request"), database.begin() as session:
        writes.request_end(session, "first", "explode")
    with database.begin() as session:
        writes.set_run_status(session, run_id, "completed")
    assert queries.run(database, "first").state == "completed"
    with (
        pytest.raises(InvalidValueError, match="is completed: there is nothing to cancel"),
        database.begin() as session,
    ):
        writes.request_end(session, "first", "cancel")


def test_a_run_is_renamed_in_its_settings_too(database: Database, samples: Any) -> None:
    """A name that is taken is refused."""
    fill(database, samples, "other")
    with database.begin() as session:
        writes.create_run(session, samples.run(settings={"name": "first", "iterations": 4}))
    with pytest.raises(RunExistsError, match="there is a run named 'other'"), database.begin() as session:
        writes.rename_run(session, "first", "other")
    with database.begin() as session:
        writes.rename_run(session, "first", "second")
        writes.rename_run(session, "other", "first")
    assert queries.run(database, "second").settings == {"name": "second", "iterations": 4}
    assert [summary.run.name for summary in queries.runs(database)] == ["first", "second"]


def test_notes_and_tags(database: Database, samples: Any) -> None:
    """They come back as given, tags sorted and once; words that are no tags are refused."""
    fill(database, samples, "first")
    assert (queries.run(database, "first").note, queries.run(database, "first").tags) == (None, ())
    with database.begin() as session:
        writes.set_run_note(session, "first", "größer, 50 % 'quoted'")
        assert writes.change_run_tags(session, "first", ["lab", "blur", "lab"]) == ("blur", "lab")
        assert writes.change_run_tags(session, "first", ["x"], remove=["lab", "none"]) == ("blur", "x")
    found = queries.run(database, "first")
    assert (found.note, found.tags) == ("größer, 50 % 'quoted'", ("blur", "x"))
    with database.begin() as session:
        writes.set_run_note(session, "first", None)
    assert queries.run(database, "first").note is None
    for word in ("two words", "", "-x", "x" * 65):
        with pytest.raises(InvalidValueError, match="a tag is up to 64 letters"), database.begin() as session:
            writes.change_run_tags(session, "first", [word])
