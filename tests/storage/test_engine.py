"""Opening databases: what is refused, what is made, and that transactions are what they claim."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from spaces.errors import (
    DatabaseBusyError,
    DatabaseMissingError,
    DatabaseUnusableError,
    InvalidValueError,
)
from storage import maintenance, queries, writes
from storage.engine import Database, open_database

Raw = Callable[[str], list[tuple[Any, ...]]]

NOBODY = 65534


def test_a_missing_database_is_missing(tmp_path: Path) -> None:
    """Nothing is made where nothing was asked for."""
    with pytest.raises(DatabaseMissingError, match=r"there is no database at .*x\.db: name one with --db"):
        open_database(f"sqlite:///{tmp_path}/x.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [False, True])
def test_what_is_no_place_is_refused(tmp_path: Path, create: bool) -> None:
    """A directory that is not there, and one that is in the database's place."""
    with pytest.raises(DatabaseUnusableError, match=r"there is no directory .*missing for the database"):
        open_database(f"sqlite:///{tmp_path}/missing/x.db", create=create)
    with pytest.raises(DatabaseUnusableError, match="is not a file"):
        open_database(f"sqlite:///{tmp_path}", create=create)
    (tmp_path / "file").write_text("text")
    with pytest.raises(DatabaseUnusableError, match="there is no directory"):
        open_database(f"sqlite:///{tmp_path}/file/x.db", create=create)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("content", [b"text\n", b"SQLite format 2\0" * 100, b"\0" * 5000], ids=["text", "2", "zeros"])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes, create: bool) -> None:
    """It is named and stays as it is."""
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseUnusableError, match=r"x\.db is no SQLite database"):
        open_database(f"sqlite:///{path}", create=create)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("use", [open_database, maintenance.check, maintenance.vacuum], ids=lambda use: use.__name__)
def test_a_damaged_database_is_told(sqlite_url: str, tmp_path: Path, samples: Any, use: Callable[[str], Any]) -> None:
    """Garbage behind a sound first line: one line that says so, never a traceback of the driver's."""
    with open_database(sqlite_url, create=True) as database, database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number in range(50):
            samples.finish(session, samples.queue(session, run_id, number), samples.outcome())
    path = tmp_path / "test.db"
    content = path.read_bytes()
    path.write_bytes(content[:100] + os.urandom(len(content) - 100))
    with pytest.raises(DatabaseUnusableError, match="is no sound SQLite database"):
        use(sqlite_url)


def test_a_cut_database_is_told(sqlite_url: str, tmp_path: Path, samples: Any) -> None:
    """Half a file, as a full disk leaves it behind a copy: the check tells of it."""
    with open_database(sqlite_url, create=True) as database, database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number in range(50):
            samples.queue(session, run_id, number)
    path = tmp_path / "test.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        found = maintenance.check(sqlite_url)
    except DatabaseUnusableError as error:
        found = [str(error)]
    assert found != []


def test_an_empty_file_is_filled_only_when_asked(tmp_path: Path) -> None:
    """As ``mktemp`` and ``touch`` make them."""
    path = tmp_path / "x.db"
    path.touch()
    with pytest.raises(DatabaseUnusableError, match="is empty"):
        open_database(f"sqlite:///{path}")
    assert path.stat().st_size == 0
    with open_database(f"sqlite:///{path}", create=True) as database:
        assert queries.runs(database) == []


def test_a_closed_database_is_one_file(sqlite_url: str, tmp_path: Path, samples: Any) -> None:
    """Neither drafts nor logs are left beside it."""
    with open_database(sqlite_url, create=True) as database, database.begin() as session:
        writes.create_run(session, samples.run())
    assert [path.name for path in tmp_path.iterdir()] == ["test.db"]
    assert stat.S_IMODE((tmp_path / "test.db").stat().st_mode) & 0o600 == 0o600


def test_names_with_odd_characters_are_files(tmp_path: Path) -> None:
    """Percent, quotes, blanks and letters beyond ASCII are of the file's name."""
    for name in ("a b.db", "100%.db", "grün#1.db", "a'b.db"):
        with open_database(f"sqlite:///{tmp_path}/{name}", create=True) as database:
            assert queries.sql(database, "SELECT count(*) FROM runs").rows == ((0,),)
        assert (tmp_path / name).exists()


