"""The DataFrame of results, against the drivers alone."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pandas as pd
import pytest

import das_hpo
from spaces.errors import DatabaseMissingError, RunMissingError
from storage import frames, queries, writes
from storage.engine import Database, open_database
from storage.frames import FRAME_COLUMNS, load_results
from storage.view import JSON_COLUMNS

Raw = Callable[[str], list[tuple[Any, ...]]]

TYPES = {
    "run": "str",
    "iteration": "int64",
    "budget": "float64",
    "seed": "int64",
    "loss": "float64",
    "architecture_psnr": "float64",
    "attempts": "int64",
    "worker": "str",
    "started_at": "datetime64[us, UTC]",
    "finished_at": "datetime64[us, UTC]",
    "parameter_warm_up": "bool",
    "alpha_warm_up": "bool",
    "alpha_learning_rate": "float64",
    "parameters": "Int64",
    "sequence": "Int64",
}


def fill(database: Database, samples: Any) -> None:
    """Two runs, with NULLs in every column that may have them."""
    with database.begin() as session:
        for name in ("first", "second"):
            run_id = writes.create_run(session, samples.run(name))
            ids = [samples.queue(session, run_id, number) for number in range(4)]
            samples.finish(session, ids[0], samples.outcome())
            samples.finish(session, ids[2], samples.diverged())
            writes.start_attempt(session, ids[3], f"open-{name}", samples.worker)


@pytest.fixture
def filled(database: Database, samples: Any) -> Database:
    """Two runs."""
    fill(database, samples)
    return database


def test_the_frame_is_the_view(filled: Database, url: str, raw: Raw) -> None:
    """Column by column and row by row, also against the records of ``results``."""
    frame = load_results(url)
    assert tuple(frame.columns[: len(FRAME_COLUMNS)]) == FRAME_COLUMNS
    assert {name: str(frame[name].dtype) for name in TYPES} == TYPES
    rows = raw(f"SELECT {', '.join(FRAME_COLUMNS)} FROM results ORDER BY run, iteration, stage, number, budget")
    assert len(frame) == len(rows) == 8
    for (_, mine), record, row in zip(frame.iterrows(), queries.results(filled), rows, strict=True):
        for name, value in zip(FRAME_COLUMNS, row, strict=True):
            if value is None:
                assert pd.isna(mine[name])
                assert getattr(record, name) is None
            elif name in ("started_at", "finished_at"):
                assert mine[name] == getattr(record, name)
                assert mine[name].tz is not None
            else:
                assert mine[name] == value == getattr(record, name)


def test_frames_group_and_filter(filled: Database, url: str) -> None:
    """Booleans select, missing PSNRs are left out of means, times subtract."""
    frame = load_results(url, "first")
    assert set(frame["run"]) == {"first"}
    assert len(frame[frame["parameter_warm_up"]]) + len(frame[~frame["parameter_warm_up"]]) == 4
    assert frame["one_shot_psnr"].mean() == 20.0
    assert math.isnan(frame.loc[frame["status"] == "diverged", "loss"].iloc[0])
    assert ((frame["finished_at"] - frame["started_at"]).dropna() >= pd.Timedelta(0)).all()


def test_an_empty_frame_has_the_same_columns(database: Database, url: str, samples: Any) -> None:
    """And the same types, so that a script need not care."""
    with database.begin() as session:
        writes.create_run(session, samples.run())
    for frame in (load_results(url), load_results(url, "first")):
        assert len(frame) == 0
        assert tuple(frame.columns) == FRAME_COLUMNS
        assert {name: str(frame[name].dtype) for name in TYPES} == TYPES


def test_missing_things_are_refused(sqlite_url: str, filled: Database, url: str) -> None:
    """A database or a run that is not there; the package's function is the same."""
    with pytest.raises(RunMissingError, match="'third'"):
        load_results(url, "third")
    assert das_hpo.load_results(url, run="second").equals(load_results(url, "second"))
    if url.startswith("postgresql"):
        with pytest.raises(DatabaseMissingError):
            load_results(sqlite_url)


def test_pandas_reads_the_same_by_itself(sqlite_url: str, samples: Any) -> None:
    """``pandas.read_sql`` on the view gives equal numbers and texts."""
    with open_database(sqlite_url, create=True) as database:
        fill(database, samples)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        theirs = pd.read_sql("SELECT * FROM results ORDER BY run, iteration, stage, number, budget", connection)
    mine = load_results(sqlite_url)
    assert list(mine.columns)[: len(FRAME_COLUMNS)] == [name for name in theirs.columns if name not in JSON_COLUMNS]
    for name in ("run", "number", "budget", "seed", "one_shot_psnr", "alpha_optimizer", "parameter_learning_rate"):
        assert mine[name].tolist() == theirs[name].tolist() or mine[name].equals(theirs[name])


def test_a_frame_of_several_parts_is_one(filled: Database, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read in parts; the parts make the frame that one would."""
    whole = load_results(url)
    monkeypatch.setattr(frames, "_PART", 3)
    pd.testing.assert_frame_equal(load_results(url), whole)
