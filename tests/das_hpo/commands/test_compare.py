"""``das-hpo compare``: what is printed in each format, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with two campaigns of which one is clearly better."""
    found = f"sqlite:///{tmp_path_factory.mktemp('compare')}/lab.db"
    store(
        found, Run("good", trials([20 + i / 10 for i in range(8)])), Run("bad", trials([10 + i / 7 for i in range(8)]))
    )
    return found


def test_every_format_has_the_same_numbers(url: str) -> None:
    """JSON has subjects, tests and verdict, CSV the subjects alone, the table all for people."""
    shown = json.loads(das_hpo("compare", "good", "bad", "--db", url, "-f", "json").stdout)
    assert [subject["name"] for subject in shown["subjects"]] == ["good", "bad"]
    assert shown["level"] == 0.95
    assert [(test["first"], test["second"]) for test in shown["comparisons"]] == [("good", "bad")]
    rows = list(csv.DictReader(io.StringIO(das_hpo("compare", "good", "bad", "--db", url, "-f", "csv").stdout)))
    assert [float(row["mean"]) for row in rows] == [subject["mean"] for subject in shown["subjects"]]
    table = das_hpo("compare", "good", "bad", "--db", url).stdout
    assert "verdict" in table
    assert f"{shown['subjects'][0]['mean']:.2f}" in table


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("good", "good"), "each name may be given once, got good again"),
        (("good", "--level", "1"), "a number between 0 and 1 is needed, such as 0.95, got '1'"),
        (("good", "--set", "chanels=3"), "'chanels'"),
        (("good", "--epochs", "few"), "'few'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_is_refused(words: tuple[str, ...], said: str, url: str) -> None:
    """Exit 2, in one line that says what is valid."""
    assert_one_line_error(das_hpo("compare", *words, "--db", url), 2, said)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Comparing only reads."""
    assert_one_line_error(das_hpo("compare", "good", cwd=tmp_path), 1, "no database")
    assert list(tmp_path.iterdir()) == []
