"""SQLite's locks survive a second opening of the database in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spaces.errors import DatabaseUnusableError
from storage import queries
from storage.engine import open_database
from storage.open_files import _open, identity

WRITER = """
import sys
from storage.engine import open_database
with open_database(sys.argv[1]) as database, database.begin() as session:
    session.exec_driver_sql("CREATE TABLE IF NOT EXISTS other (x)")
"""


def _write_elsewhere(url: str) -> None:
    subprocess.run([sys.executable, "-c", WRITER, url], check=True, timeout=120)


def test_another_process_does_not_take_itself_for_the_last(tmp_path: Path) -> None:
    """It closes the database and leaves the log to the process that has it open, however often that opened it."""
    path = tmp_path / "a.db"
    url = f"sqlite:///{path}"
    with open_database(url, create=True) as database:
        assert queries.runs(database) == []
        log = path.with_name("a.db-wal")
        _write_elsewhere(url)
        assert log.exists()
        for _ in range(2):  # what the live page does, and load_results beside a run
            open_database(url).close()
        _write_elsewhere(url)
        assert log.exists()
    assert not log.exists()


def test_only_what_is_open_is_counted(tmp_path: Path) -> None:
    """Closed twice, or never opened because it is empty: nothing is left."""
    path = tmp_path / "a.db"
    database = open_database(f"sqlite:///{path}", create=True)
    found = identity(path)
    assert found is not None
    assert _open[found] == 1
    database.close()
    database.close()
    assert _open[found] == 0
    (tmp_path / "empty.db").touch()
    with pytest.raises(DatabaseUnusableError, match="is empty"):
        open_database(f"sqlite:///{tmp_path}/empty.db")
    empty = identity(tmp_path / "empty.db")
    assert empty is not None
    assert _open[empty] == 0
