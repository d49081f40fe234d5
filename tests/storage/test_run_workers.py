"""Who computed for a run."""

from __future__ import annotations

from typing import Any

import pytest

from spaces.errors import RunMissingError
from storage import queries
from storage.engine import Database
from storage.run_workers import workers_of


def test_each_worker_has_its_attempts_by_status(database: Database, samples: Any, evaluation: int) -> None:
    """Counted as the attempts themselves say; a run that is not there is an error, one without attempts has none."""
    [run] = queries.names(database)
    assert workers_of(database, run) == []
    with database.begin() as session:
        samples.finish(session, evaluation, samples.outcome())
    attempts = queries.attempts(database, run)
    [worker] = workers_of(database, run)
    assert worker.info == attempts[0].worker
    assert dict(worker.attempts) == {"completed": len(attempts)}
    with pytest.raises(RunMissingError, match="no run is named 'other'"):
        workers_of(database, "other")
