"""The relaxation of DrNAS (Chen, Wang, Cheng, Tang, Hsieh, "DrNAS", ICLR 2021, Eq. 2): weights of a Dirichlet law.

    theta ~ Dir(beta),    beta = elu(alpha) + 1

drawn anew in every step. The gradient in beta goes along the path of the sample (Eq. 4: implicit derivatives of the
cumulative distribution, as torch has them). The search is validated with the mean, beta / sum(beta).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Moment, Relaxation

#: Concentrations that torch can draw from without dividing by zero.
LEAST, MOST = 1e-3, 1e6


class Dirichlet(Relaxation):
    """Draws mixing weights; alpha is how concentrated they are."""

    is_sampled = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        mix: Tensor = _Sample.apply(concentration(alpha), moment.generators)  # type: ignore[no-untyped-call]
        return mix

    def settled(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.settled`."""
        beta = concentration(alpha)
        return beta / beta.sum(dim=2, keepdim=True)


def concentration(alpha: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
    """beta = elu(alpha) + 1, above 0."""
    return (torch.nn.functional.elu(alpha) + 1).clamp(LEAST, MOST)


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, beta: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        # torch's sampler would not end for what is no number: a trial that diverged.
        known = beta.nan_to_num(1.0)
        drawn = torch.stack(
            [torch._sample_dirichlet(one, generator=stream) for one, stream in zip(known, generators, strict=True)]
        )
        drawn = torch.where(beta.isnan(), beta, drawn)
        ctx.save_for_backward(beta, drawn)
        return drawn

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        beta, drawn = ctx.saved_tensors
        total = beta.sum(dim=2, keepdim=True).expand_as(beta)
        along = torch._dirichlet_grad(drawn.nan_to_num(0.5), beta.nan_to_num(1.0), total.nan_to_num(1.0))
        return along * (gradient - (drawn * gradient).sum(dim=2, keepdim=True)), None
