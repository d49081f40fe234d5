"""The relaxation of DARTS, and the gradient that goes through any relaxation."""

from __future__ import annotations

import torch
from torch import Tensor

from workers.methods.pieces import Moment, Relaxation
from workers.methods.softmax import Softmax

MOMENT = Moment(0, 1, ())


class ByAutograd(Relaxation):
    """The same function, with the gradient that every relaxation has unless it brings its own."""

    def mix(self, alpha: Tensor, moment: Moment) -> Tensor:
        """See Relaxation.mix."""
        return alpha.exp() / alpha.exp().sum(dim=2, keepdim=True)


def test_the_gradient_is_that_of_autograd() -> None:
    """The closed form agrees with autograd through the definition, in float64."""
    generator = torch.Generator().manual_seed(1)
    alpha, gradient = torch.randn(2, 2, 3, 4, generator=generator, dtype=torch.float64)
    found, expected = (kind().mix_and_pull_back(alpha, MOMENT) for kind in (Softmax, ByAutograd))
    torch.testing.assert_close(found[0], expected[0])
    torch.testing.assert_close(found[1](gradient), expected[1](gradient))
    assert not found[0].requires_grad
    assert not alpha.requires_grad
