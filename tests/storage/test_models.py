"""The rules that the database itself keeps, whoever writes to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from storage import writes
from storage.engine import Database

Raw = Callable[[str], list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET status = 'done'",
        "UPDATE evaluations SET status = 'lost'",
        "UPDATE evaluations SET status = 'completed'",
        "UPDATE evaluations SET sequence = 1",
        "UPDATE evaluations SET loss = 1.0",
        "UPDATE evaluations SET budget = 0",
        "UPDATE evaluations SET run_id = 99",
        "UPDATE evaluations SET configuration_id = 99",
        "UPDATE evaluations SET worker_id = 99",
        "UPDATE configurations SET origin = 'guess'",
        "UPDATE configurations SET hyperparameters = NULL",
        "UPDATE runs SET lease_owner = 'me'",
        "INSERT INTO epochs (evaluation_id, phase, epoch) VALUES (99, 'search', 1)",
    ],
)
def test_the_database_itself_refuses_what_cannot_be(
    database: Database, samples: Any, evaluation: int, raw: Raw, statement: str
) -> None:
    """Unknown words, dangling references and contradictions are refused whoever writes them."""
    with pytest.raises(Exception, match=r"(?i)constraint"):
        raw(statement)
    assert raw("SELECT status FROM evaluations") == [("queued",)]


def test_a_deleted_run_takes_everything_along(database: Database, samples: Any, raw: Raw) -> None:
    """The foreign keys cascade down to the learning curves, and leave other runs alone."""
    with database.begin() as session:
        for name in ("a", "b"):
            run_id = writes.create_run(session, samples.run(name))
            samples.finish(session, samples.queue(session, run_id), samples.outcome())
    raw("DELETE FROM runs WHERE name = 'a'")
    for table, left in (("configurations", 1), ("evaluations", 1), ("attempts", 1), ("epochs", 2)):
        assert raw(f"SELECT count(*) FROM {table}") == [(left,)]
