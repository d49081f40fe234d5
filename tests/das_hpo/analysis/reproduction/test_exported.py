"""Tables and figures from a file of exported trials."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pandas as pd
import pytest

from das_hpo.analysis.reproduction import exported, paper
from das_hpo.analysis.reproduction.plan import Plan, cells_of
from spaces.errors import InvalidValueError
from tests.das_hpo.command import assert_one_line_error, das_hpo

RESULTS = Path(__file__).parents[4] / "docs" / "results"
TRIALS = RESULTS / "trials.csv.gz"


def test_the_shipped_tables_are_those_of_the_shipped_trials(tmp_path: Path) -> None:
    """Every number in docs/results is of the statistics of today, and of the trials beside it."""
    done = das_hpo("reproduce", "all", "bohb", "--from", str(TRIALS), "-o", "again", cwd=tmp_path, timeout_s=280)
    assert done.returncode == 0, done.stderr
    made = {path.name: path for path in (tmp_path / "again").iterdir()}
    shipped = {path.name for path in RESULTS.iterdir() if path.is_file()} - {"README.md", TRIALS.name}
    assert shipped == {name for name in made if not name.endswith(".svg")}
    for name in shipped:
        if not name.endswith(".png"):
            assert made[name].read_text() == (RESULTS / name).read_text(), name


def test_a_cell_has_the_trials_of_its_campaign() -> None:
    """Counted by hand in the file: by problem, method, budget and hyperparameters, and of each the first."""
    rows = pd.read_csv(TRIALS, low_memory=False)
    read = exported.read(TRIALS, Plan(trials=60), cells_of(["table1", "variance"]))
    cell = paper.Cell("sequential", "good", "blur")
    mine = rows[(rows["run"] == f"paper-{cell.name}") & (rows["replicate"] < 60)]
    assert sorted(read.frames[cell]["seed"]) == sorted(mine["seed"])
    assert (read.frames[cell]["architecture_score"] == read.frames[cell]["architecture_psnr"]).all()
    assert set(read.retrained) == set(paper.VARIANCE_CELLS)
    assert len(read.retrained[cell]) == 60
    assert not exported.read(TRIALS, Plan(epochs=5.0), [cell]).frames


def test_several_campaigns_of_a_cell_are_refused(tmp_path: Path) -> None:
    """They may have other settings, which the file does not say."""
    rows = pd.read_csv(TRIALS, low_memory=False)
    twice = pd.concat([rows, rows.assign(run="other-" + rows["run"])])
    twice.to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(InvalidValueError, match=re.escape("has several campaigns of sequential-good-blur-das-H1")):
        exported.read(tmp_path / "twice.csv", Plan(), [paper.Cell("sequential", "good", "blur")])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", ("it lacks the columns run, space",)),
        (b"", ("is no table of results",)),
        (gzip.compress(b"a,b")[:-9], ("is no table of results",)),
        (None, ("cannot be read: No such file",)),
    ],
    ids=["other columns", "empty", "cut", "missing"],
)
def test_what_is_no_file_of_trials_is_one_line(content: bytes | None, words: tuple[str, ...], tmp_path: Path) -> None:
    """And nothing is written."""
    name = "trials.csv.gz" if content and content[:2] == b"\x1f\x8b" else "trials.csv"
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = das_hpo("reproduce", "table1", "--from", name, "-o", "out", cwd=tmp_path)
    assert_one_line_error(done, 2, *words)
    assert not (tmp_path / "out").exists()
