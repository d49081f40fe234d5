"""``das-hpo compare``: what is printed in each format, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pandas
import pytest

import das_hpo as das_hpo_api
from spaces.errors import InvalidValueError
from spaces.task import Metric
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with two campaigns of which one is clearly better."""
    found = f"sqlite:///{tmp_path_factory.mktemp('compare')}/lab.db"
    store(
        found,
        Run("good", trials([20 + i / 10 for i in range(8)])),
        Run("bad", trials([10 + i / 7 for i in range(8)])),
        Run("gone", trials([20.0, 20.1, *[None] * 20])),
        Run("small", trials([0.9 + i / 1e4 for i in range(20)]), metric=Metric("accuracy")),
        Run("same", trials([0.9 + i / 1e4 for i in range(20)], first_seed=50), metric=Metric("accuracy")),
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
        (("good", "--margin", "-1"), "a number from 0 on is needed, in the metric's unit, got '-1'"),
        (("good", "--margin", "nan"), "got 'nan'"),
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


def _json(*arguments: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(das_hpo("compare", *arguments, "-f", "json").stdout, parse_constant=refuse)
    return found


def test_an_infinite_difference_is_not_an_unknown_one(url: str) -> None:
    """Valid JSON whose text float() and pandas read; the table says who diverges."""
    (test,) = _json("gone", "good", "--db", url)["comparisons"]
    assert (test["median_difference"], test["first_median"]) == ("-Infinity", "-Infinity")
    assert float(test["median_difference"]) == pandas.to_numeric(test["median_difference"]) == -math.inf
    assert test["decision"] == "worse"
    assert _json("good", "gone", "--db", url)["comparisons"][0]["median_difference"] == "Infinity"
    table = das_hpo("compare", "gone", "good", "--db", url).stdout
    assert "typical A - B (dB)" in table
    assert "none, gone diverges" in table
    assert "inf" not in table.replace("information", "")
    (row,) = das_hpo_api.compare(["gone", "good"], url=url).tests.to_dict("records")
    assert row["median_difference"] == -math.inf


def test_a_number_without_an_interval_says_so(url: str) -> None:
    """Eight trials have a mean, but no interval of it."""
    table = das_hpo("compare", "good", "--db", url).stdout
    assert "20.35 (no interval)" in table
    assert " -\n" not in table


def test_the_margin_is_the_metrics_unless_it_is_given(url: str) -> None:
    """0.25 dB for a PSNR, none for an accuracy; in the verdict, in JSON, and in Python."""
    assert _json("good", "bad", "--db", url)["margin"] == 0.25
    none, given = _json("small", "same", "--db", url), _json("small", "same", "--margin", "0.01", "--db", url)
    assert (none["margin"], none["comparisons"][0]["decision"]) == (0, "undecided")
    assert "No margin is set for the accuracy" in " ".join(none["verdict"])
    assert (given["margin"], given["comparisons"][0]["decision"]) == (0.01, "as good")
    assert "small against same: the trials of small are as good within 0.01." in given["verdict"][0]
    found = das_hpo_api.compare(["small", "same"], url=url, margin=0.01)
    assert list(found.verdict) == given["verdict"]
    with pytest.raises(InvalidValueError, match="a margin is a number from 0 on"):
        das_hpo_api.compare(["small", "same"], url=url, margin=-1)
