"""``das-hpo cancel``: of runs that no process serves; live ones are in test_asking.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.conftest import fill


def test_an_interrupted_run_is_cancelled_at_once(tmp_path: Path) -> None:
    """What it has is kept; das-hpo runs says so."""
    fill(tmp_path)
    process = das_hpo("cancel", "new", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (0, "")
    assert process.stderr == (
        "das-hpo: run new is cancelled: 0 evaluations are kept; `das-hpo resume new` continues it\n"
    )
    assert '"cancelled"' in das_hpo("runs", "-f", "json", cwd=tmp_path).stdout


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_what_cannot_be_ended_is_refused(folder: Path, verb: str) -> None:
    """A completed run, and a name that no run has; then nothing else is asked either."""
    assert_one_line_error(das_hpo(verb, "new", "lab", cwd=folder), 2, f"'lab' is completed: there is nothing to {verb}")
    assert_one_line_error(das_hpo(verb, "nwe", cwd=folder), 2, "no run is named 'nwe'", "did you mean 'new'?")
    assert '"interrupted"' in das_hpo("runs", "-f", "json", cwd=folder).stdout
