"""`das-hpo evaluate` and `das-hpo baseline`, with real trials of a few steps."""

from __future__ import annotations

import json
from pathlib import Path

from storage import queries
from storage.engine import open_database
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials

SHORT = ("--epochs", "0.1", "--workers", "1", "--device", "cpu", "-f", "json")


def test_campaigns_are_computed_once_and_extended(tmp_path: Path) -> None:
    """Presets on two data formations, then more trials of one of them, then a baseline that pairs with them."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    asked = ("evaluate", "H1", "--trials", "2", *SHORT)
    first = das_hpo(*asked, "--data", "blur", "downsampling", environment=environment)
    assert first.returncode == 0, first.stderr
    rows = json.loads(first.stdout)
    assert [row["campaign"] for row in rows] == ["H1-sequential-good-blur", "H1-sequential-good-downsampling"]
    assert all(row["completed"] + row["diverged"] == row["trials"] == 2 for row in rows)
    assert "campaign 2 of 2: H1-sequential-good-downsampling" in first.stderr
    more = das_hpo(
        "evaluate", "H1", "--trials", "3", *SHORT, "--name", "H1-sequential-good-blur", environment=environment
    )
    assert more.returncode == 0, more.stderr
    assert json.loads(more.stdout)[0]["trials"] == 3
    named = ("--name", "H1-sequential-good-blur", "--set", "tau=0.05")
    assert_one_line_error(
        das_hpo("evaluate", "H1", "--trials", "4", *SHORT, *named, environment=environment),
        *(2, "--set tau is 0.01 there, 0.05 was asked for", "another --name"),
    )
    other = das_hpo("baseline", "random-search", "--draws", "2", "--trials", "3", *SHORT, environment=environment)
    assert other.returncode == 0, other.stderr
    (row,) = json.loads(other.stdout)
    assert (row["trials"], row["completed"] + row["diverged"], row["one_shot_max_psnr"]) == (3, 3, None)
    with open_database(environment["DAS_HPO_DB"]) as database:
        runs = {summary.run.name: summary for summary in queries.runs(database)}
        evaluated = {r.seed for r in queries.results(database, "H1-sequential-good-blur")}
        drawn = {r.seed for r in queries.results(database, row["campaign"]) if r.number == 0}
    assert {name: summary.evaluations for name, summary in runs.items()} == {
        "H1-sequential-good-blur": 3,
        "H1-sequential-good-downsampling": 2,
        "random-search-sequential-good-blur": 6,
    }
    assert evaluated == drawn


def test_the_best_configuration_of_a_run_is_evaluated(tmp_path: Path) -> None:
    """On the run's own problem, choices and largest budget, unless told otherwise."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    run = das_hpo(
        *("run", "--objective", "one-shot", "--data", "downsampling", "--set", "tau=0.05", "--name", "tuned"),
        *("--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.2", "--workers", "1", "--device", "cpu"),
        environment=environment,
    )
    assert run.returncode == 0, run.stderr
    found = das_hpo("evaluate", "tuned", "--trials", "2", "--workers", "1", "--device", "cpu", environment=environment)
    assert found.returncode == 0, found.stderr
    with open_database(environment["DAS_HPO_DB"]) as database:
        (best,) = queries.incumbents(database, "tuned")
        campaign = queries.run(database, "tuned-sequential-good-downsampling")
        rows = queries.results(database, campaign.name)
    assert {(*r.hyperparameters.values(), r.budget, r.data, r.origin) for r in rows} == {
        (*best.hyperparameters.values(), best.budget, "downsampling", "fixed")
    }
    assert campaign.settings["settings"]["tau"] == 0.05


def test_what_cannot_be_evaluated_is_said(tmp_path: Path) -> None:
    """A name that is no preset and no run, and a name that is taken by other trials."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    assert_one_line_error(
        das_hpo("evaluate", "H9", environment=environment), 2, "no preset of inverse-1d (H1, H2", "no database"
    )
    assert_one_line_error(das_hpo("baseline", "nothing", environment=environment), 2, "net-only")
    assert_one_line_error(
        das_hpo("baseline", "random-search", "--draws", "auto", environment=environment), 2, "das-hpo evaluate H1"
    )
    assert_one_line_error(das_hpo("evaluate", "H1", "--trials", "0", environment=environment), 2, "1 or more")
    assert_one_line_error(das_hpo("evaluate", "H1", "--epochs", "0", environment=environment), 2, "positive number")
    assert_one_line_error(das_hpo("baseline", "random", "--epochs", "0", environment=environment), 2, "positive")
    assert_one_line_error(das_hpo("reproduce", "table1", "--epochs", "0", environment=environment), 2, "positive")
    assert_one_line_error(das_hpo("evaluate", "H1", "--name", "a b", environment=environment), 2, "cannot name")
    assert not (tmp_path / "x.db").exists()


def test_draws_are_counted_by_trials_of_the_same_settings(tmp_path: Path) -> None:
    """The time of trials with other choices, hyperparameters or epochs says nothing."""
    url = f"sqlite:///{tmp_path}/x.db"
    few = {"choices": {"channels": 4}}
    store(
        url,
        Run("das", trials([20.0, 21.0], budget=50.0), settings={**few, "name": "das"}),
        Run("random", trials([20.0, 21.0], budget=50.0), method="random", settings={**few, "name": "random"}),
    )
    asked = ("baseline", "random-search", "--draws", "auto", "--trials", "1", "--workers", "0", "--db", url)
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    assert_one_line_error(das_hpo(*asked), 2, "trials of das", "das-hpo evaluate H1", "--data blur --epochs 50")
    other = das_hpo(*asked, "--set", "channels=4", "--preset", "H2")
    assert_one_line_error(other, 2, "das-hpo evaluate H2", "--epochs 50 --set channels=4")
    same = das_hpo(*asked, "--set", "channels=4", environment=environment)
    assert_one_line_error(same, 2, "without a nameserver")  # the number is found, and the workers are missing
