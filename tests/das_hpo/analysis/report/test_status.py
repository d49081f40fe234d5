"""How far a run is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from das_hpo.analysis.report.run_data import read
from das_hpo.analysis.report.status import Standing, planned, standing
from das_hpo.optimisers.queue import make_optimizer
from das_hpo.settings import RunSettings
from storage.records import RunRecord


def _record(url: str, **changes: object) -> RunRecord:
    return replace(read(url, ["tuned"])[0].summary.run, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["bohb", "random", "hyperband"])
def test_the_plan_is_that_of_the_optimiser_itself(url: str, optimizer: str) -> None:
    """Evaluations and epochs, with repeats."""
    settings = RunSettings(
        name="x", objective="one-shot", optimizer=optimizer, iterations=4, min_budget=1, max_budget=9, repeats=2
    )
    plan = make_optimizer(settings).plan
    record = _record(url, settings=settings.to_dict(), optimizer=optimizer)
    assert planned(record) == (2 * plan.proposals, pytest.approx(2 * plan.epochs))


def test_a_campaign_is_as_long_as_it_says(url: str) -> None:
    """Trials, each with its draws; what has no such settings, or an optimiser of one's own, has no plan."""
    settings = {"trials": 75, "budget": 50.0}
    assert planned(_record(url, kind="campaign", settings=settings)) == (75, 3750.0)
    assert planned(_record(url, kind="campaign", settings=settings | {"draws": 5})) == (375, 18750.0)
    assert planned(_record(url, settings={})) is None
    assert planned(_record(url, optimizer="mine:make")) is None


def test_the_time_left_follows_the_pace(url: str) -> None:
    """30 epochs in the last minute and 570 to go are 19 minutes; a run without a process has no time left."""
    (data,) = read(url, ["tuned"])
    start = datetime.now(UTC) - timedelta(seconds=60)
    frame = pd.DataFrame({"sequence": [1, 2], "budget": [15.0, 15.0], "started_at": [start, start]})
    settings = {"trials": 12, "budget": 50.0}
    record = replace(data.summary.run, kind="campaign", settings=settings, status="running", active=True)
    now = standing(replace(data.summary, run=record), frame)
    assert (now.finished, now.expected) == (39, 39)
    assert now.left_s == pytest.approx(1140, rel=0.1)
    assert standing(replace(data.summary, run=replace(record, active=False)), frame).left_s is None


def test_words_say_what_is_known() -> None:
    """Done of all, and the time left; without a plan what is done."""
    assert Standing(12, 39, 200.0).words == "12 of 39, about 3m20s left"
    assert Standing(12, None, None).words == "12"
    assert (Standing(12, 48, None).share, Standing(12, None, None).share) == (0.25, 0.0)
