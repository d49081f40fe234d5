"""The data of runs while they are written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from das_hpo.analysis.dashboard.live import MOST_RUNS, LiveRuns
from storage import queries
from storage.engine import open_database
from storage.frames import load_results
from tests.das_hpo.databases import Run, Trial, store, store_trial


def test_a_run_is_extended_by_what_is_new(tmp_path: Path) -> None:
    """After each evaluation the frame is the one that reading it whole gives, in order, types and attributes."""
    url = f"sqlite:///{tmp_path}/live.db"
    run = Run("growing", [Trial(20.0, 19.0, number=1)], kind="run")
    store(url, run, Run("empty", [], kind="run"))
    with open_database(url) as database:
        live = LiveRuns(database, url)
        run_id = queries.run(database, "growing").id
        for step, number in enumerate((3, 0, 2), 1):
            before = live.data(live.summaries()[0]).frame
            with database.begin() as session:
                store_trial(session, run, run_id, step, Trial(20.0 + step, 19.0, number=number))
            after = live.data(live.summaries()[0]).frame
            assert len(after) == len(before) + 1
            whole = load_results(url, "growing")
            pd.testing.assert_frame_equal(after, whole)
            assert after.attrs == whole.attrs
        assert live.data(live.summaries()[0]).frame is after
        assert live.data(live.summaries()[1]).frame.empty


def test_no_more_runs_are_kept_than_needed(tmp_path: Path) -> None:
    """Those that were asked for last."""
    url = f"sqlite:///{tmp_path}/many.db"
    store(url, *(Run(f"r{number}", [Trial(20.0)]) for number in range(MOST_RUNS + 2)))
    with open_database(url) as database:
        live = LiveRuns(database, url)
        for summary in live.summaries():
            live.data(summary)
        assert list(live._kept) == [f"r{number}" for number in range(2, MOST_RUNS + 2)]
