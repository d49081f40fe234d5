"""The incumbents of a run, against the ranking over what had finished by then."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from das_hpo.analysis.comparison.rows import best_under
from das_hpo.analysis.comparison.trajectory import Step, at_cost, trajectory
from spaces.identity import ConfigurationId
from tests.das_hpo import frames


def slow(frame: pd.DataFrame, objective: str, how: str, larger: bool) -> list[Step]:
    """The best after each evaluation, found anew each time among what had finished."""
    rows = frame.sort_values("finished_at", kind="stable")
    steps: list[Step] = []
    for count in range(1, len(rows) + 1):
        done = rows.iloc[:count]
        then = rows.assign(status=rows["status"].where(rows.index.isin(done.index), "running"))
        best = best_under(then, objective, how, larger)
        if best is not None and (not steps or best.configuration != steps[-1].configuration):
            epochs, seconds = float(done["budget"].sum()), float(done["duration_s"].fillna(0).sum())
            steps.append(Step(epochs, seconds, best.configuration, best.budget))
    return steps


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("how", "larger"), [("mean", True), ("max", True), ("median", False)])
def test_each_change_is_that_of_the_ranking(seed: int, how: str, larger: bool) -> None:
    """Replicates, diverged and failed ones, ties, and smaller scores that are better."""
    rng = np.random.default_rng(seed)
    frame = frames.optimisation(iterations=3, seed=seed)
    again = frame.assign(replicate=1, finished_at=frame["finished_at"] + pd.Timedelta(seconds=40))
    again["architecture_score"] += rng.normal(0, 1, len(again))
    both = pd.concat([frame, again], ignore_index=True)
    both["architecture_score"] = both["architecture_score"].round(0)
    failed = rng.random(len(both)) < 0.1
    both.loc[failed, "status"] = "failed"
    both.loc[failed, ["architecture_score", "duration_s"]] = np.nan
    found = trajectory(both, "architecture", how, larger)
    expected = slow(both, "architecture", how, larger)
    assert [(step.configuration, step.budget) for step in found] == [(s.configuration, s.budget) for s in expected]
    assert [step.worker_s for step in found] == pytest.approx([step.worker_s for step in expected])
    assert [step.epochs for step in found] == pytest.approx([step.epochs for step in expected])
    best = best_under(both, "architecture", how, larger)
    assert best is not None
    assert found[-1].configuration == best.configuration


def test_the_incumbent_at_a_cost_is_the_last_that_had_been_paid() -> None:
    """None before the first."""
    steps = [Step(1.0, 10.0, ConfigurationId(0, 0, 0), 5.0), Step(9.0, 30.0, ConfigurationId(0, 0, 1), 5.0)]
    assert at_cost(steps, 9.0) is None
    assert at_cost(steps, 10.0) == at_cost(steps, 29.0) == steps[0]
    assert at_cost(steps, 30.0) == at_cost(steps, 1e9) == steps[1]
    assert at_cost([], 5.0) is None
