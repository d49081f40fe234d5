"""What is exported of a run: what has ended of it, with curves, and its points in its space."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from das_hpo.analysis.exports.source import ExportedRun, id_of, key_of, read_run, seconds
from spaces.errors import InvalidValueError, RunMissingError
from spaces.hyperparameters import PRESETS
from spaces.identity import ConfigurationId
from storage.engine import open_database
from tests.das_hpo.databases import Run, Trial, store


def test_what_has_ended_is_read(exported: Callable[[str], ExportedRun]) -> None:
    """Seven of eight evaluations; the points are those of the space of inverse-1d."""
    run = exported("lab")
    assert [id_of(row).number for row in run.evaluations] == [0, 0, 1, 1, 1, 2, 3]
    assert len(run.configurations) == 5
    assert set(run.points) == set(run.configurations)
    assert set(run.space) == set(PRESETS["H1"].to_dict())
    best = max(run.evaluations, key=lambda row: run.score_of(row) or 0.0)
    assert (key_of(best), run.score_of(best)) == ((ConfigurationId(0, 0, 1), 9.0, 0), 21.0)
    assert [point.training_loss for point in run.curves[key_of(best)]] == [0.125, 0.5, 0.25]
    assert seconds(best.finished_at) > seconds(None) == 0.0


def test_nothing_that_has_ended_is_refused(url: str, tmp_path: object) -> None:
    """And so is an unknown run."""
    other = url.replace("runs.db", "other.db")
    store(other, Run("waits", [Trial(None, status="queued")]))
    with open_database(other) as database:
        with pytest.raises(InvalidValueError, match="'waits' has no finished evaluation yet"):
            read_run(database, "waits")
        with pytest.raises(RunMissingError):
            read_run(database, "nobody")
