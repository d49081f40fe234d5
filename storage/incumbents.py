"""The best configurations of a run, under either objective."""

from __future__ import annotations

import heapq
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row, select

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.hyperparameters import HYPERPARAMETERS, Hyperparameters
from spaces.trial import OBJECTIVES
from storage.engine import Database, Session
from storage.entries import EVALUATION_STATUSES, FINISHED_STATUSES
from storage.records import Incumbent
from storage.statements import CONFIGURATIONS, EVALUATIONS, RUNS

#: How the replicates of a configuration make one number.
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "median": statistics.median,
    "max": max,
}


def incumbents(database: Database, run: str, objective: str | None = None, top: int = 1) -> list[Incumbent]:
    """The best configurations of a run, the best first.

    Those compete that were evaluated at the largest budget for which there is any result, with all replicates
    finished; PSNRs are aggregated as the run was told to (``settings["aggregate"]``, else the mean). A failed
    replicate does not count; a diverged one counts as minus infinity, so that it only can be outweighed under
    ``max`` and, in the minority, under ``median``.

    Args:
        database: The database.
        run: The name of the run.
        objective: ``one-shot`` or ``architecture``; None for the run's own.
        top: How many at most.

    Raises:
        RunMissingError: If no run has that name.
        UnknownNameError: For an unknown objective.
        InvalidValueError: If ``top`` is below 1.
    """
    if objective is not None and objective not in OBJECTIVES:
        raise UnknownNameError("objective", objective, OBJECTIVES)
    if top < 1:
        raise InvalidValueError(f"top is 1 or more, {top} came")
    with database.read() as session:
        row = session.execute(select(RUNS.c.id, RUNS.c.objective, RUNS.c.settings).where(RUNS.c.name == run)).first()
        if row is None:
            raise RunMissingError(f"no run is named {run!r} in this database: `das-hpo runs` lists them")
        how = row.settings.get("aggregate", "mean")
        objective = objective or row.objective
        for budget in _budgets(session, row.id):
            best = _ranked(session, row.id, budget, objective, how, top)
            if best:
                return _records(session, best, budget, objective, how)
    return []


def aggregate(psnrs: Sequence[float | None], how: str) -> float | None:
    """One number from the PSNRs of replicates; None stands for a diverged one, and for a result that is none.

    Raises:
        UnknownNameError: If ``how`` is none of :data:`AGGREGATES`.
    """
    if how not in AGGREGATES:
        raise UnknownNameError("aggregate", how, AGGREGATES)
    if not psnrs:
        return None
    value = AGGREGATES[how]([-math.inf if psnr is None else psnr for psnr in psnrs])
    return value if math.isfinite(value) else None


def _budgets(session: Session, run_id: int) -> list[float]:
    query = select(EVALUATIONS.c.budget).where(EVALUATIONS.c.run_id == run_id, EVALUATIONS.c.status == "completed")
    return list(session.scalars(query.distinct().order_by(EVALUATIONS.c.budget.desc())))


def _ranked(
    session: Session, run_id: int, budget: float, objective: str, how: str, top: int
) -> list[tuple[float, int]]:
    """The best configurations as (PSNR, id in the database): only what decides is read of all of them."""
    psnr_column = EVALUATIONS.c.one_shot_psnr if objective == "one-shot" else EVALUATIONS.c.architecture_psnr
    query = select(EVALUATIONS.c.configuration_id, EVALUATIONS.c.status, psnr_column).where(
        EVALUATIONS.c.run_id == run_id,
        # Every status, named: so the index by run, status and budget finds the rows.
        EVALUATIONS.c.status.in_(EVALUATION_STATUSES),
        EVALUATIONS.c.budget == budget,
    )
    replicates: dict[int, list[float | None]] = defaultdict(list)
    unfinished = set()
    for configuration_id, status, psnr in session.execute(query):
        if status not in FINISHED_STATUSES:
            unfinished.add(configuration_id)
        elif status != "failed":
            replicates[configuration_id].append(psnr if status == "completed" else None)
    ranked = []
    for configuration_id, psnrs in replicates.items():
        value = None if configuration_id in unfinished else aggregate(psnrs, how)
        if value is not None:
            ranked.append((-value, configuration_id))
    return [(-loss, configuration_id) for loss, configuration_id in heapq.nsmallest(top, ranked)]


def _records(
    session: Session, best: list[tuple[float, int]], budget: float, objective: str, how: str
) -> list[Incumbent]:
    """The same configurations with everything that is known of them."""
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
    for rank, (psnr, configuration_id) in enumerate(best, start=1):
        configuration, rows = configurations[configuration_id], replicates[configuration_id]
        best_row = max(rows, key=lambda row: -math.inf if (value := _psnr(row, objective)) is None else value)
        records.append(
            Incumbent(
                rank=rank,
                iteration=configuration.iteration,
                stage=configuration.stage,
                number=configuration.number,
                budget=budget,
                psnr=psnr,
                one_shot_psnr=aggregate([_psnr(row, "one-shot") for row in rows], how),
                architecture_psnr=aggregate([_psnr(row, "architecture") for row in rows], how),
                replicates=len(rows),
                architecture=best_row.architecture or configuration.architecture,
                origin=configuration.origin,
                hyperparameters=Hyperparameters(**{name: configuration._mapping[name] for name in HYPERPARAMETERS}),
            )
        )
    return records


def _psnr(row: Row[Any], objective: str) -> float | None:
    if row.status != "completed":
        return None
    psnr: float | None = row.one_shot_psnr if objective == "one-shot" else row.architecture_psnr
    return psnr
