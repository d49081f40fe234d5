"""The key file: made once, closed to others, rotated in place."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spaces.errors import AuthenticationError
from workers.transport.keys import KeyFile, key_path, new_key, retire_keys


def test_it_is_made_on_first_use(tmp_path: Path):
    """With one long key, readable by its owner alone, also the directory."""
    keys = KeyFile(tmp_path / "new" / "key")
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.path.parent.stat().st_mode) == 0o700
    [key] = keys.current()
    assert len(key) == 64
    assert KeyFile(keys.path).current() == (key,)
    assert os.listdir(keys.path.parent) == ["key"]


def test_two_processes_make_one_key(tmp_path: Path):
    """Whoever is quicker wins, and both have the same."""
    script = "import sys; from workers.transport.keys import KeyFile; print(KeyFile(sys.argv[1]).current())"
    made = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "key")], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    said = {process.communicate()[0] for process in made}
    assert len(said) == 1
    assert os.listdir(tmp_path) == ["key"]


def test_where_it_is(monkeypatch, tmp_path: Path):
    """DAS_HPO_KEY_FILE, else the user's config directory."""
    monkeypatch.setenv("DAS_HPO_KEY_FILE", str(tmp_path / "k"))
    assert key_path() == tmp_path / "k"
    monkeypatch.delenv("DAS_HPO_KEY_FILE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert key_path() == tmp_path / "das-hpo" / "key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert key_path() == tmp_path / ".config" / "das-hpo" / "key"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_open_permissions_are_refused(tmp_path: Path, mode: int):
    """A key that others can read is none."""
    path = new_key(tmp_path / "key")
    path.chmod(mode)
    with pytest.raises(AuthenticationError, match=rf"open to others \(mode {mode:04o}\): chmod 600"):
        KeyFile(path)


@pytest.mark.parametrize("text", ["", "short\n", "# only a remark\n", "\n\n", "ä" * 40 + "\n", "x" * 31])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str):
    """At least 32 ASCII characters a line."""
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AuthenticationError, match="at least 32 ASCII characters"):
        KeyFile(path)


def test_a_missing_file_is_said_where_none_is_to_be_made(tmp_path: Path):
    """For who must have been given one."""
    with pytest.raises(AuthenticationError, match=r"cannot be read .*copy it from the nameserver's machine"):
        KeyFile(tmp_path / "key", create=False)


def test_rotation(tmp_path: Path):
    """New in front, one old one stays; retiring drops it."""
    path = new_key(tmp_path / "key")
    first = KeyFile(path).current()
    for _ in range(3):
        new_key(path)
    keys = KeyFile(path).current()
    assert len(keys) == 2
    assert first[0] not in keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert retire_keys(path) == 1
    assert KeyFile(path).current() == keys[:1]
    assert retire_keys(path) == 0


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch):
    """Without restarting anything; if the change is a mistake, the keys from before go on."""
    monkeypatch.setattr("workers.transport.keys.CHECK_EVERY_S", 0.0)
    keys = KeyFile(tmp_path / "key")
    before = keys.current()
    new_key(keys.path)
    after = keys.current()
    assert after[1:] == before
    keys.path.write_text("broken")
    assert keys.current() == after
    keys.path.unlink()
    assert keys.current() == after


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_directory_is_said(tmp_path: Path):
    """And what to do."""
    tmp_path.chmod(0o500)
    with pytest.raises(AuthenticationError, match=r"cannot be written .*DAS_HPO_KEY_FILE"):
        KeyFile(tmp_path / "key")


def test_a_pipe_is_no_key_file(tmp_path: Path):
    """Opening it would wait for a writer."""
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(AuthenticationError, match="not a regular file"):
        KeyFile(tmp_path / "key")
