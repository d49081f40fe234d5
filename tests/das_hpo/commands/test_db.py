"""``das-hpo db``: real commands on a copy of a filled database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.das_hpo.command import das_hpo
from tests.das_hpo.commands.lab import printed


def test_db_looks_after_a_copy(folder: Path, tmp_path: Path) -> None:
    """Backup, then check, vacuum and upgrade the copy; damage is found."""
    copy = tmp_path / "copy.db"
    url = f"sqlite:///{copy}"
    assert "copied" in das_hpo("db", "backup", str(copy), cwd=folder).stderr
    for action, words in (("check", "sound"), ("vacuum", "bytes"), ("upgrade", "already")):
        process = das_hpo("db", action, "--db", url)
        assert (process.returncode, process.stdout) == (0, ""), process.stderr
        assert words in process.stderr
    assert printed(folder, "results", "-f", "csv", "--db", url) == printed(folder, "results", "-f", "csv")
    connection = sqlite3.connect(copy)
    connection.execute("delete from configurations where number = 3")
    connection.commit()
    connection.close()
    process = das_hpo("db", "check", "--db", url)
    assert process.returncode == 1
    assert process.stdout
