"""``das-hpo results``: real commands on a filled database."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path

from spaces.hyperparameters import preset
from storage.records import RESULT_COLUMNS
from tests.das_hpo.commands.lab import ROWS, printed


def test_results_in_csv_are_the_view(folder: Path) -> None:
    """Every column, every row, as SQLite itself gives them."""
    rows = list(csv.DictReader(io.StringIO(printed(folder, "results", "lab", "-f", "csv"))))
    connection = sqlite3.connect(folder / "das-hpo.db")
    connection.row_factory = sqlite3.Row
    view = connection.execute("select * from results where run = 'lab'").fetchall()
    connection.close()
    assert tuple(rows[0]) == RESULT_COLUMNS
    key = ("number", "budget", "seed", "status", "one_shot_psnr", "alpha_learning_rate", "worker")
    assert sorted(tuple(row[name] for name in key) for row in rows) == sorted(
        tuple("" if row[name] is None else str(row[name]) for name in key) for row in view
    )


def test_results_in_json_have_null_and_booleans(folder: Path) -> None:
    """Nothing is turned into text."""
    rows = json.loads(printed(folder, "results", "lab", "-f", "json", "--status", "diverged"))
    assert len(rows) == 1
    assert rows[0]["one_shot_psnr"] is None
    assert rows[0]["parameter_warm_up"] is preset("BOHB-Blur").parameter_warm_up


def test_the_table_of_results_fits_a_terminal(folder: Path) -> None:
    """Short by default, everything with --all."""
    short = printed(folder, "results", "lab")
    assert max(len(line) for line in short.splitlines()) <= 110
    assert len(short.splitlines()) == 2 + len(ROWS)
    assert "alpha_optimizer" not in short
    assert "alpha_optimizer" in printed(folder, "results", "lab", "--all")
    assert len(printed(folder, "results", "--budget", "3", "--limit", "1").splitlines()) == 3
    assert "(none)" in printed(folder, "results", "new")
