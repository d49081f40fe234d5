"""Reproducing: what is asked for, what is taken from the database, and what is shown of it."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from das_hpo.analysis.reproduction import artefacts, paper
from das_hpo.analysis.reproduction import plan as plans
from das_hpo.analysis.reproduction.paper import Cell
from das_hpo.analysis.reproduction.plan import Plan
from das_hpo.campaigns.campaign import CampaignSettings
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS
from spaces.inverse_1d.trial import InverseTrial
from tests.das_hpo import frames
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials

PLAN = Plan(trials=10)
DAS, RANDOM = Cell("sequential", "all", "blur"), Cell("sequential", "all", "blur", "random")


def test_every_cell_is_a_valid_campaign() -> None:
    """Of the paper's length, retrained, under names that runs may have; every optimisation is a valid run."""
    for cell in plans.cells_of(paper.TARGETS):
        campaign = Plan().campaign(cell)
        assert (campaign.trials, campaign.budget, campaign.retrain) == (75, 50.0, "always")
        assert campaign.spec(campaign.configured_task(), 3, 0).retrain
    runs = [Plan().optimisation(campaign) for campaign in paper.BOHB_CAMPAIGNS]
    assert [(run.min_budget, run.max_budget, run.iterations) for run in runs] == [(5.0, 50.0, 128)] * 6
    assert [run.objective for run in runs].count("architecture") == 2


def test_a_stored_campaign_is_taken_whatever_its_name() -> None:
    """The longest of equal settings, extended where it is short; other settings are other campaigns."""
    wanted = PLAN.campaign(DAS)
    short = dataclasses.replace(wanted, name="mine", trials=3)
    longer = dataclasses.replace(wanted, name="mine-too", trials=8, evaluation_timeout_s=60.0)
    for other in (
        {"seed": 1},
        {"budget": 5.0},
        {"settings": {**wanted.settings, "tau": 0.5}},
        {"settings": {**wanted.settings, "data": "downsampling"}},
    ):
        stored = [dataclasses.replace(short, **other)]  # type: ignore[arg-type]
        assert plans.campaigns_for(PLAN, [DAS], stored)[DAS] == wanted
    assert plans.campaigns_for(PLAN, [DAS], [short])[DAS] == dataclasses.replace(short, trials=10)
    assert plans.campaigns_for(PLAN, [DAS], [short, longer])[DAS] == dataclasses.replace(longer, trials=10)
    complete = dataclasses.replace(longer, trials=75)
    assert plans.campaigns_for(PLAN, [DAS], [complete])[DAS] == complete  # longer than asked for: kept


def test_random_architectures_to_beat_das() -> None:
    """Ours and the paper's median, with the paper's 49 beside the latter; time in draws."""
    found = artefacts.draws_table(
        {
            DAS: frames.campaign("d", [18.0, 19.0, 20.0], duration_s=10.0),
            RANDOM: frames.campaign("r", [*[5.0] * 18, 18.6, 19.5], duration_s=4.0),
        }
    )
    ours, theirs = (dict(zip(found.columns, row, strict=True)) for row in found.rows)
    assert (ours["psnr_to_beat"], ours["beating"], ours["draws"], ours["draws_paper"]) == (19.0, 1, 20.0, None)
    assert (theirs["psnr_to_beat"], theirs["beating"], theirs["draws"], theirs["draws_paper"]) == (18.57, 2, 10.0, 49)
    assert ours["draws_in_the_time_of_one_das"] == 2.5
    assert artefacts.draws_table({}).rows == ()


def test_figures_of_some_cells() -> None:
    """Missing cells leave a series out, not an error; Figure 9 draws the best architecture."""
    x = np.random.default_rng(0).normal(18, 1, 20)
    data = {DAS: frames.campaign("d", (x + 1).tolist(), x.tolist())}
    figure = artefacts.figure("figure3", data)
    assert [axis.get_title() for axis in figure.axes] == ["blur, H1", "downsampling, H1"]
    table = artefacts.correlation_table("figure3", data)
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["panel"], row["series"], row["pairs"]) == ("blur, H1", "all operations", 20)
    assert row["pearson"] == pytest.approx(1)
    assert artefacts.figure("figure9", {}).axes


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


def test_settings_survive_the_database() -> None:
    """What a campaign stores reads back equal, or nothing would ever be found again."""
    campaign = PLAN.campaign(DAS)
    assert CampaignSettings.from_mapping(json.loads(json.dumps(campaign.to_dict()))) == campaign
    assert not math.isnan(campaign.budget)


def test_found_architectures_are_trained_again() -> None:
    """The first trials' architectures, each several times with seeds of its own; the first is the trial's own."""
    frame = frames.campaign("d", [20.0, None, 21.0])
    frame.loc[1, "architecture"] = None
    again = PLAN.retraining(DAS, frame)
    assert again is not None
    task = again.configured_task()
    assert (again.kind, again.trials, again.draws) == ("retraining", 2, plans.RETRAININGS)
    assert again.spec(task, 1, 0).architecture == frame["architecture"].iloc[2]
    assert again.trial_seed(0) == PLAN.campaign(DAS).trial_seed(0)
    assert len({again.trial_seed(trial, draw) for trial in range(2) for draw in range(again.draws)}) == 2 * again.draws
    assert CampaignSettings.from_mapping(json.loads(json.dumps(again.to_dict()))) == again
    assert PLAN.retraining(DAS, frame.assign(architecture=None)) is None
    with pytest.raises(InvalidValueError, match="architecture for each trial"):
        dataclasses.replace(again, trials=5)


def test_the_variance_table_parts_search_from_retraining() -> None:
    """Hand-worked: (1, 3), (5, 7), (9, 11) share 15 / 17; beside it the correlation of the whole cell."""
    again = frames.campaign("a", [1.0, 3.0, 5.0, 7.0, 9.0, 11.0])
    again["architecture"] = ["x", "x", "y", "y", "z", "z"]
    cell = Cell("sequential", "good", "blur")
    table = artefacts.variance_table({cell: again}, {cell: frames.campaign("d", [1.0, 2.0, 3.0, 4.0, 5.0])})
    (row,) = (dict(zip(table.columns, values, strict=True)) for values in table.rows)
    assert (row["architectures"], row["trainings"]) == (3, 6)
    assert row["share"] == pytest.approx(15 / 17)
    assert row["ceiling"] == pytest.approx(math.sqrt(15 / 17))
    assert row["pearson"] == pytest.approx(1)


def test_a_first_training_again_is_the_trials_own() -> None:
    """Same seed, same architecture: the retraining's streams follow from the seed by name, not from the search."""
    from workers.trials.pipeline import run_trial

    short = Plan(trials=1, epochs=0.06)
    searched = run_trial(trial(short.campaign(DAS), 0), kernel="torch")
    frame = frames.campaign("d", [searched.architecture_score]).assign(architecture=searched.architecture)
    again = short.retraining(DAS, frame)
    assert again is not None
    trained = run_trial(trial(again, 0), kernel="torch")
    assert trained.architecture_score == searched.architecture_score
    assert run_trial(trial(again, 1), kernel="torch").architecture_score != searched.architecture_score


def trial(campaign: CampaignSettings, draw: int) -> InverseTrial:
    """The first trial of a campaign."""
    return InverseTrial.of(campaign.spec(campaign.configured_task(), 0, draw))
