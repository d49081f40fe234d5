"""``das-hpo export``: real commands on a filled database."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from das_hpo import load_results
from spaces.hyperparameters import preset
from storage.records import RESULT_COLUMNS
from tests.das_hpo.command import assert_one_line_error, das_hpo


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_an_export_holds_what_load_results_gives(ending: str, folder: Path, tmp_path: Path) -> None:
    """Read back with pandas, column by column; nothing but the file is left behind."""
    target = tmp_path / f"out.{ending}"
    process = das_hpo("export", "lab", "-o", str(target), cwd=folder)
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    expected = load_results(f"sqlite:///{folder}/das-hpo.db", "lab")
    if ending == "parquet":
        found = pd.read_parquet(target)
        assert str(found["started_at"].dtype) == "datetime64[us, UTC]"
        assert str(found["parameter_warm_up"].dtype) == "bool"
    else:
        found = pd.read_csv(target) if ending == "csv" else pd.DataFrame(json.loads(target.read_text()))
    assert tuple(found.columns) == RESULT_COLUMNS
    point = found["hyperparameters"].iloc[0]
    assert (point if ending == "json" else json.loads(point)) == preset("H1").to_dict()
    for name in ("number", "budget", "seed", "status", "one_shot_psnr", "alpha_weight_decay", "parameter_warm_up"):
        left, right = found[name].astype(object), expected[name].astype(object)
        assert left.where(left.notna(), None).tolist() == right.where(right.notna(), None).tolist(), name


def test_an_export_of_nothing_still_has_its_columns(folder: Path, tmp_path: Path) -> None:
    """Typed ones in parquet."""
    assert das_hpo("export", "new", "-o", str(tmp_path / "out.parquet"), cwd=folder).returncode == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert (tuple(found.columns), len(found)) == (RESULT_COLUMNS, 0)


def test_an_export_that_fails_leaves_the_old_file(folder: Path, tmp_path: Path) -> None:
    """The target's folder is not there, or the run is not."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    assert_one_line_error(das_hpo("export", "lbb", "-o", str(target), cwd=folder), 2)
    assert_one_line_error(das_hpo("export", "lab", "-o", str(tmp_path / "no" / "out.csv"), cwd=folder), 2)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_run_is_exported_to_another_tool(folder: Path, tmp_path: Path) -> None:
    """The message says how it opens; a second time needs --force."""
    target = tmp_path / "lab.db"
    arguments = ("export", "--to", "optuna", "lab", "-o", str(target))
    made = das_hpo(*arguments, cwd=folder)
    assert (made.returncode, made.stdout) == (0, "")
    assert made.stderr == f"das-hpo: wrote lab to {target}; it opens with: optuna-dashboard sqlite:///{target}\n"
    assert_one_line_error(das_hpo(*arguments, cwd=folder), 2, "is there already", "--force")
    assert das_hpo(*arguments, "--force", cwd=folder).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["lab.db"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "optuna"), "--to takes one run and no -f"),
        (("--to", "optuna", "lab", "-f", "csv"), "--to takes one run and no -f"),
        (("lab", "--force"), "--force goes with --to"),
        (("--to", "deepcave", "new"), "no finished evaluation yet"),
        (("--to", "excel", "lab"), "optuna"),
    ],
    ids=["no run", "a format, too", "force without", "nothing to export", "unknown tool"],
)
def test_an_export_that_cannot_be_made_leaves_nothing(
    arguments: tuple[str, ...], words: str, folder: Path, tmp_path: Path
) -> None:
    """Exit status 2."""
    assert_one_line_error(das_hpo("export", *arguments, "-o", str(tmp_path / "out"), cwd=folder), 2, words)
    assert list(tmp_path.iterdir()) == []
