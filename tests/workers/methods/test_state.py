"""The state of a search; its steps are tested with the updates that take them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.methods.searches import OWN, group_of, own_method, state_of


@pytest.fixture(autouse=True)
def method() -> Iterator[None]:
    """The method of the searches."""
    with own_method():
        yield


def test_hyperparameters_of_the_method_are_numbers_of_each_trial() -> None:
    """A number as it is, text as its place among the values, true and false as 1 and 0."""
    state, _, _ = state_of(group_of(*OWN))
    found = {name: values.view(-1).tolist() for name, values in state.hyperparameters.items()}
    assert found == {"slope": [2.0, 0.5], "kind": [2.0, 0.0], "flag": [1.0, 0.0]}
    assert state.moment.hyperparameters is state.hyperparameters
