"""Database URLs, before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.errors import InvalidValueError
from storage.location import locate


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/db", "'mysql' cannot be used: valid are sqlite:///FILE"),
        ("sqlite+aiosqlite:///x.db", "cannot be used: valid are"),
        ("postgres://host/db", "'postgres' cannot be used: valid are .* postgresql://"),
        ("x.db", "'x.db' is no database URL: valid are sqlite:///FILE"),
        ("", "is no database URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://host/x.db", "names more than a file"),
        ("sqlite:///x.db?mode=ro", "names more than a file"),
        ("sqlite:///file:x.db", "names more than a file"),
        ("postgresql://host:port/db", "is no database URL"),
    ],
)
def test_bad_urls_are_refused(url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line that lists the valid forms; nothing is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValueError, match=said) as refusal:
        locate(url)
    assert "\n" not in str(refusal.value)
    assert "valid are" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_of_the_directory_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays what it is when the process changes its directory."""
    monkeypatch.chdir(tmp_path)
    location = locate("sqlite:///a/x.db")
    monkeypatch.chdir("/")
    assert location.path == tmp_path / "a" / "x.db"
    assert locate(f"sqlite:////{str(tmp_path)[1:]}/x.db").path == tmp_path / "x.db"
    assert location.spool == tmp_path / "a" / "x.db.spool"


def test_no_message_tells_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a server's database hides it; its spool is in the user's state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    location = locate("postgresql://me:secret@host:5433/lab")
    assert location.name == "postgresql://me:***@host:5433/lab"
    assert location.url.drivername == "postgresql+psycopg"
    assert location.path is None
    assert location.spool == tmp_path / "das-hpo" / "host-5433-lab.spool"
    assert locate("postgresql+psycopg://host/lab").url.drivername == "postgresql+psycopg"
