"""What records say by themselves: states, counts, best scores, and the order of results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spaces.task import Metric
from storage import queries, writes
from storage.engine import Database
from storage.records import RESULT_COLUMNS, BudgetRecord, RunRecord, RunSummary


@pytest.fixture
def run(database: Database, samples: Any) -> RunRecord:
    """A stored run."""
    with database.begin() as session:
        writes.create_run(session, samples.run())
    return queries.run(database, "first")


def test_a_run_that_no_process_serves_is_interrupted(run: RunRecord) -> None:
    """Whatever was written last; other states stay."""
    assert replace(run, status="running", active=True).state == "running"
    assert replace(run, status="running", active=False).state == "interrupted"
    assert replace(run, status="completed", active=False).state == "completed"


@pytest.mark.parametrize(("larger_is_better", "best"), [(True, 7.0), (False, -7.0)])
def test_the_best_score_is_of_the_largest_budget_that_has_one(
    run: RunRecord, larger_is_better: bool, best: float
) -> None:
    """A loss becomes a score by the metric; counts are summed over budgets."""
    budgets = (
        BudgetRecord(1.0, {"completed": 3, "failed": 1}, -9.0),
        BudgetRecord(3.0, {"completed": 1, "diverged": 1}, -7.0),
        BudgetRecord(9.0, {"queued": 2}, None),
    )
    summary = RunSummary(replace(run, metric=Metric("accuracy", "%", larger_is_better)), 4, budgets)
    assert summary.best_score == best
    assert summary.counts == {"queued": 2, "running": 0, "completed": 4, "diverged": 1, "failed": 1}
    assert summary.evaluations == 8
    assert RunSummary(run, 0, ()).best_score is None


def test_a_replay_names_what_is_finished_in_the_order_of_its_end(database: Database, samples: Any) -> None:
    """And not in the order in which it was queued."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        first, second, _ = [samples.queue(session, run_id, number) for number in range(3)]
        samples.finish(session, second, samples.outcome())
        samples.finish(session, first, samples.diverged())
    replay = queries.replay(database, run_id)
    assert [evaluation.id for evaluation in replay.finished] == [second, first]
    assert [tuple(evaluation.configuration_id) for evaluation in replay.finished] == [(0, 0, 1), (0, 0, 0)]


def test_a_result_is_a_mapping_of_its_columns(database: Database, samples: Any) -> None:
    """In the view's order."""
    with database.begin() as session:
        samples.queue(session, writes.create_run(session, samples.run()))
    [result] = queries.results(database)
    assert tuple(result.to_dict()) == RESULT_COLUMNS
    assert result.to_dict()["run"] == "first"
