"""The view ``results`` as a DataFrame. The only module here that imports pandas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import text

from storage import view
from storage.engine import open_database
from storage.queries import require_run
from storage.records import RESULT_COLUMNS

#: Rows read at a time.
_PART = 20_000


def load_results(url: str, run: str | None = None) -> pd.DataFrame:
    """One row per evaluation with the columns of the view ``results``, ordered as ``das-hpo results``.

    Types: text is ``str``, counts and seeds are ``int64``, PSNRs and rates ``float64`` (NaN where SQL has NULL),
    ``parameters`` and ``sequence`` are ``Int64`` (NA where NULL), warm-ups ``bool``, times aware and in UTC.

    Args:
        url: SQLAlchemy URL of a das-hpo database, for example ``sqlite:///das-hpo.db``.
        run: The name of one run; None for all.

    Raises:
        DatabaseMissingError: If there is no database at the URL.
        RunMissingError: If no run has that name.
    """
    statement = f"SELECT {', '.join(RESULT_COLUMNS)} FROM results"
    parameters = {}
    if run is not None:
        statement += " WHERE run = :run"
        parameters["run"] = run
    statement += " ORDER BY run, iteration, stage, number, budget, replicate"
    with open_database(url) as database, database.read() as session:
        if run is not None:
            require_run(session, run)
        # Plain text gives the driver's own values: columns are converted whole below, not value by value. In parts,
        # as a million rows of Python's objects take ten times the memory of the columns they become.
        options = {"stream_results": True, "max_row_buffer": _PART}
        found = session.execute(text(statement), parameters, execution_options=options)
        parts = [_frame(rows) for rows in found.partitions(_PART)]
    return pd.concat(parts, ignore_index=True) if parts else _frame(())


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else ((),) * len(RESULT_COLUMNS)
    return pd.DataFrame({name: _column(name, values) for name, values in zip(RESULT_COLUMNS, columns, strict=True)})


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
    if name in view.BOOLEAN_COLUMNS:
        return pd.Series(values, dtype="bool")
    return pd.Series(values, dtype="str")
