"""The best configurations of a run, by either objective."""

from __future__ import annotations

import heapq
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, select

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.task import Metric
from spaces.trial import OBJECTIVES, to_loss, to_score
from storage.engine import Database, Session
from storage.entries import EVALUATION_STATUSES, FINISHED_STATUSES
from storage.records import Incumbent
from storage.statements import CONFIGURATIONS, EVALUATIONS, RUNS

#: How the scores of replicates become one number; ``max`` is the best score, also where smaller is better.
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "median": statistics.median,
    "max": max,
}


def incumbents(database: Database, run: str, objective: str | None = None, top: int = 1) -> list[Incumbent]:
    """The best configurations of a run, the best first.

    A configuration competes if all its replicates at the largest budget with any result have ended. Their scores are
    aggregated as the run's settings say (``settings["aggregate"]``, else the mean). A failed replicate does not count.
    A diverged one counts as infinitely bad, so that the configuration has a score only under ``max``, or under
    ``median`` if most replicates have not diverged.

    Args:
        database: The database.
        run: The name of the run.
        objective: ``one-shot`` or ``architecture``; None for the run's own.
        top: How many configurations at most.

    Raises:
        RunMissingError: If no run has that name.
        UnknownNameError: For an unknown objective.
        InvalidValueError: If ``top`` is below 1.
    """
    if objective is not None and objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES)
    if top < 1:
        raise InvalidValueError(f"top is 1 or more, got {top}")
    with database.read() as session:
        columns = [
            RUNS.c[name] for name in ("id", "objective", "settings", "metric", "metric_unit", "larger_is_better")
        ]
        row = session.execute(select(*columns).where(RUNS.c.name == run)).first()
        if row is None:
            raise RunMissingError(f"no run is named {run!r} in this database: `das-hpo runs` lists them")
        how = row.settings.get("aggregate", "mean")
        objective = objective or row.objective
        metric = Metric(row.metric, row.metric_unit, row.larger_is_better)
        for budget in _budgets(session, row.id):
            best = _ranked(session, row.id, budget, objective, how, metric, top)
            if best:
                return _records(session, best, budget, objective, how, metric)
    return []


def aggregate(scores: Sequence[float | None], how: str, larger_is_better: bool = True) -> float | None:
    """One number from the scores of replicates.

    Args:
        scores: None stands for a diverged replicate.
        how: One of :data:`AGGREGATES`.
        larger_is_better: Whether larger scores are better.

    Returns:
        None if there are no scores, or if diverged replicates leave no finite number.

    Raises:
        UnknownNameError: If ``how`` is not one of :data:`AGGREGATES`.
    """
    if how not in AGGREGATES:
        raise UnknownNameError("aggregate", how, AGGREGATES)
    if not scores:
        return None
    sign = 1.0 if larger_is_better else -1.0
    value = AGGREGATES[how]([-math.inf if score is None else sign * score for score in scores])
    return sign * value if math.isfinite(value) else None


def _budgets(session: Session, run_id: int) -> list[float]:
    query = select(EVALUATIONS.c.budget).where(EVALUATIONS.c.run_id == run_id, EVALUATIONS.c.status == "completed")
    return list(session.scalars(query.distinct().order_by(EVALUATIONS.c.budget.desc())))


def _ranked(
    session: Session, run_id: int, budget: float, objective: str, how: str, metric: Metric, top: int
) -> list[tuple[float, int]]:
    """The best configurations as (score, id in the database); only the columns that decide are read of all."""
    score_column = EVALUATIONS.c.one_shot_score if objective == "one-shot" else EVALUATIONS.c.architecture_score
    query = select(EVALUATIONS.c.configuration_id, EVALUATIONS.c.status, score_column).where(
        EVALUATIONS.c.run_id == run_id,
        # Every status is named, so that the index by run, status and budget finds the rows.
        EVALUATIONS.c.status.in_(EVALUATION_STATUSES),
        EVALUATIONS.c.budget == budget,
    )
    replicates: dict[int, list[float | None]] = defaultdict(list)
    unfinished = set()
    for configuration_id, status, score in session.execute(query):
        if status not in FINISHED_STATUSES:
            unfinished.add(configuration_id)
        elif status != "failed":
            replicates[configuration_id].append(score if status == "completed" else None)
    ranked = []
    for configuration_id, scores in replicates.items():
        value = None if configuration_id in unfinished else aggregate(scores, how, metric.larger_is_better)
        loss = to_loss(value, metric.larger_is_better)
        if loss is not None:
            ranked.append((loss, configuration_id))
    return [
        (to_score(loss, metric.larger_is_better) or 0.0, configuration_id)
        for loss, configuration_id in heapq.nsmallest(top, ranked)
    ]


def _records(
    session: Session, best: list[tuple[float, int]], budget: float, objective: str, how: str, metric: Metric
) -> list[Incumbent]:
    """The same configurations with everything that is stored of them."""
    ids = [configuration_id for _, configuration_id in best]
    configurations = {
        row.id: row for row in session.execute(select(CONFIGURATIONS).where(CONFIGURATIONS.c.id.in_(ids)))
    }
    replicates: dict[int, list[Row[Any]]] = defaultdict(list)
    counted = select(EVALUATIONS).where(
        EVALUATIONS.c.configuration_id.in_(ids),
        EVALUATIONS.c.budget == budget,
        EVALUATIONS.c.status.in_(("completed", "diverged")),
    )
    for row in session.execute(counted.order_by(EVALUATIONS.c.replicate)):
        replicates[row.configuration_id].append(row)
    records = []
    larger = metric.larger_is_better

    def loss(row: Row[Any]) -> float:
        value = to_loss(_score(row, objective), larger)
        return math.inf if value is None else value

    for rank, (score, configuration_id) in enumerate(best, start=1):
        configuration, rows = configurations[configuration_id], replicates[configuration_id]
        best_row = min(rows, key=loss)
        records.append(
            Incumbent(
                rank=rank,
                iteration=configuration.iteration,
                stage=configuration.stage,
                number=configuration.number,
                budget=budget,
                score=score,
                one_shot_score=aggregate([_score(row, "one-shot") for row in rows], how, larger),
                architecture_score=aggregate([_score(row, "architecture") for row in rows], how, larger),
                replicates=len(rows),
                architecture=best_row.architecture or configuration.architecture,
                origin=configuration.origin,
                hyperparameters=configuration.hyperparameters,
                metric=metric,
            )
        )
    return records


def _score(row: Row[Any], objective: str) -> float | None:
    if row.status != "completed":
        return None
    score: float | None = row.one_shot_score if objective == "one-shot" else row.architecture_score
    return score
