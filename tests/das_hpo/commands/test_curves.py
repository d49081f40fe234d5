"""``das-hpo compare --curves`` and ``das-hpo evaluate --trajectory``, with real runs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from storage import queries
from storage.engine import open_database
from tests.das_hpo.command import assert_one_line_error, das_hpo

FAST = ("--workers", "1", "--device", "cpu", "--kernel", "torch", "--quiet")


def test_every_incumbent_is_evaluated_and_drawn(tmp_path: Path) -> None:
    """On seeds that no search used, once; what lacks trials is refused with the command that makes them."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    run = das_hpo(
        *("run", "--objective", "one-shot", "--iterations", "3", "--min-budget", "0.1", "--max-budget", "0.1"),
        *("--optimizer", "random", "--name", "g", "--seeds", "0,1", *FAST),
        environment=environment,
    )
    assert run.returncode == 0, run.stderr
    path = tmp_path / "curves.svg"
    drawn = das_hpo("compare", "g", "--curves", str(path), environment=environment)
    assert_one_line_error(drawn, 2, "das-hpo evaluate g --trajectory --trials 20")
    wrong = das_hpo("compare", "g", "--curves", str(tmp_path / "curves.pdf"), environment=environment)
    assert_one_line_error(wrong, 2, "ends in .csv, .png, .svg")
    assert not path.exists()
    for _ in range(2):  # the second time there is nothing to compute
        done = das_hpo("evaluate", "g", "--trajectory", "--trials", "3", *FAST, environment=environment)
        assert done.returncode == 0, done.stderr
    with open_database(environment["DAS_HPO_DB"]) as database:
        rows = queries.results(database)
        names = {found.run.name for found in queries.runs(database) if found.run.kind == "campaign"}
    searched = {row.seed for row in rows if row.run.startswith("g-seed") and row.run not in names}
    anew = [row for row in rows if row.run in names]
    assert not searched & {row.seed for row in anew}
    assert len({row.seed for row in anew}) == 3  # paired over all incumbents
    drawn = das_hpo("compare", "g", "--curves", str(path), environment=environment)
    assert drawn.returncode == 0, drawn.stderr
    assert path.read_text().startswith("<?xml")
    found = list(csv.DictReader(io.StringIO(path.with_suffix(".csv").read_text())))
    assert {row["run"] for row in found} == {"g-seed0", "g-seed1", ""}
    assert sum(bool(row["run"]) for row in found) == len(names)
