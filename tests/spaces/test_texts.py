"""Texts that can be stored."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.texts import cleaned, is_clean, suggestion


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain\n\ttext", "plain\n\ttext"),
        ("größer \U0001f600", "größer \U0001f600"),
        ("magic \0\1", "magic \\x00\1"),
        (b"/data/caf\xe9".decode("utf-8", "surrogateescape"), "/data/caf\\udce9"),
    ],
    ids=["empty", "plain", "beyond ASCII", "NUL", "Latin-1"],
)
def test_what_cannot_be_stored_is_written_out(text: str, expected: str) -> None:
    """And all else stays."""
    assert cleaned(text) == expected
    assert is_clean(text) == (text == expected)


@given(st.text(st.characters(codec=None) | st.sampled_from("\0\ud800")))
def test_what_is_cleaned_can_be_stored(text: str) -> None:
    """SQLite takes it and gives it back; cleaning it again changes nothing."""
    clean = cleaned(text)
    assert is_clean(clean)
    assert cleaned(clean) == clean
    connection = sqlite3.connect(":memory:")
    assert connection.execute("select ?, length(?)", (clean, clean)).fetchone() == (clean, len(clean))
    connection.close()


def test_the_name_of_any_file_can_be_cleaned(tmp_path: Path) -> None:
    """Whatever bytes it has."""
    for byte in range(1, 256):
        if byte != ord("/"):
            path = bytes(tmp_path) + b"/x" + bytes([byte])
            assert is_clean(cleaned(path.decode("utf-8", "surrogateescape")))


def test_what_was_probably_meant() -> None:
    """The most similar valid word; nothing where none is similar."""
    assert suggestion("blurr", ["downsampling", "blur"]) == " (did you mean 'blur'?)"
    assert suggestion("motion", ["downsampling", "blur"]) == suggestion(3, []) == ""
