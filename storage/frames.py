"""The view ``results`` as a DataFrame. This is the only module of storage that imports pandas."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import select, text

from storage import view
from storage.engine import open_database
from storage.queries import require_run
from storage.records import RESULT_COLUMNS
from storage.statements import RUNS

#: How many rows are read at a time.
_PART = 20_000

#: The columns that every frame has, in order.
FRAME_COLUMNS = tuple(name for name in RESULT_COLUMNS if name not in view.JSON_COLUMNS)

#: The columns that are read of every row; settings are read once for all rows of a run.
_READ = (*FRAME_COLUMNS, "hyperparameters", "extras")

#: Under this name ``frame.attrs`` lists the columns that are hyperparameters.
HYPERPARAMETERS = "hyperparameters"

#: Settings of these names repeat the labels, which are columns of every frame.
_LABELS = ("space", "operations", "data", "method")


def load_results(url: str, run: str | None = None, *, after: int | None = None) -> pd.DataFrame:
    """One row per evaluation with the columns of the view ``results``, ordered as ``das-hpo results``.

    In place of the three JSON columns there is a column for each hyperparameter, each setting of the task, and each
    extra number; one whose name another column has is prefixed with ``hyperparameter_``, ``setting_`` or ``extra_``.

    Types: text is ``str``, counts and seeds are ``int64``, scores and rates ``float64`` (NaN where SQL has NULL),
    ``parameters`` and ``sequence`` are ``Int64`` (NA where NULL), booleans ``bool`` (``boolean`` where some are
    missing), times aware and in UTC.

    Args:
        url: SQLAlchemy URL of a das-hpo database, for example ``sqlite:///das-hpo.db``.
        run: The name of one run; None for all.
        after: Only finished evaluations with a larger ``sequence``: what is new since a frame was read.

    Raises:
        DatabaseMissingError: If there is no database at the URL.
        RunMissingError: If no run has that name.
    """
    statement = f"SELECT {', '.join(_READ)} FROM results"
    conditions: dict[str, tuple[str, Any]] = {"run": ("run = :run", run), "after": ("sequence > :after", after)}
    asked = {name: pair for name, pair in conditions.items() if pair[1] is not None}
    if asked:
        statement += " WHERE " + " AND ".join(condition for condition, _ in asked.values())
    parameters = {name: value for name, (_, value) in asked.items()}
    statement += " ORDER BY run, iteration, stage, number, budget, replicate"
    with open_database(url, read_only=True) as database, database.read() as session:
        if run is not None:
            require_run(session, run)
        settings: dict[str, dict[str, Any]] = dict(session.execute(select(RUNS.c.name, RUNS.c.task_settings)).all())
        # The statement is plain text, so that rows hold the driver's own values: whole columns are converted below, and
        # not value by value. Rows are read in parts: as Python's objects they take ten times the memory of the columns.
        options = {"stream_results": True, "max_row_buffer": _PART}
        found = session.execute(text(statement), parameters, execution_options=options)
        added: dict[str, None] = {}
        parts = [_frame(rows, added) for rows in found.partitions(_PART)]
    frame = pd.concat(parts, ignore_index=True) if parts else _frame((), {})
    frame = _with_settings(_typed(frame), settings)
    frame.attrs[HYPERPARAMETERS] = [
        *(name for name in view.HYPERPARAMETER_COLUMNS if frame[name].notna().any()),
        *(name for name in added if name in frame.columns),
    ]
    return frame


def _frame(rows: Sequence[Any], added: dict[str, None]) -> pd.DataFrame:
    """Rows as columns; adds to ``added`` the columns of hyperparameters that not every frame has."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(_READ)
    read = dict(zip(_READ, columns, strict=True))
    points, extras = ([_mapping(value) for value in read.pop(name)] for name in ("hyperparameters", "extras"))
    made = {name: _column(name, read[name]) for name in FRAME_COLUMNS}
    for prefix, mappings in (("hyperparameter_", points), ("extra_", extras)):
        for name in dict.fromkeys(name for mapping in mappings for name in mapping):
            if name in view.HYPERPARAMETER_COLUMNS and prefix == "hyperparameter_":
                continue
            values = [mapping.get(name) for mapping in mappings]
            column = _free(name, prefix, made)
            if prefix == "hyperparameter_":
                added[column] = None
            made[column] = pd.Series(values, dtype="object")
    return pd.DataFrame(made)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Gives hyperparameters, extras and booleans, which are objects so far, the types of their values."""
    for name in frame.columns:
        if name in view.BOOLEAN_COLUMNS or name not in FRAME_COLUMNS:
            frame[name] = _inferred(frame[name], boolean=name in view.BOOLEAN_COLUMNS)
    return frame


def _inferred(column: pd.Series[Any], *, boolean: bool = False) -> pd.Series[Any]:
    values = column.dropna()
    types = {type(value) for value in values}
    if boolean or (types and types <= {bool}):  # SQLite has 0 and 1
        return column.astype("bool" if len(values) == len(column) else "boolean")
    if types <= {int} and types:
        return column.astype("int64" if len(values) == len(column) else "Int64")
    if types and types <= {int, float}:
        return column.astype("float64")
    return column.astype("str") if types <= {str} else column


def _with_settings(frame: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    runs = frame["run"].unique()
    names = dict.fromkeys(name for run in runs for name in settings[run] if name not in _LABELS)
    added: dict[str, pd.Series[Any]] = {}
    for name in names:
        by_run = {run: settings[run].get(name) for run in runs}
        column = frame["run"].map(by_run).astype("object")
        added[_free(name, "setting_", frame.columns)] = _inferred(column)
    return pd.concat([frame, pd.DataFrame(added, index=frame.index)], axis=1) if added else frame


def _free(name: str, prefix: str, taken: Any) -> str:
    return prefix + name if name in taken or name in FRAME_COLUMNS else name


@functools.lru_cache(maxsize=4096)
def _read_json(value: str) -> dict[str, Any]:
    found = json.loads(value)
    return found if isinstance(found, dict) else {}


def _mapping(value: Any) -> dict[str, Any]:
    """The value of a JSON column, which is text in SQLite and an object already in PostgreSQL."""
    if isinstance(value, str):
        return _read_json(value)
    return value or {}


def _column(name: str, values: tuple[Any, ...]) -> pd.Series[Any]:
    if name in view.TIME_COLUMNS:
        times = pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601")
        return times.astype("datetime64[us, UTC]")
    if name in view.NULLABLE_INTEGER_COLUMNS:
        return pd.Series(values, dtype="Int64")
    if name in view.INTEGER_COLUMNS:
        return pd.Series(values, dtype="int64")
    if name in view.FLOAT_COLUMNS:
        return pd.Series(values, dtype="float64")
    return pd.Series(values, dtype="object" if name in view.BOOLEAN_COLUMNS else "str")
