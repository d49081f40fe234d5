"""Finding what is compared in a real database, and the command that prints it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from das_hpo.analysis.comparison.subjects import (
    EVALUATIONS,
    INCUMBENT_TRIALS,
)
from spaces.hyperparameters import PRESETS
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, Trial, store, trials


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with a run, trials of its incumbent, and two presets."""
    path = tmp_path_factory.mktemp("compare") / "das.db"
    point = dataclasses.replace(PRESETS["H1"], alpha_learning_rate=0.02)
    store(
        f"sqlite:///{path}",
        Run("h1", trials(LOW)),
        Run("h2", trials(HIGH, hyperparameters=PRESETS["H2"])),
        Run(
            "tuned",
            [
                Trial(19.0, 18.0, number=0, origin="random"),
                Trial(23.0, 20.0, number=1, origin="model", hyperparameters=point),
            ],
            kind="run",
        ),
        Run("of-tuned", trials([v + 0.5 for v in HIGH], hyperparameters=point, origin="fixed")),
        Run("of-tuned-2", trials([v + 0.5 for v in HIGH], hyperparameters=point, origin="model")),
    )
    return f"sqlite:///{path}"


def test_the_command_reads_runs_campaigns_and_presets(url: str) -> None:
    """Through the real command: the preset takes the problem of the run named beside it."""
    process = das_hpo("compare", "H1", "h2", "tuned", "--db", url)
    assert process.returncode == 0, process.stderr
    assert "12 trials of the incumbent" in process.stdout
    assert "verdict" in process.stdout
    assert "H1 against h2: the trials of H1 are worse" in process.stdout
    records = json.loads(das_hpo("compare", "H1", "tuned", "--db", url, "-f", "json").stdout)
    assert [subject["kind"] for subject in records["subjects"]] == ["preset", "run"]
    assert records["subjects"][1]["best_by_architecture_architecture_psnr"] == 23.0
    assert records["comparisons"][0]["median_difference"] == pytest.approx(
        np.median(np.subtract.outer(LOW, HIGH)) - 0.5
    )
    lines = das_hpo("compare", "h1", "h2", "--db", url, "-f", "csv").stdout.splitlines()
    assert len(lines) == 3


