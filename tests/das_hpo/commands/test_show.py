"""``das-hpo show``: real commands on a filled database."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.das_hpo.commands.lab import printed


def test_show_has_settings_rungs_and_best(folder: Path) -> None:
    """In all three formats; CSV has the rungs."""
    shown = json.loads(printed(folder, "show", "lab", "-f", "json"))
    assert shown["settings"]["iterations"] == 1
    assert shown["rungs"] == [
        {"budget": 1.0, "queued": 0, "running": 0, "completed": 2, "diverged": 1, "failed": 1, "best_psnr": 18.5},
        {
            "budget": 3.0,
            "queued": 0,
            "running": 0,
            "completed": 2,
            "diverged": 0,
            "failed": 0,
            "best_psnr": 20.123456789,
        },
    ]
    assert shown["best"][0]["configuration"] == "0-0-1"
    rows = list(csv.DictReader(io.StringIO(printed(folder, "show", "lab", "-f", "csv"))))
    assert [row["budget"] for row in rows] == ["1.0", "3.0"]
    table = printed(folder, "show", "lab")
    for word in ("completed", "iterations", "tau", "budget", "20.12", "parameter_learning_rate"):
        assert word in table
    assert "interrupted" in printed(folder, "show", "new")


def test_show_says_where_the_log_of_each_worker_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of the environment, if there is one of its name; with how its attempts ended."""
    workers = json.loads(printed(folder, "show", "lab", "-f", "json"))["workers"]
    assert workers
    assert {worker["log"] for worker in workers} == {None}
    assert sum(worker["attempts"] for worker in workers) >= 6
    name = workers[0]["worker"]
    (tmp_path / f"{name}.log").touch()
    monkeypatch.setenv("DAS_HPO_LOG_DIR", str(tmp_path))
    again = json.loads(printed(folder, "show", "lab", "-f", "json"))["workers"]
    assert again[0] == {**workers[0], "log": str(tmp_path / f"{name}.log")}
    assert str(tmp_path / f"{name}.log") in printed(folder, "show", "lab")
