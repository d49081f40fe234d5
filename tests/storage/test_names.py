"""A SQLite file with a second name is not written: its log lies beside one name only."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spaces.errors import DatabaseUnusableError
from storage import maintenance, queries, writes
from storage.engine import open_database
from storage.names import draft_of


def files(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def make(url: str, samples: Any) -> None:
    """A database with one run."""
    with open_database(url, create=True) as database, database.begin() as session:
        writes.create_run(session, samples.run())


@pytest.fixture
def mounted(sqlite_url: str, tmp_path: Path, samples: Any) -> Iterator[Path]:
    """The database, mounted as a single file in a folder with a space in its name."""
    make(sqlite_url, samples)
    place = tmp_path / "a folder" / "test.db"
    place.parent.mkdir()
    place.touch()
    done = subprocess.run(["mount", "--bind", tmp_path / "test.db", place], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def create(url: str) -> None:
    """Opens it as a new run does."""
    open_database(url, create=True).close()


def write(url: str) -> None:
    """Opens it as resume does, and writes."""
    with open_database(url) as database, database.begin():
        pass


WRITERS: list[Callable[[str], object]] = [create, write, maintenance.vacuum, maintenance.upgrade]


@pytest.mark.parametrize("use", WRITERS, ids=lambda use: use.__name__)
@pytest.mark.parametrize("name", ["test.db", "other.db"])
def test_a_file_with_two_names_is_not_written(
    sqlite_url: str, tmp_path: Path, samples: Any, use: Callable[[str], object], name: str
) -> None:
    """By neither name, and nothing is left beside it; with one name all is well again."""
    make(sqlite_url, samples)
    os.link(tmp_path / "test.db", tmp_path / "other.db")
    with pytest.raises(DatabaseUnusableError, match=rf"{name} has 2 names \(hard links\).*remove the others"):
        use(f"sqlite:///{tmp_path / name}")
    assert files(tmp_path) == ["other.db", "test.db"]
    (tmp_path / "other.db").unlink()
    use(sqlite_url)


def test_a_file_with_two_names_is_read_with_a_warning(
    sqlite_url: str, tmp_path: Path, samples: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What is there is shown, nothing is left behind, and check does not call it sound."""
    make(sqlite_url, samples)
    os.link(tmp_path / "test.db", tmp_path / "other.db")
    with caplog.at_level(logging.WARNING), open_database(f"sqlite:///{tmp_path}/other.db") as database:
        assert [run.run.name for run in queries.runs(database)] == ["first"]
        assert queries.sql(database, "select name from runs").rows == (("first",),)
    assert "what was written under its other name may be missing" in caplog.text
    (found,) = maintenance.check(sqlite_url)
    assert "2 names" in found
    assert files(tmp_path) == ["other.db", "test.db"]


def test_a_file_that_is_mounted_by_itself_is_not_written(mounted: Path) -> None:
    """A container's ``-v FILE:FILE``: refused by the name of the mount, and the folder's is not."""
    with pytest.raises(DatabaseUnusableError, match=r"is mounted as a single file.*mount its folder"):
        open_database(f"sqlite:///{mounted}", create=True)
    assert files(mounted.parent) == ["test.db"]
    open_database(f"sqlite:///{mounted.parents[1]}/test.db", create=True).close()


#: Makes a database, and is killed between linking it to its place and removing the name that it was made under.
KILLED = """
import os, signal, sys
from storage import engine
link = engine._link
def die(draft, path):
    link(draft, path)
    os.kill(os.getpid(), signal.SIGKILL)
engine._link = die
engine.open_database(sys.argv[1], create=True)
"""


def test_a_killed_maker_locks_nobody_out(sqlite_url: str, tmp_path: Path, samples: Any) -> None:
    """The name under which it was made is removed by the next one who writes; a user's own file is not."""
    killed = subprocess.run([sys.executable, "-c", KILLED, sqlite_url], check=False)
    assert killed.returncode == -signal.SIGKILL
    (draft,) = (name for name in files(tmp_path) if name != "test.db")
    assert draft_of(tmp_path / "test.db", 1, 2).name.split(".")[:3] == draft.split(".")[:3]
    foreign = draft_of(tmp_path / "test.db", 1, 2)
    foreign.write_text("another file")
    make(sqlite_url, samples)
    assert files(tmp_path) == [foreign.name, "test.db"]
