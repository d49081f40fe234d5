"""The command das-hpo reproduce: what the database has is shown, what is missing is computed."""

from __future__ import annotations

import csv
import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from das_hpo.analysis.reproduction.paper import Cell
from das_hpo.analysis.reproduction.plan import Plan
from spaces.hyperparameters import PRESETS
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials


def _store_campaign(url: str, plan: Plan, cell: Cell, psnrs: list[float | None], name: str | None = None) -> None:
    campaign = plan.campaign(cell)
    campaign = dataclasses.replace(campaign, name=name or campaign.name, trials=len(psnrs))
    store(
        url,
        Run(
            campaign.name,
            trials(psnrs, hyperparameters=PRESETS[cell.preset], budget=plan.epochs),
            space=cell.space, operations=cell.operations, data=cell.data, method=cell.method,
            settings=json.loads(json.dumps(campaign.to_dict())),
        ),
    )  # fmt: skip


def test_what_the_database_has_is_shown_without_computing(tmp_path: Path) -> None:
    """The first so many trials, beside the paper's numbers; every file is written; nothing is computed."""
    url = f"sqlite:///{tmp_path}/das.db"
    plan = Plan()
    psnrs = np.random.default_rng(2).normal(21.5, 1, 12).tolist()
    good = Cell("sequential", "good", "blur")
    _store_campaign(url, plan, good, psnrs, name="by-hand")
    out = tmp_path / "out"
    process = das_hpo(
        "reproduce", "table1", "figure3", "findings", "--no-run", "--trials", "10", "--db", url, "-o", str(out)
    )
    assert process.returncode == 0, process.stderr
    assert f"{np.median(psnrs[:10]):.2f}" in process.stdout
    assert "21.60" in process.stdout
    assert "campaigns have no trials yet" in process.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "figure3-correlations.csv", "figure3-correlations.txt", "figure3.png", "figure3.svg",
        "findings.csv", "findings.txt", "table1-draws.csv", "table1-draws.txt", "table1.csv", "table1.png",
        "table1.svg", "table1.txt",
    ]  # fmt: skip
    rows = list(csv.DictReader((out / "table1.csv").read_text(encoding="utf-8").splitlines()))
    das = next(row for row in rows if row["row"] == "das" and row["data"] == "blur" and row["operations"] == "good")
    assert das["trials"] == "10"
    assert float(das["median"]) == pytest.approx(np.median(psnrs[:10]))
    assert float(das["median_diff"]) == pytest.approx(np.median(psnrs[:10]) - 21.6)
    document = das_hpo("reproduce", "table1", "--no-run", "--db", url, "-o", str(out), "-f", "json")
    assert set(json.loads(document.stdout)) == {"table1", "table1-draws"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    """Trials of one epoch: the first command computes, the second extends, the third does nothing."""
    url, out = f"sqlite:///{tmp_path}/das.db", str(tmp_path / "out")

    def evaluations() -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(tmp_path / "das.db")) as connection:
            columns = "run, seed, finished_at, architecture_psnr"
            return connection.execute(
                f"select {columns} from results where status = 'completed' order by run, seed"
            ).fetchall()

    def reproduce(count: int) -> str:
        arguments = ("reproduce", "figure8", "--epochs", "0.2", "--workers", "1", "--kernel", "torch")
        process = das_hpo(*arguments, "--db", url, "-o", out, "--trials", str(count), timeout_s=400)
        assert process.returncode == 0, process.stderr
        assert "cell space, blur, BOHB-Non-Seq-Blur" in process.stdout
        return process.stderr

    said = reproduce(1)
    assert "4 of 4 campaigns of 1 trials of 0.2 epochs are not complete yet" in said
    assert "not to be compared with the paper's" in said
    first = evaluations()
    assert len(first) == 4
    reproduce(2)
    second = evaluations()
    assert len(second) == 8
    assert set(first) < set(second)
    assert "not complete" not in reproduce(2)
    assert evaluations() == second
    names = {row[0] for row in second}
    assert "e0.2-cell-good-blur-das-BOHB-Non-Seq-Blur" in names


def test_the_optimisations_of_tables_7_and_8(tmp_path: Path) -> None:
    """Ours beside the published hyperparameters; without a run the published ones alone."""
    url = f"sqlite:///{tmp_path}/das.db"
    store(url)
    process = das_hpo("reproduce", "bohb", "--no-run", "--db", url, "-o", str(tmp_path / "out"), "-f", "json")
    records = json.loads(process.stdout)["bohb"]
    assert [record["what"] for record in records] == ["paper"] * 6
    assert records[2]["parameter_learning_rate"] == PRESETS["BOHB-Blur"].parameter_learning_rate
    assert records[3]["method"] == "das-single"


def test_names_that_are_taken(tmp_path: Path) -> None:
    """A campaign of other settings under the name, wrong targets and prefixes: one line, nothing computed."""
    url = f"sqlite:///{tmp_path}/das.db"
    cell = Cell("cell", "good", "blur", "das", "BOHB-Non-Seq-Blur")
    other = Plan(seed=7)
    _store_campaign(url, other, cell, [16.0])
    out = ("-o", str(tmp_path / "out"))
    for computed in ((), ("--no-run",)):  # what has other settings is not shown, either
        process = das_hpo("reproduce", "figure8", "--db", url, *out, *computed)
        assert_one_line_error(process, 2, Plan().campaign(cell).name, "--prefix", "--seed is 7 there, 0 was asked for")
    assert_one_line_error(das_hpo("reproduce", "table5", "--db", url, *out), 2, "'table5'", "figure9")
    assert_one_line_error(das_hpo("reproduce", "table1", "--prefix", "too-long", "--db", url, *out), 2, "5 characters")
    assert_one_line_error(das_hpo("reproduce", "table1", "--db", url, "-o", str(tmp_path / "das.db")), 2, "a folder")
    assert not (tmp_path / "out").exists()
