"""What the database lacks of a plan."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from das_hpo.analysis.reproduction import missing, paper
from das_hpo.analysis.reproduction.plan import Plan
from spaces.errors import RunExistsError
from spaces.hyperparameters import PRESETS
from tests.das_hpo.analysis.reproduction.test_tuning import PLAN, store_run
from tests.das_hpo.databases import Run, store, trials

CELL = paper.Cell("sequential", "good", "blur")


def test_a_cell_is_missing_until_its_campaign_has_all_trials(tmp_path: Path) -> None:
    """Two of three trials: it is extended; three: nothing is missing."""
    url = f"sqlite:///{tmp_path}/das.db"
    wanted = Plan(trials=3).campaign(CELL)
    assert missing.cell_campaigns(url, {CELL: wanted}) == [wanted]
    stored = trials([21.0, 22.0], hyperparameters=PRESETS["H1"], budget=50.0)
    store(url, Run(wanted.name, stored, settings=dataclasses.replace(wanted, trials=2).to_dict()))
    assert missing.cell_campaigns(url, {CELL: wanted}) == [wanted]
    two = dataclasses.replace(wanted, trials=2)
    assert missing.cell_campaigns(url, {CELL: two}) == []
    assert missing.retrainings(url, PLAN, {}) == []


def test_a_shorter_run_is_extended_and_a_longer_one_taken_as_it_is(tmp_path: Path) -> None:
    """Two iterations are there: three continue it, two and one are complete. Other settings are refused."""
    url = f"sqlite:///{tmp_path}/das.db"
    store_run(url, PLAN)
    for iterations, complete in ((1, True), (2, True), (3, False)):
        plan = dataclasses.replace(PLAN, iterations=iterations)
        first, *others = missing.optimisations(url, plan, ["bohb"])
        assert (first.status, first.iterations, first.complete) == ("completed", 2, complete)
        assert [(other.status, other.complete) for other in others] == [(None, False)] * 5
    assert missing.optimisations(url, PLAN, ["table1"]) == []
    with pytest.raises(RunExistsError, match="--max-budget is 50 there, 9 was asked for"):
        missing.optimisations(url, dataclasses.replace(PLAN, epochs=9.0), ["bohb"])
