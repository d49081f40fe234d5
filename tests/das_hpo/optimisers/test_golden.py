"""What was proposed once for a seed is proposed for ever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.engine import open_database
from tests.das_hpo.optimisers.golden import CASES, TABLE, rows

KEPT = json.loads(TABLE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_proposals_are_those_of_the_kept_table(name: str, memory_path: Path) -> None:
    """Order, ids, budgets, seeds and origins are equal; rates are, but for the last digits of other processors."""
    with open_database(f"sqlite:///{memory_path}/runs.db", create=True) as database:
        found = rows(database, name)
    expected = KEPT[name]
    assert [row[:-1] for row in found] == [row[:-1] for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert one[-1] == [pytest.approx(value, rel=1e-9) if type(value) is float else value for value in other[-1]]
