"""Runs and presets as subjects: which rows their tests are about."""

from __future__ import annotations

import pandas as pd
import pytest

from das_hpo.analysis.comparison.subjects import (
    EVALUATIONS,
    INCUMBENT_TRIALS,
    TRIALS,
    preset_subject,
)
from spaces.errors import InvalidValueError
from spaces.hyperparameters import PRESETS
from tests.das_hpo import frames
from tests.das_hpo.analysis.comparison.samples import HIGH, LOW, campaign_of, side_by_side, subject_of


def test_a_run_takes_part_with_the_trials_of_its_incumbent() -> None:
    """Where a campaign has them; else with its evaluations, and the verdict says what that is worth."""
    run = frames.optimisation("r")
    alone = subject_of(run, name="r", optimizer="bohb")
    assert alone.source == EVALUATIONS
    assert alone.sample.seeds is None
    best = alone.own_best
    assert best is not None
    rows = run[
        (run["budget"] == 50) & run["number"].eq(best.configuration[2]) & run["iteration"].eq(best.configuration[0])
    ]
    campaign = frames.campaign("c", LOW)
    for name in PRESETS["H1"].to_dict():
        campaign[name] = rows[name].iloc[0]
    evaluated = subject_of(run, name="r", optimizer="bohb", campaigns=campaign)
    assert evaluated.source == INCUMBENT_TRIALS
    assert evaluated.summary.trials == 12
    other = campaign.assign(data="downsampling")
    assert subject_of(run, name="r", campaigns=other).source == EVALUATIONS
    _, said = side_by_side(alone, campaign_of("h", HIGH))
    assert "they tell where it looked, not how good its incumbent is" in said


def test_presets_are_found_by_their_hyperparameters() -> None:
    """In campaigns alone, of one problem and budget, each seed once."""
    campaign = frames.campaign("c", LOW)
    for name, value in PRESETS["H2"].to_dict().items():
        campaign[name] = value
    found = preset_subject("H2", pd.concat([campaign, campaign]), {"data": "blur"})
    assert (found.kind, found.source, found.summary.trials) == ("preset", TRIALS, 12)
    with pytest.raises(InvalidValueError, match=r"no trials of preset H1 .* das-hpo evaluate H1 --data blur"):
        preset_subject("H1", campaign, {"data": "blur"})
    with pytest.raises(InvalidValueError, match=r"do not agree, say which .*--data downsampling"):
        preset_subject("H2", pd.concat([campaign, campaign.assign(data="downsampling")]), {})
    with pytest.raises(InvalidValueError, match=r"do not agree, say which .*--epochs 50 or --epochs 5;"):
        preset_subject("H2", pd.concat([campaign, campaign.assign(budget=5.0)]), {})


def test_nothing_finished_is_an_error() -> None:
    """A run without results cannot be compared."""
    with pytest.raises(InvalidValueError, match="r has no finished evaluation"):
        subject_of(frames.optimisation("r").assign(status="queued"), name="r")
