"""The evaluation queue of a campaign: what is given out, what counts, and when it is complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import queries
from storage.engine import Database, open_database
from tests.das_hpo.campaigns.test_campaign import campaign, create, retrained
from tests.das_hpo.queues import Driver


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "ids"),
    [
        ("das", [(0, 0, 0, replicate) for replicate in range(3)]),
        ("random", [(trial, 0, 0, 0) for trial in range(3)]),
        ("random-search", [(trial, 0, draw, 0) for trial in range(3) for draw in range(2)]),
        ("retraining", [(trial, 0, 0, draw) for trial in range(3) for draw in range(2)]),
    ],
)
def test_trials_are_given_out_in_their_order(method: str, ids: list[tuple[int, ...]], database: Database) -> None:
    """Each under the id and replicate that its kind of campaign has, with the seed of its trial and draw."""
    asked = campaign(method=method, trials=3, draws=2, architectures=retrained(3) if method == "retraining" else ())
    queue = create(database, asked)
    assert (queue.expected, queue.epochs_expected, queue.complete) == (len(ids), 2.0 * len(ids), False)
    Driver(queue).run()
    rows = sorted(queries.results(database, "campaign"), key=lambda row: row.sequence or 0)
    assert [(row.iteration, row.stage, row.number, row.replicate) for row in rows] == ids
    per_trial = asked.evaluations_per_trial
    assert [row.seed for row in rows] == [asked.trial_seed(*divmod(place, per_trial)) for place in range(len(ids))]
    assert queue.complete


def test_the_snapshot_has_the_best_score_and_the_trial(database: Database) -> None:
    """Of the campaign's objective; a diverged trial is no best."""
    queue = create(database, campaign(trials=6))
    driver = Driver(queue)
    driver.run(3)
    now = queue.snapshot()
    scores = [row.architecture_score for row in queries.results(database, "campaign") if row.architecture_score]
    assert (now.finished, now.expected, now.iterations, now.best_score) == (3, 6, 6, max(scores))
    driver.run()
    assert queue.snapshot().iteration == 6
