"""Configurations that are evaluated first: presets, an older run's, a file's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from das_hpo.optimisers.given import first_rung, with_given
from das_hpo.settings import RunSettings
from spaces.errors import UsageError
from spaces.hyperparameters import PRESETS, to_configuration
from storage import queries
from storage.engine import Database, open_database
from tests.das_hpo.queues import Driver, continue_run, create, settings


@pytest.fixture
def url(memory_path: Path) -> str:
    """Where the database is."""
    return f"sqlite:///{memory_path}/runs.db"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An empty database."""
    with open_database(url, create=True) as opened:
        yield opened


def test_presets_are_evaluated_first_and_stored(database: Database, url: str) -> None:
    """They begin the first rung in their order, with their names; a resume in the middle needs nothing but the row."""
    asked = with_given(settings(iterations=4), ["presets"], url)
    assert RunSettings.from_mapping(json.loads(json.dumps(asked.to_dict()))) == asked
    Driver(create(database, asked)).run(3)
    resumed, attempts = continue_run(database)
    resumed.give_up(attempts, "stopped")
    Driver(resumed).run()
    replay = queries.replay(database, 1)
    first = list(replay.configurations)[: len(PRESETS)]
    assert [record.hyperparameters for record in first] == [values.to_dict() for values in PRESETS.values()]
    assert {record.origin for record in first} == {"preset"}
    assert [record.info["given"] for record in first] == list(PRESETS)
    assert {record.origin for record in replay.configurations[len(PRESETS) :]} <= {"model", "random"}


def test_the_best_of_an_older_run_come_first(database: Database, url: str) -> None:
    """As many as fit the first rung, the best first, as `incumbent` ranks them."""
    Driver(create(database, settings(name="old", iterations=30, optimizer="random", seed=2))).run()
    asked = with_given(settings(name="new"), ["old"], url)
    best = queries.incumbents(database, "old", top=100)
    assert len(best) > first_rung(asked) == len(asked.given) == 9
    space = asked.hyperparameter_space()
    assert [each.configuration for each in asked.given] == [space.configuration(b.hyperparameters) for b in best[:9]]
    assert asked.given[0].label == f"old {best[0].configuration_id}"
    Driver(create(database, asked)).run()
    rows = [r for r in queries.results(database, "new") if r.iteration == 0 and r.budget == 1]
    assert [r.hyperparameters for r in rows] == [one.hyperparameters for one in best[:9]]


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_files_are_read_as_the_commands_print_them(kind: str, url: str, tmp_path: Path) -> None:
    """Columns that are no searched hyperparameters are left out; each configuration is evaluated once."""
    records = [{"preset": name, **point.to_dict()} for name, point in PRESETS.items()]
    path = tmp_path / f"points.{kind}"
    if kind == "json":
        path.write_text(json.dumps(records), encoding="utf-8")
    else:
        lines = [",".join(records[0]), *(",".join(str(value) for value in record.values()) for record in records)]
        path.write_text("\n".join(lines), encoding="utf-8")
    asked = with_given(settings(), [str(path), "presets"], url)
    assert [each.configuration for each in asked.given] == [to_configuration(point) for point in PRESETS.values()]
    assert {each.origin for each in asked.given} == {"fixed"}
    alone = with_given(settings(method="das-single"), [str(path)], url)
    assert all(set(each.configuration) == set(to_configuration(PRESETS["H1"], "das-single")) for each in alone.given)


H1 = PRESETS["H1"].to_dict()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({name: value for name, value in H1.items() if name != "alpha_warm_up"}, "lacks alpha_warm_up"),
        ({**H1, "alpha_learning_rate": 3.0}, r"alpha_learning_rate is searched as a number in \[1e-05, 0.1\], got 3.0"),
        ({**H1, "alpha_learning_rate": "much"}, "got 'much'"),
        ({**H1, "alpha_learning_rate": None}, "got None"),
        ({**H1, "alpha_learning_rate": float("nan")}, "got nan"),
        ({**H1, "alpha_optimizer": "sgd"}, "one of adam, gradient-descent, got 'sgd'"),
        ({**H1, "alpha_warm_up": 1}, "one of true, false, got 1"),
        ([], "must hold a list of hyperparameters"),
        ([1], "must hold a list of hyperparameters"),
        ([{**H1, "alpha_learning_rate": 10 ** -(2 + n / 100)} for n in range(60)], "60 given configurations are more"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(content: Any, message: str, url: str, tmp_path: Path) -> None:
    """The message names file, entry, hyperparameter and what is valid."""
    path = tmp_path / "points.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        with_given(settings(), [str(path)], url)


def test_what_is_not_there_is_refused(database: Database, url: str, tmp_path: Path) -> None:
    """No such file, no such run, no such database, no score yet, no JSON."""
    (tmp_path / "text.json").write_text("no json", encoding="utf-8")
    create(database, settings(name="empty"))
    for word, where, message in (
        ("none.csv", url, "no file 'none.csv'"),
        (str(tmp_path / "text.json"), url, "cannot be read"),
        ("old", url, "'presets', a .json or .csv file, or a run of the database, got 'old'"),
        ("old", f"sqlite:///{tmp_path}/none.db", "there is no database"),
        ("empty", url, "no configuration with a score"),
    ):
        with pytest.raises(UsageError, match=message):
            with_given(settings(), [word], where)
    assert not (tmp_path / "none.db").exists()
