"""``das-hpo delete``: real commands on a filled database, its spool, and a terminal that is asked."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from spaces.trial import TrialOutcome
from storage.entries import NewOutcome
from storage.spool import Spool
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.conftest import fill


def names(folder: Path) -> list[str]:
    """The runs that are there."""
    return [run["run"] for run in json.loads(das_hpo("runs", "-f", "json", cwd=folder).stdout)]


def test_a_run_is_deleted_with_what_the_spool_holds_of_it(tmp_path: Path) -> None:
    """Outcomes of other runs stay there."""
    fill(tmp_path)
    spool = Spool(tmp_path / "das-hpo.db.spool")
    outcome = TrialOutcome("completed", 20.0, None, None, None)
    for token in ("token-0", "of-another-run"):
        spool.put(NewOutcome(token, outcome, -20.0, 1.0))
    (spool.directory / "token-1.outcome.json.refused").touch()
    process = das_hpo("delete", "lab", "--yes", cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "das-hpo: deleted lab: 4 configurations, 6 evaluations\n")
    assert names(tmp_path) == ["new"]
    assert [path.name for path in spool.directory.iterdir()] == ["of-another-run.outcome.json"]
    assert das_hpo("query", "select count(*) as n from epochs", "-f", "csv", cwd=tmp_path).stdout.split() == ["n", "0"]
    assert das_hpo("db", "check", cwd=tmp_path).returncode == 0


def test_without_yes_it_says_what_it_would_delete(tmp_path: Path) -> None:
    """Where nobody can be asked; and a name that is none deletes nothing of the others."""
    fill(tmp_path)
    refused = das_hpo("delete", "lab", "new", cwd=tmp_path)
    assert_one_line_error(refused, 2, "would delete lab (run, 6 evaluations), new (run, 0 evaluations)", "say --yes")
    assert_one_line_error(das_hpo("delete", "lab", "nobody", "--yes", cwd=tmp_path), 2, "no run is named 'nobody'")
    assert names(tmp_path) == ["lab", "new"]


@pytest.mark.parametrize(("answer", "left"), [("y", ["new"]), ("n", ["lab", "new"]), ("", ["lab", "new"])])
def test_a_terminal_is_asked(tmp_path: Path, answer: str, left: list[str]) -> None:
    """And only yes is a yes."""
    fill(tmp_path)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "das_hpo", "delete", "lab"],
        cwd=tmp_path,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(master, f"{answer}\n".encode())
    said = process.communicate(timeout=60)[1]
    os.close(master)
    os.close(slave)
    assert "deletes lab (run, 6 evaluations), for good" in said
    assert process.returncode == (0 if answer == "y" else 2)
    assert names(tmp_path) == left
