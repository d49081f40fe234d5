"""The regulariser of FairDARTS (ECCV 2020, Eq. 5): the zero-one loss, which separates the weights from 0.5.

    L_01 = -lambda mean over edges and operations of (sigmoid(alpha) - 0.5)^2

lambda is ``zero_one_weight`` (the authors: 10).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Moment


def zero_one_loss(alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, " T"]:
    """What is added to the loss of alpha."""
    weight = moment.hyperparameters["zero_one_weight"].view(-1)
    return -weight * (alpha.sigmoid() - 0.5).square().mean(dim=(1, 2))
