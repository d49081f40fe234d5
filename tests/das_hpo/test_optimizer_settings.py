"""The settings of an optimiser: what is valid, and how they are read."""

from __future__ import annotations

from typing import Any

import pytest

from das_hpo.optimizer_settings import OptimizerSettings
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
        ({"bandwidth": 1.0}, "unknown setting of the optimizer"),
    ],
    ids=str,
)
def test_values_are_checked(values: dict[str, Any], message: str) -> None:
    """A value that is not valid is refused, with what is."""
    with pytest.raises(UsageError, match=message):
        OptimizerSettings.from_mapping(values)


def test_values_are_read_from_text() -> None:
    """The command line gives text: numbers become numbers, ``none`` is None."""
    read = OptimizerSettings.from_mapping(
        {"num_samples": "24", "random_fraction": "0.5", "min_points_in_model": "none"}
    )
    assert read == OptimizerSettings(num_samples=24, random_fraction=0.5)
