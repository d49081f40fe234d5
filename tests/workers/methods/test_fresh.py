"""The weights that DARTS begins with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.workers.methods.searches import OWN, group_of, own_method
from workers.methods.fresh import fresh_weights
from workers.methods.pieces import Start
from workers.trials.training import initial_weights


@pytest.fixture(autouse=True)
def method() -> Iterator[None]:
    """The method of the searches."""
    with own_method():
        yield


def test_fresh_weights_are_each_trials_own() -> None:
    """They follow from the trial's seed, with new running statistics."""
    group = group_of(*OWN)
    layout = group.relaxed().layout
    weights, buffers = fresh_weights(Start(group, layout))
    for trial in range(2):
        alone = initial_weights(group.specs[trial : trial + 1], layout, "search-weights", "cpu")
        assert torch.equal(weights[trial : trial + 1], alone)
    assert (buffers.running_var == 1).all()
