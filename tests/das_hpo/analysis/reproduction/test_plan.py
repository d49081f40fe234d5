"""From cells to campaigns: what is asked for, and what is taken from the database."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from das_hpo.analysis.reproduction import paper
from das_hpo.analysis.reproduction import plan as plans
from das_hpo.analysis.reproduction.paper import Cell
from das_hpo.analysis.reproduction.plan import Plan
from das_hpo.campaigns.campaign import CampaignSettings
from spaces.errors import InvalidValueError
from spaces.inverse_1d.trial import InverseTrial
from tests.das_hpo import frames

PLAN = Plan(trials=10)


DAS = Cell("sequential", "all", "blur")


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


def test_trials_that_were_added_until_decided_are_not_taken() -> None:
    """The plan's tables are of a number fixed before; a fixed sample that was extended later has its first trials."""
    wanted = PLAN.campaign(DAS)
    looked = dataclasses.replace(wanted, name="mine", trials=40, looked_from=3)
    assert plans.campaigns_for(PLAN, [DAS], [looked])[DAS] == wanted
    later = dataclasses.replace(looked, looked_from=PLAN.trials)
    assert plans.campaigns_for(PLAN, [DAS], [looked, later])[DAS] == later


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
