"""The relaxation of DARTS: the mixing weights of an edge are the softmax of its alpha (Eq. 2)."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from workers.methods.pieces import Moment, Relaxation


class Softmax(Relaxation):
    """softmax(alpha)."""

    is_fixed = True

    def mix(self, alpha: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
        """See :meth:`Relaxation.mix`."""
        return alpha.softmax(dim=2)

    def mix_and_pull_back(
        self, alpha: Float[Tensor, "T E O"], moment: Moment
    ) -> tuple[Float[Tensor, "T E O"], Callable[[Tensor], Tensor]]:
        """See :meth:`Relaxation.mix_and_pull_back`; without autograd, which takes longer than the product."""
        mix = self.mix(alpha, moment)

        def pull_back(gradient: Tensor) -> Tensor:
            product = mix * gradient
            return product - mix * product.sum(dim=2, keepdim=True)

        return mix, pull_back
