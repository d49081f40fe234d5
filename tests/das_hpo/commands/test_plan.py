"""``das-hpo plan``: tables from a pilot and from a deviation, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from das_hpo.analysis.statistics import planning
from das_hpo.cli import main
from storage.engine import open_database
from tests.das_hpo.test_deciding import campaign, store


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fewer samples, so that it is fast; a database of its own."""
    monkeypatch.setattr(planning, "REPLICATIONS", 60)
    monkeypatch.setattr(planning, "DECISIONS", 20)
    monkeypatch.setenv("DAS_HPO_DB", f"sqlite:///{tmp_path}/x.db")


def test_a_deviation_is_planned_with(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A row for each question and power, without a database; more power needs more trials."""
    assert main(["plan", "--sd", "0.3", "--difference", "0.5", "--diverged", "0.02", "-f", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["question"], row["difference"], row["seeds"], row["power"]) for row in rows] == [
        ("better", 0.5, "different", 0.8),
        ("better", 0.5, "different", 0.9),
        ("as good", 0.0, "different", 0.8),
        ("as good", 0.0, "different", 0.9),
    ]
    assert rows[0]["trials"] < rows[1]["trials"] < rows[2]["trials"] < rows[3]["trials"] < 100
    assert rows[0]["until_decided"] < 40
    assert not (tmp_path / "x.db").exists()


def test_a_pilot_is_planned_with(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two campaigns make pairs of equal seeds, and are planned for with them and without."""
    with open_database(f"sqlite:///{tmp_path}/x.db", create=True) as database:
        for name in "ab":
            store(database, campaign(name, 30, None), 30)
    words = ["--difference", "1.5", "--margin", "0", "--power", "0.8", "--max-trials", "30", "-f", "csv"]
    assert main(["plan", "a", "b", *words]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["question"], row["seeds"]) for row in rows] == [("better", "the same"), ("better", "different")]
    assert all(5 <= int(row["trials"]) <= 20 for row in rows)  # 2 (z + z')^2 (1 / 1.5)^2 is 7
    assert main(["plan", "a", *words]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["seeds"] == "different"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a pilot of one or two"),
        (("a", "--sd", "1"), "one of them"),
        (("a", "a"), "one name or two different ones"),
        (("a", "b", "c"), "one name or two different ones"),
        (("a", "--correlation", "0.5"), "belong to --sd"),
        (("--sd", "0"), "a positive number"),
        (("--sd", "1", "--margin", "0"), "--difference takes a difference"),
        (("--sd", "1", "--power", "1"), "0.05 to 0.99"),
        (("--sd", "1", "--max-trials", "5"), "from 12 to 2000"),
        (("a",), "there is no database"),
    ],
    ids=str,
)
def test_what_cannot_be_planned_is_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """In one line, as wrong usage, or as a database that is not there."""
    assert main(["plan", *words]) == (1 if said == "there is no database" else 2)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
