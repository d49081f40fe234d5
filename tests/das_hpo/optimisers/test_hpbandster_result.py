"""A stored run as hpbandster's Result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.optimisers.hpbandster_result import stored_result
from spaces.hyperparameters import from_configuration
from spaces.trial import WORST_LOSS
from storage import queries
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, create, settings


@pytest.fixture
def database(memory_path: Path) -> Iterator[Database]:
    """An empty database."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as opened:
        yield opened


def test_hpbandsters_result_is_rebuilt_from_the_database(database: Database) -> None:
    """Runs, losses, incumbent, configurations and times are those of the stored rows."""
    Driver(create(database, settings(iterations=5, seed=2)), workers=2).run()
    rebuilt = stored_result(database, "run")
    stored = {(r.iteration, r.stage, r.number, r.budget): r for r in queries.results(database, "run")}
    runs = rebuilt.get_all_runs()
    assert {(*run.config_id, run.budget) for run in runs} == stored.keys()
    created = rebuilt.HB_config["time_ref"]
    points = rebuilt.get_id2config_mapping()
    for run in runs:
        row = stored[(*run.config_id, run.budget)]
        assert run.loss == (WORST_LOSS if row.status == "diverged" else row.loss)
        assert row.started_at is not None
        assert row.finished_at is not None
        assert run.time_stamps["started"] == row.started_at.timestamp() - created
        assert run.time_stamps["finished"] == row.finished_at.timestamp() - created
        assert from_configuration(points[run.config_id]["config"]).to_dict() == row.hyperparameters
    best = queries.incumbents(database, "run")[0]
    assert rebuilt.get_incumbent_id() == best.configuration_id
    assert rebuilt.get_incumbent_trajectory()["losses"][-1] == -best.score
    assert rebuilt.HB_config["budgets"] == [1.0, 3.0, 9.0]
