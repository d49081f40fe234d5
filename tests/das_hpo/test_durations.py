"""Spans of time as people write them."""

from __future__ import annotations

import pytest

from das_hpo.durations import format_duration, parse_duration
from spaces.errors import InvalidValueError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172800), ("0.5h", 1800), (" 2H ", 7200)],
    ids=str,
)
def test_spans_are_read(text: str, seconds: float) -> None:
    """Days, hours, minutes and seconds, in that order, each of them optional."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5m", "5 m", "1.2.3s", "ten", "m", "30m1h", "nan", "inf", "1e9"], ids=repr
)
def test_what_is_no_span_is_refused(text: str) -> None:
    """The message says what is valid."""
    with pytest.raises(InvalidValueError, match="as in 90s or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0s"), (9.94, "9.9s"), (59, "59s"), (125, "2m05s"), (5400, "1h30m"), (183600, "2d03h")],
    ids=str,
)
def test_spans_are_written_in_two_units(seconds: float, text: str) -> None:
    """Enough for a person."""
    assert format_duration(seconds) == text
