"""The best configurations of a run, under either objective."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from spaces.errors import InvalidValueError, RunMissingError, UnknownNameError
from spaces.hyperparameters import HYPERPARAMETERS, Hyperparameters
from spaces.trial import OBJECTIVES
from storage.engine import Database
from storage.records import EVALUATION_STATUSES, FINISHED_STATUSES, Incumbent
from storage.statements import CONFIGURATIONS, EVALUATIONS, RUNS

#: How the replicates of a configuration make one number.
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "median": statistics.median,
    "max": max,
}


@dataclass(frozen=True, slots=True)
class _Candidate:
    configuration_id: int
    psnr: float
    rows: tuple[Row[Any], ...]


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
        for budget in _budgets(session, row.id):
            best = _ranked(session, row.id, budget, objective or row.objective, how)[:top]
            if best:
                return _records(session, best, budget, how)
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


def _ranked(session: Session, run_id: int, budget: float, objective: str, how: str) -> list[_Candidate]:
    columns = ("configuration_id", "status", "one_shot_psnr", "architecture_psnr", "architecture")
    query = select(*(EVALUATIONS.c[name] for name in columns)).where(
        EVALUATIONS.c.run_id == run_id,
        # Every status, named: so the index by run, status and budget finds the rows.
        EVALUATIONS.c.status.in_(EVALUATION_STATUSES),
        EVALUATIONS.c.budget == budget,
    )
    replicates: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(query):
        replicates[row.configuration_id].append(row)
    candidates = []
    for configuration_id, rows in replicates.items():
        if any(row.status not in FINISHED_STATUSES for row in rows):
            continue
        counted = tuple(row for row in rows if row.status != "failed")
        psnr = aggregate([_psnr(row, objective) for row in counted], how)
        if psnr is not None:
            best_first = sorted(counted, key=lambda row: -math.inf if (p := _psnr(row, objective)) is None else p)[::-1]
            candidates.append(_Candidate(configuration_id, psnr, tuple(best_first)))
    return sorted(candidates, key=lambda candidate: (-candidate.psnr, candidate.configuration_id))


def _psnr(row: Row[Any], objective: str) -> float | None:
    if row.status != "completed":
        return None
    psnr: float | None = row.one_shot_psnr if objective == "one-shot" else row.architecture_psnr
    return psnr


def _records(session: Session, best: list[_Candidate], budget: float, how: str) -> list[Incumbent]:
    ids = [candidate.configuration_id for candidate in best]
    found = session.execute(select(CONFIGURATIONS).where(CONFIGURATIONS.c.id.in_(ids)))
    configurations = {row.id: row for row in found}
    records = []
    for rank, candidate in enumerate(best, start=1):
        configuration = configurations[candidate.configuration_id]
        records.append(
            Incumbent(
                rank=rank,
                iteration=configuration.iteration,
                stage=configuration.stage,
                number=configuration.number,
                budget=budget,
                psnr=candidate.psnr,
                one_shot_psnr=aggregate([_psnr(row, "one-shot") for row in candidate.rows], how),
                architecture_psnr=aggregate([_psnr(row, "architecture") for row in candidate.rows], how),
                replicates=len(candidate.rows),
                architecture=candidate.rows[0].architecture or configuration.architecture,
                origin=configuration.origin,
                hyperparameters=Hyperparameters(**{name: configuration._mapping[name] for name in HYPERPARAMETERS}),
            )
        )
    return records
