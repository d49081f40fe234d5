"""What differs between stored settings and those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.differences import differences, require_same_code, require_same_run
from das_hpo.execution import run_of
from das_hpo.settings import RunSettings
from spaces.errors import RunExistsError, UsageError
from storage import queries, writes
from storage.engine import open_database
from storage.records import RunRecord
from tests.das_hpo.queues import settings


@pytest.fixture
def record(memory_path: Path) -> Iterator[RunRecord]:
    """A stored run."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as database:
        with database.begin() as session:
            writes.create_run(session, run_of(settings()))
        yield queries.run(database, "run")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"seed": 3}, ["--seed is 0 there, 3 was asked for"]),
        ({"data": "downsampling"}, ["--data is blur there, downsampling was asked for"]),
        ({"choices": {"tau": 0.5}}, ["--set tau is 0.01 there, 0.5 was asked for"]),
        ({"decisions": {"brackets": "ceiling"}}, ["--decide brackets is floor there, ceiling was asked for"]),
        ({"fixed": {"alpha_optimizer": "adam"}}, ["--fix alpha_optimizer is none there, adam was asked for"]),
        (
            {"ranges": {"alpha_learning_rate": [1e-3, 1e-2]}},
            ["--range alpha_learning_rate is none there, 2 (0.001, 0.01) was asked for"],
        ),
        ({"time_limit_s": 60.0}, ["--time-limit is none there, 60 was asked for"]),
        ({"parallel": 2, "repeats": 2}, ["--repeats is 1 there, 2 was", "--parallel is none there, 2 was"]),
    ],
    ids=str,
)
def test_differences_are_said_in_the_words_of_the_options(changes: dict[str, Any], found: list[str]) -> None:
    """Each setting with both values."""
    before = RunSettings.from_mapping({"name": "run", "objective": "one-shot"})
    after = RunSettings.from_mapping({"name": "run", "objective": "one-shot", **changes})
    said = differences(RunSettings, before.to_dict(), after.to_dict())
    assert len(said) == len(found)
    assert all(text.startswith(words) for text, words in zip(said, found, strict=True))


def test_what_has_no_option_is_named_as_it_is_stored() -> None:
    """No option is made up for what none sets."""
    one = CampaignSettings(name="a", hyperparameters={"x": 1.0})
    other = replace(one, kind="random", hyperparameters={"x": 2.0}, budget=3.0)
    assert differences(CampaignSettings, one.to_dict(), other.to_dict()) == [
        "kind is search there, random was asked for",
        "hyperparameter x is 1 there, 2 was asked for",
        "--epochs is 50 there, 3 was asked for",
    ]
    assert differences(CampaignSettings, one.to_dict(), other.to_dict(), ignored=("kind", "budget")) == [
        "hyperparameter x is 1 there, 2 was asked for"
    ]


def test_a_run_is_the_same_under_another_time_limit_alone(record: RunRecord) -> None:
    """Anything else is refused, and what differs is said with what to do."""
    require_same_run(record, settings())
    require_same_run(record, settings(time_limit_s=60.0))
    with pytest.raises(RunExistsError, match=r"--seed is 0 there, 7 was asked for; nothing was done: .* resume run"):
        require_same_run(record, settings(seed=7))
    with pytest.raises(RunExistsError, match="is taken by a campaign: choose another --name"):
        require_same_run(replace(record, kind="campaign"), settings())


def test_other_code_is_refused_with_the_way_out(record: RunRecord) -> None:
    """A run that is older than fingerprints goes on."""
    assert record.fingerprint is not None
    require_same_code(record, record.fingerprint)
    require_same_code(replace(record, fingerprint=None), "0" * 16)
    with pytest.raises(UsageError, match="das-hpo resume run --accept-code-change"):
        require_same_code(record, "0" * 16)
