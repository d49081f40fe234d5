"""Reading parts of a large run: a page of its evaluations, one of them with all of it, the latest attempts.

As in :mod:`storage.queries`, every function reads one consistent state and gives frozen records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.identity import ConfigurationId
from storage.engine import Database
from storage.entries import EVALUATION_STATUSES, WorkerInfo
from storage.queries import require_run
from storage.records import AttemptRecord, ResultRecord
from storage.statements import ATTEMPTS, CONFIGURATIONS, EVALUATIONS, RUNS, WORKERS
from storage.view import select_results

#: By what evaluations can be ordered.
ORDERS = {
    "finished": (EVALUATIONS.c.sequence,),
    "configuration": (CONFIGURATIONS.c.iteration, CONFIGURATIONS.c.stage, CONFIGURATIONS.c.number),
    "budget": (EVALUATIONS.c.budget,),
    "one-shot": (EVALUATIONS.c.one_shot_score,),
    "architecture": (EVALUATIONS.c.architecture_score,),
    "duration": (EVALUATIONS.c.duration_s,),
    "attempts": (EVALUATIONS.c.attempts,),
}

#: The columns whose values can be kept between two bounds.
BOUNDED = {
    "one-shot": EVALUATIONS.c.one_shot_score,
    "architecture": EVALUATIONS.c.architecture_score,
    "budget": EVALUATIONS.c.budget,
}


@dataclass(frozen=True, slots=True)
class EvaluationFilter:
    """Which evaluations of a run are meant.

    Attributes:
        status: Only those of that status; None for all.
        worker: Only those of the worker of that name; None for all.
        bounds: The least and the largest value of some of :data:`BOUNDED`, both included.
    """

    status: str | None = None
    worker: str | None = None
    bounds: Mapping[str, tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        if self.status is not None and self.status not in EVALUATION_STATUSES:
            raise UnknownNameError("status", self.status, EVALUATION_STATUSES)
        for name in self.bounds or ():
            if name not in BOUNDED:
                raise UnknownNameError("bounded column", name, BOUNDED)


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """Some of the evaluations of a run.

    Attributes:
        total: How many the filter leaves.
        rows: Those of the page.
    """

    total: int
    rows: tuple[ResultRecord, ...]


@dataclass(frozen=True, slots=True)
class PlacedAttempt:
    """An attempt, and which evaluation it is of.

    Attributes:
        attempt: The attempt.
        configuration: The configuration's id within the run.
        budget: Epochs.
        replicate: From 0.
    """

    attempt: AttemptRecord
    configuration: ConfigurationId
    budget: float
    replicate: int

    @property
    def words(self) -> str:
        """The evaluation in words."""
        return f"{self.configuration}, trial {self.replicate}, {self.budget:.4g} epochs"

    @property
    def identity(self) -> str:
        """The evaluation as addresses name it: ``0-0-3/9.0/0``."""
        return f"{'-'.join(str(part) for part in self.configuration)}/{self.budget!r}/{self.replicate}"


def evaluations(
    database: Database,
    run: str,
    chosen: EvaluationFilter,
    *,
    order: str = "finished",
    descending: bool = True,
    first: int = 0,
    count: int = 50,
) -> EvaluationPage:
    """A page of a run's evaluations; those without a value to order them by come last.

    Raises:
        RunMissingError: If no run has that name.
        UnknownNameError: If there is no such order.
    """
    if order not in ORDERS:
        raise UnknownNameError("order", order, ORDERS)
    if first < 0 or count < 1:
        raise InvalidValueError(f"a page begins at 0 or later and has 1 row or more, got {first} and {count}")
    by: list[Any] = []
    for column in ORDERS[order]:
        by += [column.is_(None), column.desc() if descending else column]
    with database.read() as session:
        run_id = require_run(session, run)
        settings = session.scalar(select(RUNS.c.task_settings).where(RUNS.c.id == run_id))
        counted = _chosen(
            select(func.count()).select_from(EVALUATIONS).outerjoin(WORKERS, WORKERS.c.id == EVALUATIONS.c.worker_id),
            run_id,
            chosen,
        )
        # The ids of the page first: a row of the view is wide, and a run has many.
        ids = _chosen(
            select(EVALUATIONS.c.id)
            .join(CONFIGURATIONS, CONFIGURATIONS.c.id == EVALUATIONS.c.configuration_id)
            .outerjoin(WORKERS, WORKERS.c.id == EVALUATIONS.c.worker_id),
            run_id,
            chosen,
        )
        page = session.scalars(ids.order_by(*by, EVALUATIONS.c.id).limit(count).offset(first)).all()
        columns = select_results().add_columns(EVALUATIONS.c.id.label("id"))
        found = {
            row["id"]: ResultRecord(**{k: v for k, v in row.items() if k != "id"}, settings=settings or {})
            for row in session.execute(columns.where(EVALUATIONS.c.id.in_(page))).mappings()
        }
        return EvaluationPage(session.scalar(counted) or 0, tuple(found[each] for each in page))


def _chosen(query: Select[Any], run_id: int, chosen: EvaluationFilter) -> Select[Any]:
    query = query.where(EVALUATIONS.c.run_id == run_id)
    if chosen.status is not None:
        query = query.where(EVALUATIONS.c.status == chosen.status)
    if chosen.worker is not None:
        query = query.where(WORKERS.c.name == chosen.worker)
    for name, (low, high) in (chosen.bounds or {}).items():
        query = query.where(BOUNDED[name].between(low, high))
    return query


def evaluation(
    database: Database, run: str, configuration: ConfigurationId, budget: float, replicate: int
) -> tuple[int, ResultRecord] | None:
    """One evaluation with its id in the database; None if the run has none such.

    Raises:
        RunMissingError: If no run has that name.
    """
    with database.read() as session:
        run_id = require_run(session, run)
        settings = session.scalar(select(RUNS.c.task_settings).where(RUNS.c.id == run_id))
        query = (
            select_results()
            .add_columns(EVALUATIONS.c.id.label("id"))
            .where(
                CONFIGURATIONS.c.run_id == run_id,
                *(CONFIGURATIONS.c[name] == getattr(configuration, name) for name in ConfigurationId._fields),
                EVALUATIONS.c.budget == budget,
                EVALUATIONS.c.replicate == replicate,
            )
        )
        row = session.execute(query).mappings().first()
        if row is None:
            return None
        values = dict(row)
        return values.pop("id"), ResultRecord(**values, settings=settings or {})


def attempts(
    database: Database,
    run: str,
    *,
    evaluation_id: int | None = None,
    statuses: Sequence[str] = (),
    latest: int | None = None,
) -> list[PlacedAttempt]:
    """Attempts of a run in the order in which they started.

    Args:
        database: The database.
        run: The run's name.
        evaluation_id: Only those of one evaluation.
        statuses: Only those of such a status; none for all.
        latest: Only so many, the latest.

    Raises:
        RunMissingError: If no run has that name.
    """
    names = [name for name in AttemptRecord.__dataclass_fields__ if name != "worker"]
    worker = tuple(WorkerInfo.__dataclass_fields__)
    columns = [
        *(WORKERS.c[name].label(f"worker_{name}") for name in worker),
        *(ATTEMPTS.c[name] for name in names),
        *(CONFIGURATIONS.c[name].label(f"configuration_{name}") for name in ConfigurationId._fields),
        EVALUATIONS.c.budget,
        EVALUATIONS.c.replicate,
    ]
    query = (
        select(*columns)
        .join(WORKERS, WORKERS.c.id == ATTEMPTS.c.worker_id)
        .join(EVALUATIONS, EVALUATIONS.c.id == ATTEMPTS.c.evaluation_id)
        .join(CONFIGURATIONS, CONFIGURATIONS.c.id == EVALUATIONS.c.configuration_id)
        .order_by(ATTEMPTS.c.id.desc())
        .limit(latest)
    )
    if evaluation_id is not None:
        query = query.where(ATTEMPTS.c.evaluation_id == evaluation_id)
    if statuses:
        query = query.where(ATTEMPTS.c.status.in_(statuses))
    with database.read() as session:
        query = query.where(EVALUATIONS.c.run_id == require_run(session, run))
        rows = [row._mapping for row in session.execute(query)]
    return [
        PlacedAttempt(
            AttemptRecord(
                worker=WorkerInfo(**{name: row[f"worker_{name}"] for name in worker}),
                **{name: row[name] for name in names},
            ),
            ConfigurationId(*(row[f"configuration_{name}"] for name in ConfigurationId._fields)),
            row["budget"],
            row["replicate"],
        )
        for row in reversed(rows)
    ]


def attempt_counts(database: Database, run: str) -> dict[str, int]:
    """How many attempts of a run have each status; statuses without attempts are absent.

    Raises:
        RunMissingError: If no run has that name.
    """
    query = (
        select(ATTEMPTS.c.status, func.count())
        .join(EVALUATIONS, EVALUATIONS.c.id == ATTEMPTS.c.evaluation_id)
        .group_by(ATTEMPTS.c.status)
    )
    with database.read() as session:
        return dict(session.execute(query.where(EVALUATIONS.c.run_id == require_run(session, run))).all())
