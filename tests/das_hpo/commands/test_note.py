"""``das-hpo note``: real commands on a filled database."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import das_hpo
from tests.das_hpo.commands.conftest import fill
from tests.das_hpo.commands.lab import printed


def test_a_note_is_kept_shown_and_removed(tmp_path: Path) -> None:
    """On one line, without control characters, wherever it is printed."""
    fill(tmp_path)
    assert das_hpo("note", "lab", "new scheduler\x1b[31m, see p. 3", cwd=tmp_path).returncode == 0
    noted = "new scheduler�[31m, see p. 3"
    assert printed(tmp_path, "note", "lab") == noted + "\n"
    assert noted in printed(tmp_path, "show", "lab")
    assert noted in printed(tmp_path, "runs", "--all")
    assert das_hpo("note", "lab", "--clear", cwd=tmp_path).returncode == 0
    assert printed(tmp_path, "note", "lab") == "\n"
    assert "see p. 3" not in printed(tmp_path, "show", "lab")
