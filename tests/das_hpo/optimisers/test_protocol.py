"""The contract of optimisers, as a user meets it."""

from __future__ import annotations

import dataclasses

import pytest

from das_hpo.optimisers.protocol import Observation, Optimizer, Problem, Proposal, RunPlan
from das_hpo.optimisers.queue import make_optimizer
from das_hpo.settings import RunSettings
from spaces.errors import InvalidValueError


def nothing(problem: Problem) -> object:
    """An optimiser that has none of what one needs."""
    return object()


def test_what_is_missing_of_the_contract_is_named() -> None:
    """All of it, when the run is made and not when it is needed."""
    members = {name for name in vars(Optimizer) if not name.startswith("_")}
    with pytest.raises(InvalidValueError) as refused:
        make_optimizer(RunSettings("a", "one-shot", optimizer=f"{__name__}:nothing"))
    assert {name for name in members if name in str(refused.value)} == members == {"ask", "tell", "restore", "plan"}


@pytest.mark.parametrize("cls", [Problem, Proposal, Observation, RunPlan], ids=lambda cls: cls.__name__)
def test_what_crosses_the_contract_cannot_be_changed(cls: type) -> None:
    """An optimiser may keep what it was given."""
    assert dataclasses.fields(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
