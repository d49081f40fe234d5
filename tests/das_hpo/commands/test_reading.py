"""Opening the database for the verbs that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo


@pytest.mark.parametrize("verb", ["show", "incumbent", "results"])
def test_an_unknown_run_is_named(verb: str, folder: Path) -> None:
    """The user's wording: exit 2."""
    assert_one_line_error(das_hpo(verb, "lbb", cwd=folder), 2, "'lbb'")


@pytest.mark.parametrize("verb", ["runs", "results", "show x", "incumbent x", "query 'select 1'", "export -o x.csv"])
def test_reading_never_makes_a_database(verb: str, tmp_path: Path) -> None:
    """Where there is none, that is said, and there is none afterwards."""
    import shlex

    process = das_hpo(*shlex.split(verb), cwd=tmp_path)
    assert_one_line_error(process, 1, "no database", "das-hpo.db", "--db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_none_is_left_as_it_was(tmp_path: Path) -> None:
    """Any file of another kind."""
    (tmp_path / "das-hpo.db").write_text("these are notes, not a database\n" * 100)
    assert_one_line_error(das_hpo("runs", cwd=tmp_path), 1, "no SQLite database")
    assert (tmp_path / "das-hpo.db").read_text() == "these are notes, not a database\n" * 100
    assert [path.name for path in tmp_path.iterdir()] == ["das-hpo.db"]
