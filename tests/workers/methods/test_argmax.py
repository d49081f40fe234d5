"""The selection of DARTS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.methods.searches import OWN, group_of, own_method, state_of
from workers.methods.argmax import argmax


@pytest.fixture(autouse=True)
def method() -> Iterator[None]:
    """The method of the searches."""
    with own_method():
        yield


def test_argmax_keeps_the_largest_alpha() -> None:
    """Row by row, as Python finds it."""
    state, _, _ = state_of(group_of(*OWN))
    expected = [[row.index(max(row)) for row in trial] for trial in state.alpha.tolist()]
    assert argmax(state).tolist() == expected
