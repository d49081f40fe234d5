"""How the optimiser decides: what is valid, and how it is read."""

from __future__ import annotations

from typing import Any

import pytest

from das_hpo.decisions import Decisions
from spaces.errors import UsageError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"brackets": "round"}, "floor, ceiling"),
        ({"model_budget": "all"}, "largest, supported"),
        ({"min_points_in_model": 0}, "min_points_in_model"),
        ({"top_n_percent": 100}, "top_n_percent"),
        ({"num_samples": "many"}, "num_samples: a whole number of 1 or more is needed, got"),
        ({"num_samples": "1.5"}, "num_samples: a whole number of 1 or more is needed, got"),
        ({"random_fraction": 1.1}, "random_fraction"),
        ({"min_bandwidth": 0.0}, "min_bandwidth"),
        ({"bandwidth": 1.0}, "unknown decision"),
    ],
    ids=str,
)
def test_decisions_are_checked(values: dict[str, Any], message: str) -> None:
    """A decision that is not valid is refused with what is."""
    with pytest.raises(UsageError, match=message):
        Decisions.from_mapping(values)


def test_decisions_are_read_from_text() -> None:
    """The command line gives text: numbers become numbers, ``none`` is None."""
    read = Decisions.from_mapping({"num_samples": "24", "random_fraction": "0.5", "min_points_in_model": "none"})
    assert read == Decisions(num_samples=24, random_fraction=0.5)
