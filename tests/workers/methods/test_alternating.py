"""The update of DARTS against plain optimisers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.methods.searches import assert_update_is_plain, own_method
from workers.methods.alternating import AlternatingFirstOrder


@pytest.fixture(autouse=True)
def method() -> Iterator[None]:
    """The method of the searches."""
    with own_method():
        yield


def test_alpha_and_weights_take_the_steps_of_plain_optimisers() -> None:
    """One step of torch.optim on the validation batch for alpha, then one on the training batch for the weights."""
    assert AlternatingFirstOrder.sees_training
    assert_update_is_plain(AlternatingFirstOrder)
