"""The optimisations of Tables 7 and 8 and the trials of what they find: what is there, and what is missing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from das_hpo.analysis.reproduction import paper, tuning
from das_hpo.analysis.reproduction.plan import Plan
from spaces.errors import RunExistsError
from spaces.hyperparameters import PRESETS, Hyperparameters
from storage.frames import load_results
from tests.das_hpo.databases import Run, Trial, store

PLAN = Plan(trials=3, iterations=2)

CAMPAIGN = paper.BOHB_CAMPAIGNS[0]

#: In the order of their scores at the largest budget.
WORST, BEST = PRESETS["H2"], PRESETS["BOHB-one-shot-Blur"]


def store_run(url: str, plan: Plan, *, fresh: Hyperparameters | None = None, iterations: int | None = None) -> None:
    """A run of three evaluations, and where asked two trials of one configuration."""
    run = plan.optimisation(CAMPAIGN)
    if iterations is not None:
        run = dataclasses.replace(run, iterations=iterations)
    evaluations = [
        Trial(None, 25.0, 0, budget=5.0, hyperparameters=WORST),
        Trial(None, 21.0, 0, budget=50.0, hyperparameters=WORST),
        Trial(None, 22.5, 1, budget=50.0, hyperparameters=BEST),
    ]
    problem = {"operations": CAMPAIGN.operations, "data": CAMPAIGN.data, "objective": CAMPAIGN.objective}
    store(url, Run(run.name, evaluations, kind="run", settings=json.loads(json.dumps(run.to_dict())), **problem))  # type: ignore[arg-type]
    if fresh is not None:
        asked = dataclasses.replace(tuning.fresh_trials(plan, CAMPAIGN, fresh.to_dict(), plan.iterations), trials=2)
        trials = [Trial(20.0 + r, 21.0, 0, budget=50.0, replicate=r, seed=r, hyperparameters=fresh) for r in range(2)]
        store(url, Run(asked.name, trials, settings=json.loads(json.dumps(asked.to_dict()))))


def test_the_incumbent_gets_trials_on_both_data_formations(tmp_path: Path) -> None:
    """That of the largest budget, though a smaller one had a higher score; under the plan's seed and length."""
    url = f"sqlite:///{tmp_path}/das.db"
    assert tuning.missing_trials(url, PLAN) == []
    store_run(url, PLAN)
    here, there = tuning.missing_trials(url, PLAN)
    assert here.hyperparameters == there.hyperparameters == BEST.to_dict()
    assert (here.settings["data"], there.settings["data"]) == ("blur", "downsampling")
    assert here.name == "paper-tuned-2-BOHB-one-shot-Blur"
    assert there.name == "paper-tuned-2-BOHB-one-shot-Blur-on-downsampling"
    assert (here.trials, here.budget, here.label) == (3, 50.0, "paper-tune-BOHB-one-shot-Blur")


def test_what_is_there_is_continued_and_shown(tmp_path: Path) -> None:
    """Two trials of three: the third is missing; what is shown is what the database has, from a file as well."""
    url = f"sqlite:///{tmp_path}/das.db"
    store_run(url, PLAN, fresh=BEST)
    assert [campaign.trials for campaign in tuning.missing_trials(url, PLAN)] == [3, 3]
    assert [campaign.data for campaign, each in tuning.load(url, PLAN).items() if each.trials is not None] == ["blur"]
    shorter = dataclasses.replace(PLAN, trials=2)
    assert [c.name for c in tuning.missing_trials(url, shorter)] == ["paper-tuned-2-BOHB-one-shot-Blur-on-downsampling"]
    for found in (tuning.load(url, PLAN), tuning.read(load_results(url), PLAN)):
        tuned = found[CAMPAIGN]
        assert tuned.trials is not None
        assert sorted(tuned.trials["architecture_score"]) == [20.0, 21.0]
        assert tuned.best_seen("one-shot") == 22.5
        assert tuned.best_seen("architecture") is None
        assert tuned.elsewhere is None
    one = tuning.load(url, dataclasses.replace(PLAN, trials=1))[CAMPAIGN].trials
    assert one is not None
    assert len(one) == 1


def test_a_name_that_other_hyperparameters_have_is_refused(tmp_path: Path) -> None:
    """The run's incumbent is another one than the trials under the name are of."""
    url = f"sqlite:///{tmp_path}/das.db"
    store_run(url, PLAN, fresh=WORST)
    with pytest.raises(RunExistsError, match="'paper-tuned-2-BOHB-one-shot-Blur' is taken by a campaign with other"):
        tuning.missing_trials(url, PLAN)
