"""What commands print, against the standard library's readers."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from das_hpo.output import Table, as_json, csv_cell, number, render, text_cell

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5))
def test_json_gives_back_every_value_as_it_was(rows: list[tuple[object, object]]) -> None:
    """JSON keeps null, booleans and all digits of a number."""
    read = json.loads(render(Table(("a", "b"), tuple(rows)), "json"))
    assert [(row["a"], row["b"]) for row in read] == rows


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False, allow_infinity=False)), max_size=5))
def test_csv_survives_commas_quotes_and_line_breaks(rows: list[tuple[str, float]]) -> None:
    """Python's reader finds the same cells, and every float with all its digits."""
    text = render(Table(("text", "number"), tuple(rows)), "csv")
    header, *read = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == ["text", "number"]
    assert [(cells[0], float(cells[1])) for cells in read] == rows


def test_csv_lines_end_as_rfc_4180_says() -> None:
    """CRLF after every line, nothing for NULL."""
    assert render(Table(("a", "b"), ((None, True),)), "csv") == "a,b\r\n,true\r\n"


def test_a_table_shows_its_short_columns_and_json_all() -> None:
    """`short` narrows the table for people alone."""
    table = Table.of([{"a": 1, "b": 2.5, "c": None}], ("a", "b", "c"), short=("a", "c"))
    assert "b" not in render(table, "table")
    assert json.loads(render(table, "json")) == [{"a": 1, "b": 2.5, "c": None}]


def test_an_empty_table_still_shows_its_columns() -> None:
    """Nothing found is said, not left blank."""
    assert render(Table(("run", "status"), ()), "table") == "run  status\n(none)\n"
    assert render(Table(("run", "status"), ()), "json") == "[]\n"
    assert render(Table(("run", "status"), ()), "csv") == "run,status\r\n"


def test_infinite_numbers_never_reach_json() -> None:
    """JSON has no word for them: null."""
    assert json.loads(as_json([float("inf"), float("nan"), 1.0])) == [None, None, 1.0]


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "2026-11-24 05:00 UTC"), ("CET-1", "2026-11-24 06:00 CET")],
    ids=["UTC", "Berlin"],
)
def test_moments_are_local_to_read_and_in_utc_as_data(zone: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the zone in a table; JSON and CSV are the same everywhere."""
    moment = datetime(2026, 11, 24, 8, 0, tzinfo=timezone(timedelta(hours=3)))
    utc = datetime(2026, 11, 24, 5, 0, tzinfo=UTC).isoformat()
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert text_cell(moment) == shown
        assert (json.loads(as_json(moment)), csv_cell(moment)) == (utc, utc)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A name from somebody else's database cannot colour or clear it."""
    assert "\x1b" not in text_cell("\x1b[2Jgone")
    assert "\n" not in text_cell("two\nlines")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (21.5612, "21.56"),
        (0.0014232405, "0.001423"),
        (5.04e-08, "5.04e-08"),
        (50.0, "50"),
        (-21.5, "-21.5"),
        (1234.56, "1235"),
    ],
    ids=str,
)
def test_numbers_are_readable(value: float, text: str) -> None:
    """Four digits, no trailing zeros."""
    assert number(value) == text
