"""The sequential network: ten layers in a row, their result added to u0 = A'y (section 4.1, Fig. 1)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.network import Buffers, Network


class SequentialNetwork(Network):
    """Ten layers; edge j of the layout is layer j."""

    def forward(
        self,
        weights: Float[Tensor, "T P"],
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        y: Float[Tensor, "T B n"],
        noise: Float[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> Float[Tensor, "T B N"]:
        """See :meth:`Network.forward`."""
        parts = self.layout.views(weights)
        u0 = self.formation.A_adjoint(y)
        u = u0
        for layer in range(len(self.layout.edges)):
            (value,) = self.leave(u, u0, (layer,), parts, buffers, mix, noise, training)
            u = torch.zeros_like(u0) if value is None else value
        return u0 + u if self.choices.residual else u
