"""The sequential network: ten layers in a row, their result added to u0 = A'y (section 4.1, Fig. 1)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.network import Network, Pass


class SequentialNetwork(Network):
    """Ten layers; edge j of the layout is layer j."""

    def reconstruct(self, flow: Pass) -> Float[Tensor, "T B N"]:
        """See :meth:`Network.reconstruct`."""
        u = flow.u0
        for layer in range(len(self.layout.edges)):
            (value,) = flow.leave(u, (layer,))
            u = torch.zeros_like(flow.u0) if value is None else value
        return flow.u0 + u if self.choices.residual else u
