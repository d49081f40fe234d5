"""The view ``results``: its columns are those of the records, and its SQL and our own query give the same rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from spaces.task import Metric
from storage import view, writes
from storage.engine import Database
from storage.records import RESULT_COLUMNS


def test_every_column_has_one_kind() -> None:
    """Text is what is none of the others."""
    kinds = (
        view.TIME_COLUMNS,
        view.JSON_COLUMNS,
        view.FLOAT_COLUMNS,
        view.BOOLEAN_COLUMNS,
        view.INTEGER_COLUMNS,
        view.NULLABLE_INTEGER_COLUMNS,
    )
    named = [name for kind in kinds for name in kind]
    assert len(named) == len(set(named))
    assert set(named) < set(RESULT_COLUMNS) == set(view.SOURCES)
    assert tuple(view.SOURCES) == RESULT_COLUMNS


def test_the_query_selects_what_the_view_has(
    database: Database, samples: Any, raw: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """All but the settings, row by row."""
    with database.begin() as session:
        run_id = writes.create_run(session, samples.run())
        for number in range(3):
            evaluation = samples.queue(session, run_id, number)
            if number:
                samples.finish(session, evaluation, samples.outcome(20.0 + number))
    columns = [name for name in RESULT_COLUMNS if name not in (*view.JSON_COLUMNS, *view.TIME_COLUMNS)]
    seen = raw(f"SELECT {', '.join(columns)} FROM results ORDER BY number")
    with database.read() as session:
        found = session.execute(view.select_results().order_by(text("number"))).mappings().all()
    assert [tuple(row[name] for name in columns) for row in found] == [
        tuple(bool(value) if name in view.BOOLEAN_COLUMNS else value for name, value in zip(columns, row, strict=True))
        for row in seen
    ]


def test_psnr_is_the_score_only_where_the_metric_is_psnr(
    database: Database, samples: Any, raw: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    """Queries of users go on meaning what they meant."""
    with database.begin() as session:
        for name, metric in (("paper", Metric("PSNR", "dB", True)), ("digits", Metric("accuracy", "%", True))):
            run_id = writes.create_run(session, samples.run(name, metric=metric))
            samples.finish(session, samples.queue(session, run_id), samples.outcome(20.0))
    query = "SELECT run, metric, one_shot_score, one_shot_psnr, architecture_psnr FROM results ORDER BY run"
    assert raw(query) == [("digits", "accuracy", 20.0, None, None), ("paper", "PSNR", 20.0, 20.0, 19.0)]
