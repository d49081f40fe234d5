"""The regulariser of Beta-DARTS (Ye, Li, Li, Chen, Fan, Ouyang, CVPR 2022, Eq. 13): decay of the mixing weights beta.

    L_beta = lambda(t) mean over edges of log sum_o exp(alpha_o)

lambda rises linearly from 0 to ``beta_weight`` (the authors' code: 50 after 100 epochs). Its gradient is
softmax(alpha): the operation that leads is held back most.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Moment


def beta_decay(alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, " T"]:
    """What is added to the loss of alpha."""
    weight = moment.hyperparameters["beta_weight"].view(-1) * moment.progress
    return weight * alpha.logsumexp(dim=2).mean(dim=1)
