"""The relaxation of FairDARTS (Chu, Zhou, Zhang, Li, "Fair DARTS", ECCV 2020, Eq. 4): no operation excludes another.

    weight of operation o = sigmoid(alpha_o)

The weights of an edge sum to no fixed number.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Moment, Relaxation


class Sigmoid(Relaxation):
    """sigmoid(alpha)."""

    is_fixed = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        return alpha.sigmoid()