def test_settings_of_every_connection(sqlite_url: str, samples: Any) -> None:
    """Write-ahead log, full synchronisation, foreign keys and a wait for the lock."""
    with open_database(sqlite_url, create=True) as database:
        for opening in (database.begin, database.read):
            with opening() as connection:
                found = [
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                ]
                assert found == ["wal", 2, 1, 30_000]


def _open(url: str, gate: Any, answers: Any) -> None:
    gate.wait()
    try:
        with open_database(url, create=True) as database:
            answers.put(len(queries.runs(database)))
    except BaseException as error:  # noqa: BLE001
        answers.put(repr(error))


@pytest.mark.parametrize("state", ["missing", "empty file", "postgresql"])
def test_eight_processes_make_one_database(state: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Started at once on the same URL, all of them find it made, by one of them."""
    url = request.getfixturevalue("postgresql_url" if state == "postgresql" else "sqlite_url")
    if state == "empty file":
        (tmp_path / "test.db").touch()
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(8), context.Queue()
    processes = [context.Process(target=_open, args=(url, gate, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    assert [answers.get(timeout=120) for _ in processes] == [0] * 8
    for process in processes:
        process.join()
    if state != "postgresql":
        assert [path.name for path in tmp_path.iterdir()] == ["test.db"]
    assert maintenance.check(url) == []


def _as_nobody(program: Callable[[], None]) -> str:
    """Runs it in a process of nobody's and returns what it raised, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            try:
                program()
                said = "nothing"
            except BaseException as error:  # noqa: BLE001
                said = f"{type(error).__name__}: {error}"
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_without_the_right_to_write(samples: Any) -> None:
    """Reading works, in place of another's directory too; writing and making are refused in one line."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        url = f"sqlite:///{directory}/x.db"
        with open_database(url, create=True) as database, database.begin() as session:
            writes.create_run(session, samples.run())

        def read() -> None:
            with open_database(url) as database:
                assert [summary.run.name for summary in queries.runs(database)] == ["first"]
                assert queries.sql(database, "SELECT name FROM runs").rows == (("first",),)
                assert database.read_only

        def write() -> None:
            with open_database(url) as database, database.begin() as session:
                writes.create_run(session, samples.run("second"))

        assert _as_nobody(read) == "nothing"
        with open_database(url) as database, database.begin() as session:
            writes.set_run_status(session, 1, "interrupted")
            assert _as_nobody(read) == "nothing", "while somebody is writing it"
        assert "DatabaseUnusableError" in _as_nobody(write)
        assert "can only be read: check the rights" in _as_nobody(lambda: open_database(url, create=True).close())
        made = _as_nobody(lambda: open_database(f"sqlite:///{directory}/y.db", create=True).close())
        assert "y.db cannot be made: Permission denied" in made
        (directory / "x.db").chmod(0o600)
        assert "cannot be read (Permission denied)" in _as_nobody(lambda: open_database(url).close())
        assert [path.name for path in directory.iterdir()] == ["x.db"]


def test_a_locked_database_is_waited_for_and_then_named(sqlite_url: str, tmp_path: Path, samples: Any) -> None:
    """A lock that another process keeps ends in an error of its own kind; afterwards all goes on."""
    with open_database(sqlite_url, create=True, busy_timeout_s=0.2) as database:
        with closing(sqlite3.connect(tmp_path / "test.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseBusyError, match="stayed locked by another process"), database.begin():
                pass
            assert queries.runs(database) == [], "readers do not wait"
            other.execute("ROLLBACK")
        with database.begin() as session:
            writes.create_run(session, samples.run())
        assert len(queries.runs(database)) == 1


def test_threads_of_one_process_wait_for_each_other(database: Database, samples: Any) -> None:
    """Eight threads that write at once lose nothing, and each sees its own transaction."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        ids = [samples.queue(session, run_id, number) for number in range(64)]
    problems: list[BaseException] = []

    def work(part: list[int]) -> None:
        try:
            for evaluation in part:
                with database.begin() as session:
                    samples.finish(session, evaluation, samples.outcome())
        except BaseException as error:  # noqa: BLE001
            problems.append(error)

    threads = [threading.Thread(target=work, args=(ids[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(row.sequence or 0 for row in queries.results(database)) == list(range(1, 65))


def test_a_reader_sees_one_state(database: Database, samples: Any) -> None:
    """What is committed while it reads, it does not see; the next reader does."""
    from sqlalchemy import text

    count = text("SELECT count(*) FROM runs")
    with database.read() as reader:
        assert reader.scalar(count) == 0
        with database.begin() as session:
            writes.create_run(session, samples.run())
        assert reader.scalar(count) == 0
    with database.read() as reader:
        assert reader.scalar(count) == 1


def test_a_server_that_is_not_there_is_told() -> None:
    """In one line, without the password."""
    with pytest.raises(
        DatabaseBusyError, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:1/lab cannot be used at present"
    ) as e:
        open_database("postgresql://me:secret@127.0.0.1:1/lab")
    assert "secret" not in str(e.value)
    assert "\n" not in str(e.value)


def test_a_postgresql_database_that_is_not_there_is_told(postgresql_url: str) -> None:
    """With how to make it."""
    url = postgresql_url.replace("/test", "/nothing")
    with pytest.raises(DatabaseMissingError, match="make one with createdb"):
        open_database(url, create=True)


def test_a_restarted_server_costs_nothing(made_postgresql_url: str) -> None:
    """Connections that the server has closed are replaced."""
    with open_database(made_postgresql_url) as database:
        assert queries.runs(database) == []
        with psycopg.connect(made_postgresql_url) as connection:
            ended = connection.execute(
                b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'das-hpo'"
            )
            assert (True,) in ended.fetchall()
        assert queries.runs(database) == []


def test_a_link_is_the_file_that_it_names(tmp_path: Path, samples: Any) -> None:
    """Log, spool and drafts lie beside the file, also where the link was there first."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "real.db")
    with open_database(f"sqlite:///{tmp_path}/link.db", create=True) as database:
        with database.begin() as session:
            writes.create_run(session, samples.run())
        assert database.location.spool == tmp_path / "data" / "real.db.spool"
    with open_database(f"sqlite:///{tmp_path}/data/real.db") as database:
        assert len(queries.runs(database)) == 1


def test_wrong_schemes_touch_nothing(tmp_path: Path) -> None:
    """A URL that cannot be used is refused before anything is opened."""
    with pytest.raises(InvalidValueError, match="valid are"):
        open_database("oracle://host/db", create=True)


def test_an_open_database_goes_with_its_process(sqlite_url: str) -> None:
    """A process that never closed it ends, and leaves a database that opens."""
    program = (
        "from storage.engine import open_database\n"
        f"database = open_database({sqlite_url!r}, create=True)\n"
        "with database.read() as session: session.exec_driver_sql('SELECT 1')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert maintenance.check(sqlite_url) == []


def test_the_log_of_a_removed_database_does_not_get_into_a_new_one(sqlite_url: str, tmp_path: Path) -> None:
    """A database whose process was killed is removed, and its log is left: SQLite would replay it."""
    program = (
        "import os, signal\nfrom storage.engine import open_database\nfrom storage import writes\n"
        "from tests.storage.conftest import Samples\n"
        f"database = open_database({sqlite_url!r}, create=True)\n"
        "with database.begin() as session:\n    writes.create_run(session, Samples().run())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False, timeout=60)
    (tmp_path / "test.db").unlink()
    assert (tmp_path / "test.db-wal").exists()
    with pytest.raises(DatabaseUnusableError, match="-wal is the log of a database that is not there any more"):
        open_database(sqlite_url, create=True)
    assert not (tmp_path / "test.db").exists()
    (tmp_path / "test.db-wal").unlink()
    open_database(sqlite_url, create=True).close()
    assert maintenance.check(sqlite_url) == []


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_removed_file_is_noticed(sqlite_url: str, tmp_path: Path, samples: Any, replaced: bool) -> None:
    """SQLite would go on writing into a file that nobody can open any more."""
    with open_database(sqlite_url, create=True) as database:
        (tmp_path / "test.db").rename(tmp_path / "away.db")
        if replaced:
            (tmp_path / "test.db").write_bytes((tmp_path / "away.db").read_bytes())
        with pytest.raises(DatabaseUnusableError, match="was removed or replaced while it was open"), database.begin():
            pass
        with pytest.raises(DatabaseUnusableError, match="was removed or replaced while it was open"):
            queries.runs(database)
        (tmp_path / "away.db").rename(tmp_path / "test.db")
        with database.begin() as session:
            writes.create_run(session, samples.run())
        assert len(queries.runs(database)) == 1
