"""The best configurations of a run, by either objective."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.identity import ConfigurationId
from spaces.task import Metric
from spaces.trial import OBJECTIVES, OUTCOME_STATUSES, SCORE_OF, to_loss
from storage.engine import Database, Session
from storage.entries import EVALUATION_STATUSES
from storage.ranking import aggregate, counted, ranked
from storage.records import Incumbent
from storage.statements import CONFIGURATIONS, EVALUATIONS, RUNS

#: Values in one statement: below the limit of every database.
_IDS_AT_ONCE = 500


def incumbents(database: Database, run: str, objective: str | None = None, top: int = 1) -> list[Incumbent]:
    """The best configurations of a run, the best first.

    They are ranked as :mod:`storage.ranking` says, at the largest budget at which any configuration competes, and
    with the aggregate of the run's settings, else the mean.

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


def _budgets(session: Session, run_id: int) -> list[float]:
    query = select(EVALUATIONS.c.budget).where(EVALUATIONS.c.run_id == run_id, EVALUATIONS.c.status == "completed")
    return list(session.scalars(query.distinct().order_by(EVALUATIONS.c.budget.desc())))


def _ranked(
    session: Session, run_id: int, budget: float, objective: str, how: str, metric: Metric, top: int
) -> list[tuple[int, float]]:
    """The best configurations as (id in the database, score): only what decides is read of all of them."""
    query = select(EVALUATIONS.c.configuration_id, EVALUATIONS.c.status, EVALUATIONS.c[SCORE_OF[objective]]).where(
        EVALUATIONS.c.run_id == run_id,
        # Every status is named, so that the index by run, status and budget finds the rows.
        EVALUATIONS.c.status.in_(EVALUATION_STATUSES),
        EVALUATIONS.c.budget == budget,
    )

    def identify(ids: Collection[int]) -> dict[int, ConfigurationId]:
        columns = [CONFIGURATIONS.c[name] for name in ("id", *ConfigurationId._fields)]
        return {
            row.id: ConfigurationId(row.iteration, row.stage, row.number)
            for row in _read(session, select(*columns), CONFIGURATIONS.c.id, ids)
        }

    rows: Iterable[Any] = session.execute(query)
    return ranked(rows, how, metric.larger_is_better, identify, top)


def _records(
    session: Session, best: list[tuple[int, float]], budget: float, objective: str, how: str, metric: Metric
) -> list[Incumbent]:
    """The same configurations with everything that is known of them."""
    ids = [configuration_id for configuration_id, _ in best]
    configurations = {row.id: row for row in _read(session, select(CONFIGURATIONS), CONFIGURATIONS.c.id, ids)}
    replicates: dict[int, list[Row[Any]]] = defaultdict(list)
    trials = (
        select(EVALUATIONS)
        .where(EVALUATIONS.c.budget == budget, EVALUATIONS.c.status.in_(OUTCOME_STATUSES))
        .order_by(EVALUATIONS.c.replicate)
    )
    for row in _read(session, trials, EVALUATIONS.c.configuration_id, ids):
        replicates[row.configuration_id].append(row)
    larger = metric.larger_is_better

    def scores(rows: Sequence[Row[Any]], of: str) -> list[float | None]:
        return [counted(row.status, getattr(row, SCORE_OF[of])) for row in rows]

    records = []
    for rank, (configuration_id, score) in enumerate(best, start=1):
        configuration, rows = configurations[configuration_id], replicates[configuration_id]
        losses = [to_loss(each, larger) for each in scores(rows, objective)]
        best_row = min(zip(losses, rows, strict=True), key=lambda one: math.inf if one[0] is None else one[0])[1]
        records.append(
            Incumbent(
                rank=rank,
                iteration=configuration.iteration,
                stage=configuration.stage,
                number=configuration.number,
                budget=budget,
                score=score,
                one_shot_score=aggregate(scores(rows, "one-shot"), how, larger),
                architecture_score=aggregate(scores(rows, "architecture"), how, larger),
                replicates=len(rows),
                architecture=best_row.architecture or configuration.architecture,
                origin=configuration.origin,
                hyperparameters=configuration.hyperparameters,
                metric=metric,
            )
        )
    return records


def _read(session: Session, query: Select[Any], column: ColumnElement[int], ids: Collection[int]) -> Iterator[Row[Any]]:
    """The rows of a query whose column is one of the ids, asked for in parts: databases limit a statement's values."""
    every = list(ids)
    for first in range(0, len(every), _IDS_AT_ONCE):
        yield from session.execute(query.where(column.in_(every[first : first + _IDS_AT_ONCE])))
