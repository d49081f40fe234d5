"""Values that come as text."""

from __future__ import annotations

import pytest

from spaces.errors import InvalidValueError
from spaces.values import read_value


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("true", bool, True),
        ("False", bool, False),
        (True, bool, True),
        ("3", int, 3),
        (3.0, int, 3),
        ("0.5", float, 0.5),
        (2, float, 2.0),
        ("1e-3", float, 1e-3),
        (7, str, "7"),
    ],
)
def test_values_are_read_as_their_kind(value: object, kind: type, expected: object) -> None:
    """Text, and numbers of another kind that lose nothing, become the type that is asked for."""
    found = read_value("x", value, kind)
    assert (found, type(found)) == (expected, kind)


@pytest.mark.parametrize(
    ("value", "kind", "match"),
    [
        ("maybe", bool, "x takes true or false, got 'maybe'"),
        (1, bool, "x takes true or false, got 1"),
        ("1.5", int, "x takes a whole number, got '1.5'"),
        (1.5, int, "x takes a whole number, got 1.5"),
        (True, int, "x takes a whole number, got True"),
        ("fast", float, "x takes a number, got 'fast'"),
        (None, float, "x takes a number, got None"),
        ([1], float, r"x takes a number, got \[1\]"),
    ],
)
def test_what_does_not_fit_is_refused(value: object, kind: type, match: str) -> None:
    """The message names the setting, what it takes, and what it got."""
    with pytest.raises(InvalidValueError, match=match):
        read_value("x", value, kind)
