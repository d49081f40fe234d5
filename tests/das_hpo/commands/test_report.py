"""``das-hpo report``: where the page goes, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials


def test_the_page_is_written_and_counted(tmp_path: Path) -> None:
    """report.html in the current folder unless told otherwise; each run is taken once, however often it is named."""
    store(f"sqlite:///{tmp_path}/das-hpo.db", Run("a", trials([20.0, 21.0])), Run("b", trials([19.0, 22.0])))
    done = das_hpo("report", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"2 runs in {tmp_path}/report.html" in done.stderr
    one = das_hpo("report", "a", "a", "-o", "one.html", cwd=tmp_path)
    assert f"1 run in {tmp_path}/one.html" in one.stderr
    assert (tmp_path / "one.html").read_text().startswith("<!DOCTYPE html>")


def test_a_folder_is_no_page(tmp_path: Path) -> None:
    """Refused before the database is looked at."""
    assert_one_line_error(das_hpo("report", "-o", str(tmp_path)), 2, "-o takes a file in a folder that exists")
