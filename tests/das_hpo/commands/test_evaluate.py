"""``das-hpo evaluate``: what is evaluated, and what is refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.commands import baseline, evaluate
from das_hpo.commands.command import Parser
from das_hpo.settings import check_run_name
from spaces.hyperparameters import PRESETS
from storage import queries
from storage.engine import open_database
from tests.das_hpo.command import assert_one_line_error, das_hpo
from workers.inverse_1d import Inverse1D

SHORT = ("--epochs", "0.1", "--workers", "1", "--device", "cpu", "-f", "json")


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


class Spaced(Inverse1D):
    """A task with a preset whose name is no name of a run."""

    @property
    def name(self) -> str:
        """Another task's."""
        return "spaced"

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """The one preset."""
        return {"my first": PRESETS["H1"].to_dict()}


TASK = Spaced()


@pytest.mark.parametrize("configure", [evaluate.configure, baseline.configure], ids=["evaluate", "baseline"])
def test_a_preset_may_have_any_name(configure: Callable[[argparse.ArgumentParser], None]) -> None:
    """Its campaign has a name that can be stored, and the default of every option that was not given."""
    parser = Parser()
    configure(parser)
    names = ["my first"] if configure is evaluate.configure else ["random", "--preset", "my first"]
    args = parser.parse_args([*names, "--task", f"{__name__}:TASK", "--seed", "3"])
    asked = evaluate.asked_campaigns(args) if configure is evaluate.configure else baseline._campaigns(args, "random")
    (campaign,) = asked
    default = CampaignSettings("a")
    assert (campaign.label, campaign.seed) == ("my first", 3)
    assert (campaign.budget, campaign.trials, campaign.draws) == (default.budget, default.trials, default.draws)
    check_run_name(campaign.name)
