"""``das-hpo pause``: of a run that no process serves; live ones are in test_asking.py."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.conftest import fill


def test_an_interrupted_run_is_paused_at_once(tmp_path: Path) -> None:
    """And may be cancelled then, but not the other way round."""
    fill(tmp_path)
    assert "run new is paused: 0 evaluations are kept" in das_hpo("pause", "new", cwd=tmp_path).stderr
    assert das_hpo("cancel", "new", cwd=tmp_path).returncode == 0
    assert_one_line_error(das_hpo("pause", "new", cwd=tmp_path), 2, "is cancelled already")
