"""``das-hpo incumbent``: real commands on a filled database."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from spaces.hyperparameters import HYPERPARAMETERS, preset
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.lab import printed
from tests.das_hpo.databases import Run, store, trials


def test_incumbent_prints_the_hyperparameters_under_either_objective(folder: Path) -> None:
    """The run was judged one-shot, and can be read the other way."""
    (best,) = json.loads(printed(folder, "incumbent", "lab", "-f", "json"))
    assert {name: best[name] for name in HYPERPARAMETERS} == preset("H2").to_dict()
    (other,) = json.loads(printed(folder, "incumbent", "lab", "--objective", "architecture", "-f", "json"))
    assert (other["psnr"], other["configuration"]) == (21.5, "0-0-0")
    both = json.loads(printed(folder, "incumbent", "lab", "--top", "5", "-f", "json"))
    assert [one["rank"] for one in both] == [1, 2]
    table = printed(folder, "incumbent", "lab", "--top", "2")
    assert table.splitlines()[0].split() == ["rank", "1", "2"]
    assert "gradient-descent" in table


@pytest.mark.parametrize(
    ("run", "objective", "words"),
    [
        ("new", "architecture", ("'new' retrains nothing", "--objective one-shot", "--retrain always")),
        ("random", "one-shot", ("'random' searches nothing", "--objective architecture")),
    ],
)
def test_an_objective_that_is_never_computed_is_refused(
    run: str, objective: str, words: Sequence[str], folder: Path, tmp_path: Path
) -> None:
    """Waiting does not help; the run's own objective is only not there yet."""
    shutil.copy(folder / "das-hpo.db", tmp_path / "das-hpo.db")
    store(f"sqlite:///{tmp_path}/das-hpo.db", Run("random", trials([20.0, 21.0]), method="random"))
    with sqlite3.connect(tmp_path / "das-hpo.db") as connection:
        connection.execute("update evaluations set one_shot_score = null")
    connection.close()
    for verb in (("incumbent", run), ("evaluate", run)):
        process = das_hpo(*verb, "--objective", objective, cwd=tmp_path)
        assert_one_line_error(process, 2, *words)
    process = das_hpo("incumbent", "new", "--objective", "one-shot", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (0, "")
    assert "no configuration has a score at the largest budget yet" in process.stderr
