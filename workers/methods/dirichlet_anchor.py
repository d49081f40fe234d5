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
    square = (beta - 1).square().sum(dim=2) / 2
    total = beta.sum(dim=2, keepdim=True)
    entropy = ((beta - 1) * (beta.digamma() - total.digamma())).sum(dim=2)
    divergence = total.lgamma()[:, :, 0] - beta.lgamma().sum(dim=2) - math.lgamma(beta.shape[2]) + entropy
    is_kl = moment.hyperparameters["regulariser"][:, :, 0] == 1
    distance = torch.where(is_kl, divergence, square).sum(dim=1)
    return moment.hyperparameters["regulariser_weight"].view(-1) * distance
