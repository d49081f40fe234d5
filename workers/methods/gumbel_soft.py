"""The relaxation of SNAS (Xie, Zheng, Liu, Lin, "SNAS", ICLR 2019, Eq. 4): gates of the concrete distribution.

    Z = softmax((alpha + G) / tau),    G Gumbel noise, drawn anew in every step

tau falls linearly from ``temperature_start`` to ``temperature_end`` (the authors' code: from 1 to 0.03). As tau falls
the gates become one-hot, of operation o with probability softmax(alpha)_o. The search is validated with the most
likely ones.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.gates import annealed, gumbel, most_likely
from workers.methods.pieces import Moment, Relaxation


class SoftGumbel(Relaxation):
    """Gates between 0 and 1."""

    is_sampled = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        return ((alpha + gumbel(alpha, moment)) / annealed(moment)).softmax(dim=2)

    def settled(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.settled`."""
        return most_likely(alpha)
