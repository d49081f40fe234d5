"""``das-hpo rename``: real commands on a filled database."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.conftest import fill


def test_a_run_is_renamed_with_its_results(tmp_path: Path) -> None:
    """A name that is taken, or that cannot name a run, is refused."""
    fill(tmp_path)
    before = das_hpo("results", "lab", "-f", "csv", cwd=tmp_path).stdout
    assert_one_line_error(das_hpo("rename", "lab", "new", cwd=tmp_path), 2, "there is a run named 'new'")
    assert_one_line_error(das_hpo("rename", "lab", "a b", cwd=tmp_path), 2, "'a b' cannot name a run")
    assert das_hpo("rename", "lab", "second", cwd=tmp_path).returncode == 0
    after = das_hpo("results", "second", "-f", "csv", cwd=tmp_path).stdout
    assert after.replace("second,", "lab,") == before
