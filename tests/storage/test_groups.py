"""Groups of runs in a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spaces.errors import InvalidValueError, RunMissingError
from storage import writes
from storage.engine import Database
from storage.entries import NewRun
from storage.groups import groups, require_free, runs_named

RUN = NewRun("a", "run", "one-shot", "sequential", "good", "blur", "das", "bohb", 0, {})


@pytest.fixture
def lab(database: Database) -> Database:
    """A database with two groups, a run without one, an old run whose settings know of none, and a campaign."""
    with database.begin() as session:
        for name, seed, group in (("b7", 7, "B"), ("b10", 10, "B"), ("a1", 1, "A"), ("b0", 0, "B"), ("none", 0, None)):
            writes.create_run(session, replace(RUN, name=name, seed=seed, settings={"group": group}))
        writes.create_run(session, replace(RUN, name="old"))
        writes.create_run(session, replace(RUN, name="c", kind="campaign", settings={"group": "C"}))
    return database


def test_runs_of_a_group_come_by_their_seeds(lab: Database) -> None:
    """Groups in the order in which they were begun; campaigns are in none."""
    assert groups(lab) == {"B": ["b0", "b7", "b10"], "A": ["a1"]}


def test_a_groups_name_means_its_runs(lab: Database) -> None:
    """Each run once, in the order in which they are named."""
    assert runs_named(lab, ["c", "b7", "B", "none", "A"]) == ["c", "b7", "b0", "b10", "none", "a1"]
    assert runs_named(lab, []) == []
    with pytest.raises(RunMissingError, match=r"no run is named 'D'.*groups of runs are B, A"):
        runs_named(lab, ["B", "D"])


def test_a_name_means_one_thing(lab: Database) -> None:
    """A run is not called like a group, and a group not like a run or a campaign."""
    require_free(lab, "new", "B")
    require_free(lab, "new", "new-group")
    with pytest.raises(InvalidValueError, match="'B' is the name of a group"):
        require_free(lab, "B")
    for taken in ("old", "c"):
        with pytest.raises(InvalidValueError, match=f"'{taken}' is the name of a run: choose another name"):
            require_free(lab, "new", taken)
