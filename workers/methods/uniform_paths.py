"""The relaxation of random search with weight sharing (Li, Talwalkar, UAI 2019): each step trains one random path.

Every edge has one operation, drawn uniformly and anew in every step. Alpha has no part in it and no gradient; at the
end it marks the architecture that was chosen (see :mod:`workers.methods.ranked_paths`).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from workers.methods.gates import most_likely, one_hot
from workers.methods.pieces import Moment, Relaxation


class UniformPaths(Relaxation):
    """One-hot gates, all as likely."""

    is_sampled = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        count = alpha.shape[2]
        chosen = (moment.uniform(alpha[:, :, :1])[:, :, 0] * count).long().clamp_max(count - 1)
        return one_hot(chosen, torch.zeros_like(alpha))

    def settled(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.settled`."""
        return most_likely(alpha)
