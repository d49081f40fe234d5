"""A plug-in with two search spaces: layers with skip connections, and three cells of three states."""

import torch

from spaces.inverse_1d.network import Network
from spaces.inverse_1d.registries import SEARCH_SPACES, SearchSpace


class SkipNetwork(Network):
    """Four layers, each on the mean of u0 and all layers before it."""

    def reconstruct(self, flow):
        """See Network.reconstruct."""
        states = [flow.u0]
        for layer in range(len(self.layout.edges)):
            u = torch.stack(states).mean(dim=0)
            (value,) = flow.leave(u, (layer,))
            states.append(value)
        return states[-1]


SEARCH_SPACES["skip"] = SearchSpace(groups=1, size=4, network=SkipNetwork)
SEARCH_SPACES["small-cell"] = SearchSpace(
    groups=3, size=6, network="spaces.inverse_1d.cell:CellNetwork", extra_operations=("zero",), merges=3
)
