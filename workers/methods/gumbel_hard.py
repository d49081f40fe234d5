"""The relaxation of GDAS (Dong, Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019).

    forward (Eq. 4):   Z = one_hot(argmax_o (log softmax(alpha) + G)_o),    G Gumbel noise, drawn anew in every step
    backward (Eq. 6):  the gradient of softmax((log softmax(alpha) + G) / tau), straight through

tau falls linearly from ``temperature_start`` to ``temperature_end`` (the authors: from 10 to 0.1).

The authors' code computes one operation an edge, and adds the other gates to its output as bare numbers: their
gradient is then that of operations whose output is 1. Here the gradient of every gate is that of its operation's
output, as Eq. 6 says; what is saved by computing one operation alone is not.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from workers.methods.gates import annealed, gumbel, most_likely
from workers.methods.pieces import Moment, Relaxation


class HardGumbel(Relaxation):
    """Gates of 0 and 1."""

    is_sampled = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        noisy = alpha.log_softmax(dim=2) + gumbel(alpha, moment)
        soft = (noisy / annealed(moment)).softmax(dim=2)
        # Added in this order the gates are exactly 0 and 1.
        return most_likely(noisy.detach()) + (soft - soft.detach())

    def settled(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.settled`."""
        return most_likely(alpha)
