"""The regulariser of DrNAS (ICLR 2021, Eq. 3): the distance of beta to the anchor 1, where all mixes are as likely.

    lambda d(beta, 1),    d = |beta - 1|^2 / 2, or KL(Dir(beta) || Dir(1))

``regulariser`` says which (the authors' default is l2), ``regulariser_weight`` is lambda (theirs: 0.001). It is summed
over edges, as in their code.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.dirichlet import concentration
from workers.methods.pieces import Moment


def dirichlet_anchor(alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, " T"]:
    """What is added to the loss of alpha."""
    beta = concentration(alpha)
    distance = (beta - 1).square().sum(dim=2) / 2
    is_kl = moment.hyperparameters["regulariser"][:, :, 0] == 1
    if is_kl.any():  # its special functions take as long as the rest of the step
        distance = torch.where(is_kl, divergence(beta), distance)
    return moment.hyperparameters["regulariser_weight"].view(-1) * distance.sum(dim=1)


def divergence(beta: Float[Tensor, "T E O"]) -> Float[Tensor, "T E"]:
    """KL(Dir(beta) || Dir(1))."""
    total = beta.sum(dim=2, keepdim=True)
    mean_log = ((beta - 1) * (beta.digamma() - total.digamma())).sum(dim=2)
    return total.lgamma()[:, :, 0] - beta.lgamma().sum(dim=2) - math.lgamma(beta.shape[2]) + mean_log
