"""What ``evaluate`` and ``baseline`` share: nothing is computed twice."""

from __future__ import annotations

import json
from pathlib import Path

from storage import queries
from storage.engine import open_database
from tests.das_hpo.command import assert_one_line_error, das_hpo

SHORT = ("--epochs", "0.1", "--workers", "1", "--device", "cpu", "-f", "json")


def test_campaigns_are_computed_once_and_extended(tmp_path: Path) -> None:
    """Presets on two data formations, then more trials of one of them, then a baseline that pairs with them."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    asked = ("evaluate", "H1", "--trials", "2", *SHORT)
    first = das_hpo(*asked, "--data", "blur", "downsampling", environment=environment)
    assert first.returncode == 0, first.stderr
    rows = json.loads(first.stdout)
    assert [row["campaign"] for row in rows] == ["H1-sequential-good-blur", "H1-sequential-good-downsampling"]
    assert all(row["completed"] + row["diverged"] == row["trials"] == 2 for row in rows)
    assert "campaign 2 of 2: H1-sequential-good-downsampling" in first.stderr
    more = das_hpo(
        "evaluate", "H1", "--trials", "3", *SHORT, "--name", "H1-sequential-good-blur", environment=environment
    )
    assert more.returncode == 0, more.stderr
    assert json.loads(more.stdout)[0]["trials"] == 3
    named = ("--name", "H1-sequential-good-blur", "--set", "tau=0.05")
    assert_one_line_error(
        das_hpo("evaluate", "H1", "--trials", "4", *SHORT, *named, environment=environment),
        *(2, "--set tau is 0.01 there, 0.05 was asked for", "another --name"),
    )
    other = das_hpo("baseline", "random-search", "--draws", "2", "--trials", "3", *SHORT, environment=environment)
    assert other.returncode == 0, other.stderr
    (row,) = json.loads(other.stdout)
    assert (row["trials"], row["completed"] + row["diverged"], row["one_shot_max_psnr"]) == (3, 3, None)
    with open_database(environment["DAS_HPO_DB"]) as database:
        runs = {summary.run.name: summary for summary in queries.runs(database)}
        evaluated = {r.seed for r in queries.results(database, "H1-sequential-good-blur")}
        drawn = {r.seed for r in queries.results(database, row["campaign"]) if r.number == 0}
    assert {name: summary.evaluations for name, summary in runs.items()} == {
        "H1-sequential-good-blur": 3,
        "H1-sequential-good-downsampling": 2,
        "random-search-sequential-good-blur": 6,
    }
    assert evaluated == drawn
