"""The update of DAS-single against a plain optimiser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.workers.methods.searches import assert_update_is_plain, own_method
from workers.methods.alpha_alone import AlphaAlone


@pytest.fixture(autouse=True)
def method() -> Iterator[None]:
    """The method of the searches."""
    with own_method():
        yield


def test_alpha_alone_takes_the_step_of_a_plain_optimiser() -> None:
    """One step of torch.optim on the validation batch; the weights stay as they are."""
    assert not AlphaAlone.sees_training
    assert_update_is_plain(AlphaAlone)
