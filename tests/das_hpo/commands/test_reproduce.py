"""``das-hpo reproduce``: what is refused before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("table9",), 2, "'table9'"),
        (("table1", "--prefix", "longer"), 2, "at most 5 characters"),
        (("table1", "--prefix", "a b"), 2, "cannot name a run"),
        (("table1", "--trials", "0"), 2, "1 or more is needed, got '0'"),
        (("table1", "--set", "tau=much"), 2, "tau takes a number"),
        (("table1", "--no-run"), 1, "no database"),
        (("table1", "-o", "a-file"), 2, "-o takes a folder, got 'a-file'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_usage_leaves_nothing_behind(words: tuple[str, ...], status: int, said: str, tmp_path: Path) -> None:
    """One line; no database, no key, no folder."""
    (tmp_path / "a-file").write_text("")
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    assert_one_line_error(das_hpo("reproduce", *words, cwd=tmp_path, environment=environment), status, said)
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]
