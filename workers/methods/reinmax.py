"""The relaxation of ReinMax (Liu, Dong, Liu, Yu, Gao, "Bridging Discrete and Backpropagation", NeurIPS 2023, Alg. 2).

    forward:   D ~ softmax(alpha), one-hot
    backward:  pi_1 = softmax(ln((D + softmax(alpha / tau)) / 2)), its logarithm shifted by alpha and held constant
               grad = 2 J(pi_1) g - 1/2 J(pi_0) g,    pi_0 = softmax(alpha),    J(p) = diag(p) - p p'

It is of second order: with tau = 1 its mean over D is the exact gradient of E f(D) where f is quadratic. The authors
advise a temperature of 1 or more; annealing it to 0.1, as Gumbel gates are, makes pi_1 the mean of two one-hot vectors
and loses that. So ``temperature`` is constant here, from 1.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.gates import gumbel, most_likely
from workers.methods.pieces import Moment, Relaxation


class ReinMax(Relaxation):
    """Gates of 0 and 1, with a gradient of second order."""

    is_sampled = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`; the largest of alpha with Gumbel noise is a draw from softmax(alpha)."""
        drawn = most_likely((alpha + gumbel(alpha, moment)).detach())
        gates: Tensor = _Gates.apply(alpha, drawn, moment.hyperparameters["temperature"])  # type: ignore[no-untyped-call]
        return gates

    def settled(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.settled`."""
        return most_likely(alpha)


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, alpha: Tensor, drawn: Tensor, temperature: Tensor) -> Tensor:
        ctx.save_for_backward(alpha, drawn, temperature)
        return drawn.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        alpha, drawn, temperature = ctx.saved_tensors
        ahead = (drawn + (alpha / temperature).softmax(dim=2)) / 2
        return (
            2 * _through_softmax(ahead, gradient) - 0.5 * _through_softmax(alpha.softmax(dim=2), gradient),
            None,
            None,
        )


def _through_softmax(p: Tensor, gradient: Tensor) -> Tensor:
    """(diag(p) - p p') gradient."""
    product = p * gradient
    return product - p * product.sum(dim=2, keepdim=True)
