"""A stored run as hpbandster's Result, for tools that read those."""

from __future__ import annotations

from collections import defaultdict

from hpbandster.core.result import Result

from das_hpo.optimisers.bracketed import BracketOptimizer
from das_hpo.optimisers.queue import make_optimisation
from das_hpo.service.recorder import Recorder
from spaces.errors import StorageError
from spaces.identity import ConfigurationId
from storage import queries
from storage.engine import Database
from storage.records import EvaluationRecord, RunRecord


def stored_result(database: Database, run: str) -> Result:
    """hpbandster's Result of a stored run: its configurations, losses and times.

    Raises:
        RunMissingError: If there is no such run.
        StorageError: If the run is no optimisation in hpbandster's brackets.
    """
    replay = queries.replay(database, queries.run(database, run).id)
    if replay.run.kind != "run":
        raise StorageError(f"{run!r} is a {replay.run.kind}: hpbandster's results are of optimisations only")
    queue, _ = make_optimisation(replay, Recorder(database, replay.run.id), None)
    optimizer = queue.optimizer
    if not isinstance(optimizer, BracketOptimizer):
        raise StorageError(f"{run!r} has the optimizer {replay.run.optimizer!r}, which has no brackets of hpbandster")
    replicates: dict[tuple[ConfigurationId, float], list[EvaluationRecord]] = defaultdict(list)
    for record in replay.evaluations:
        replicates[record.configuration_id, record.budget].append(record)
    for bracket in optimizer.brackets:
        for identifier, datum in bracket.data.items():
            for budget in datum.results:
                datum.time_stamps[budget] = _times(replicates[identifier, budget])
    return Result([bracket.data for bracket in optimizer.brackets], _settings(replay.run, optimizer))


def _times(records: list[EvaluationRecord]) -> dict[str, float]:
    """The first start and the last end of replicates, in seconds since the epoch."""
    started = [record.started_at.timestamp() for record in records if record.started_at is not None]
    finished = [record.finished_at.timestamp() for record in records if record.finished_at is not None]
    begun = min(started, default=min(finished))
    return {"submitted": begun, "started": begun, "finished": max(finished)}


def _settings(run: RunRecord, optimizer: BracketOptimizer) -> dict[str, object]:
    """What hpbandster keeps of its settings."""
    problem = optimizer.problem
    return {
        "time_ref": run.created_at.timestamp(),
        "eta": problem.eta,
        "min_budget": problem.min_budget,
        "max_budget": problem.max_budget,
        "budgets": list(optimizer.budgets),
        "max_SH_iter": len(optimizer.budgets),
        **problem.decisions.to_dict(),
    }
