"""Reading parts of a run, compared with all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.errors import DatabaseUnusableError, InvalidValueError, RunMissingError, UnknownNameError
from spaces.identity import ConfigurationId
from storage import browsing, queries
from storage.browsing import EvaluationFilter
from storage.engine import Database, open_database
from tests.das_hpo.databases import Run, Trial, store


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """A run of 19 evaluations, some diverged, failed, lost once or queued, beside another run."""
    url = f"sqlite:///{tmp_path}/some.db"
    trials = [
        Trial(20.0 + (7 * n) % 11, 10.0 + n, number=n, budget=float(1 + n % 3), lost_first=n == 4) for n in range(16)
    ]
    others = [
        Trial(None, None, number=16),
        Trial(None, number=17, status="failed"),
        Trial(None, number=18, status="queued"),
    ]
    store(url, Run("mine", [*trials, *others], kind="run"), Run("other", trials[:3]))
    return open_database(url, read_only=True)


def test_a_page_is_a_part_of_the_whole(database: Database) -> None:
    """By every order, in both directions, without gaps or repetitions; rows without a value come last."""
    whole = queries.results(database, "mine")
    key = {
        "one-shot": "one_shot_score",
        "architecture": "architecture_score",
        "budget": "budget",
        "finished": "sequence",
    }
    for order, column in key.items():
        for descending in (False, True):
            pages = [
                browsing.evaluations(
                    database, "mine", EvaluationFilter(), order=order, descending=descending, first=n, count=7
                )
                for n in (0, 7, 14)
            ]
            rows = [row for page in pages for row in page.rows]
            assert {page.total for page in pages} == {19}
            assert sorted(row.number for row in rows) == sorted(row.number for row in whole)
            values = [getattr(row, column) for row in rows if getattr(row, column) is not None]
            assert values == sorted(values, reverse=descending)
            assert [getattr(row, column) for row in rows[: len(values)]] == values
    by_number = {row.number: row for row in whole}
    assert all(row == by_number[row.number] for row in rows)


def test_a_filter_keeps_what_it_says(database: Database) -> None:
    """Status, worker and bounds, together."""
    whole = queries.results(database, "mine")
    chosen = EvaluationFilter("completed", "host-1", {"architecture": (22.0, 28.0), "budget": (1.0, 2.0)})
    expected = {
        row.number
        for row in whole
        if row.status == "completed"
        and row.worker == "host-1"
        and 22 <= (row.architecture_score or 0) <= 28
        and row.budget <= 2
    }
    found = browsing.evaluations(database, "mine", chosen)
    assert ({row.number for row in found.rows}, found.total) == (expected, len(expected))
    assert expected


def test_what_is_not_valid_is_refused(database: Database) -> None:
    """Before anything is read."""
    with pytest.raises(UnknownNameError, match="unknown status 'done'"):
        EvaluationFilter("done")
    with pytest.raises(UnknownNameError, match="unknown bounded column 'seed'"):
        EvaluationFilter(bounds={"seed": (0.0, 1.0)})
    with pytest.raises(UnknownNameError, match="unknown order 'x'"):
        browsing.evaluations(database, "mine", EvaluationFilter(), order="x")
    with pytest.raises(InvalidValueError, match="1 row or more"):
        browsing.evaluations(database, "mine", EvaluationFilter(), count=0)
    with pytest.raises(RunMissingError, match="'nobody'"):
        browsing.evaluations(database, "nobody", EvaluationFilter())


def test_one_evaluation_is_found_by_its_identity(database: Database) -> None:
    """With its id, by which its attempts are found; of no other run."""
    found = browsing.evaluation(database, "mine", ConfigurationId(0, 0, 4), 2.0, 0)
    assert found is not None
    evaluation_id, row = found
    assert row == next(each for each in queries.results(database, "mine") if each.number == 4)
    attempts = browsing.attempts(database, "mine", evaluation_id=evaluation_id)
    assert [each.attempt.status for each in attempts] == ["lost", "completed"]
    assert attempts[0].identity == "0-0-4/2.0/0"
    assert browsing.evaluation(database, "mine", ConfigurationId(0, 0, 4), 3.0, 0) is None
    assert browsing.evaluation(database, "other", ConfigurationId(0, 0, 4), 2.0, 0) is None


def test_the_latest_attempts_are_in_order(database: Database) -> None:
    """The last ones of all that queries.attempts gives, and counts of each status."""
    every = queries.attempts(database, "mine")
    assert [each.attempt for each in browsing.attempts(database, "mine", latest=5)] == every[-5:]
    lost = browsing.attempts(database, "mine", statuses=("lost",))
    assert [each.configuration.number for each in lost] == [4, 17]
    assert browsing.attempt_counts(database, "mine") == {"completed": 17, "lost": 2}


def test_a_database_that_is_only_read_cannot_be_written(database: Database) -> None:
    """Though its file could: SQLite refuses the statement."""
    with pytest.raises(DatabaseUnusableError, match="readonly"), database.begin() as session:
        session.exec_driver_sql("DELETE FROM runs")
    assert len(queries.runs(database)) == 2
