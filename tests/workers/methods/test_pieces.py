"""What the pieces of a method are given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.workers.methods.searches import OWN, group_of, own_method, state_of


@pytest.fixture(autouse=True)
def method() -> Iterator[None]:
    """The method of the searches."""
    with own_method():
        yield


def test_random_numbers_of_a_moment_are_each_trials_own() -> None:
    """A trial draws the same numbers alone and beside another."""
    both, _, _ = state_of(group_of(*OWN))
    alone, _, _ = state_of(group_of(OWN[0]))
    drawn = both.moment.uniform(both.alpha)
    assert torch.equal(drawn[:1], alone.moment.uniform(alone.alpha))
    assert not torch.equal(drawn[0], drawn[1])
    assert 0 <= float(drawn.min()) <= float(drawn.max()) < 1