def test_wrong_names_are_one_line(url: str, tmp_path: Path) -> None:
    """Unknown and repeated names, presets without trials, no database."""
    assert_one_line_error(das_hpo("compare", "nobody", "--db", url), 2, "'nobody'", "of-tuned-2", "BOHB-Non-Seq-Blur")
    assert_one_line_error(das_hpo("compare", "h1", "h1", "--db", url), 2, "got h1 again")
    assert_one_line_error(das_hpo("compare", "BOHB-Blur", "--db", url), 2, "das-hpo evaluate BOHB-Blur")
    assert_one_line_error(das_hpo("compare", "h1", "--level", "95", "--db", url), 2, "'95'")
    assert_one_line_error(das_hpo("compare", "h1", "--db", f"sqlite:///{tmp_path}/none.db"), 1, "none.db")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database whose trials of presets are of several settings and budgets."""
    path = tmp_path_factory.mktemp("several") / "das.db"
    point = dataclasses.replace(PRESETS["H1"], alpha_learning_rate=0.02)
    few = {"choices": {"channels": 4}}
    store(
        f"sqlite:///{path}",
        Run("h1", trials(LOW, budget=50.0)),
        Run("h1-few", trials(HIGH, first_seed=100, budget=50.0), settings={**few, "budget": 50}),
        Run("h1-short", trials([v + 9 for v in HIGH], first_seed=200, budget=5.0), settings={"budget": 5}),
        Run("h2-few", trials(HIGH, budget=50.0, hyperparameters=PRESETS["H2"]), settings=few),
        Run("tuned", [Trial(23.0, 20.0, hyperparameters=point, origin="model")], kind="run"),
        Run("tuned-few", [Trial(23.0, 20.0, hyperparameters=point, origin="model")], kind="run", settings=few),
        Run("of-tuned-few", trials(HIGH, hyperparameters=point, origin="fixed"), settings=few),
    )
    return f"sqlite:///{path}"


def test_trials_of_other_settings_are_not_pooled(several: str) -> None:
    """Of one preset: the options that narrow them down are said, and do; a named campaign narrows them, too."""
    process = das_hpo("compare", "H1", "--db", several)
    assert_one_line_error(process, 2, "--epochs 50 or --epochs 5", "--set channels=8 or --set channels=4")
    assert_one_line_error(das_hpo("compare", "H1", "--epochs", "50", "--db", several), 2, "--set channels=8 or")

    def mean(*arguments: str) -> float:
        process = das_hpo("compare", *arguments, "--db", several, "-f", "json")
        assert process.returncode == 0, process.stderr
        return float(json.loads(process.stdout)["subjects"][0]["mean"])

    eight = ("--epochs", "50", "--set", "channels=8")
    assert mean("H1", *eight) == pytest.approx(np.mean(LOW))
    assert mean("H1", "--epochs", "50", "--set", "channels=4") == pytest.approx(np.mean(HIGH))
    assert mean("H1", "--epochs", "5") == pytest.approx(np.mean(HIGH) + 9)
    assert mean("H1", "h1-few") == pytest.approx(np.mean(HIGH))
    assert mean("H1", "h1-few", *eight) == pytest.approx(np.mean(LOW))


def test_presets_of_other_settings_are_not_compared(several: str) -> None:
    """What differs between them is said; campaigns that are named are compared, and the verdict says it."""
    process = das_hpo("compare", "H1", "H2", "--epochs", "5", "--db", several)
    assert_one_line_error(process, 2, "no trials of preset H2", "das-hpo evaluate H2 --epochs 5")
    process = das_hpo("compare", "H1", "H2", "--epochs", "50", "--set", "channels=4", "--db", several)
    assert process.returncode == 0, process.stderr
    named = das_hpo("compare", "h1", "h2-few", "--db", several)
    assert named.returncode == 0, named.stderr
    said = " ".join(named.stdout.split())
    assert "They differ in --set channels=8 (h1) or --set channels=4 (h2-few)" in said
    assert "They differ" not in process.stdout


def test_presets_that_have_other_trials_each_are_not_compared(tmp_path: Path) -> None:
    """Each agrees with itself: what differs between the two is said with who has which."""
    url = f"sqlite:///{tmp_path}/das.db"
    short = trials(HIGH, budget=5.0, hyperparameters=PRESETS["H2"])
    store(url, Run("h1", trials(LOW, budget=50.0)), Run("h2", short, data="downsampling"))
    process = das_hpo("compare", "H1", "H2", "--db", url)
    assert_one_line_error(process, 2, "--data blur (H1) or --data downsampling (H2)", "--epochs 50 (H1) or --epochs 5")


def test_an_incumbents_trials_have_the_settings_of_its_run(several: str) -> None:
    """Trials of the same hyperparameters with other choices are none of its incumbent."""
    records = json.loads(das_hpo("compare", "tuned", "tuned-few", "--db", several, "-f", "json").stdout)
    assert [subject["tests_use"] for subject in records["subjects"]] == [EVALUATIONS, INCUMBENT_TRIALS]
    assert records["equal_cost"] == []


def test_trials_of_other_methods_are_not_pooled(tmp_path: Path) -> None:
    """H1 with das and with das-single: refused until --method says which; named campaigns are warned of."""
    url = f"sqlite:///{tmp_path}/das.db"
    single = Run("single", trials(HIGH, first_seed=100), method="das-single")
    store(url, Run("both", trials(LOW)), single)
    assert_one_line_error(das_hpo("compare", "H1", "--db", url), 2, "--method das or --method das-single")
    process = das_hpo("compare", "H1", "--method", "das-single", "--db", url, "-f", "json")
    assert json.loads(process.stdout)["subjects"][0]["mean"] == pytest.approx(np.mean(HIGH))
    named = das_hpo("compare", "both", "single", "--db", url)
    assert "They differ in --method das (both) or --method das-single (single)" in " ".join(named.stdout.split())
