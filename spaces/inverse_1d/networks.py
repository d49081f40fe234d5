"""Networks by space: one literal dict, and the two ways to build one."""

from __future__ import annotations

from spaces.inverse_1d.architecture import CELLS, SHAPES, Architecture, candidate_operations
from spaces.inverse_1d.cell import CellNetwork
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.network import Layout, Network
from spaces.inverse_1d.sequential import SequentialNetwork

NETWORKS: dict[str, type[Network]] = {"sequential": SequentialNetwork, "cell": CellNetwork}


def _network(
    space: str, edges: tuple[tuple[str, ...], ...], formation: DataFormation, choices: Choices, shared: bool = False
) -> Network:
    merges = CELLS if space == "cell" else 0
    layout = Layout(edges, choices.channels, merges, choices.merge_kernel_size, shared)
    return NETWORKS[space](layout, formation, choices)


def relaxed_network(space: str, operations: str, formation: DataFormation, choices: Choices) -> Network:
    """The network of the search: every edge mixes all candidate operations (Eq. 2)."""
    candidates = candidate_operations(space, operations)
    groups, size = SHAPES[space]
    return _network(space, (candidates,) * (groups * size), formation, choices)


def discrete_network(architecture: Architecture, formation: DataFormation, choices: Choices) -> Network:
    """The network of an architecture: every edge applies its one operation (Eq. 1); its mix is None."""
    edges = tuple((operation,) for operation in architecture.operations)
    return _network(architecture.space, edges, formation, choices)


def shared_network(space: str, operations: str, formation: DataFormation, choices: Choices) -> Network:
    """One network for a batch of different architectures: one map an edge, one-hot mix (see ``Layout.shared_maps``)."""
    candidates = candidate_operations(space, operations)
    groups, size = SHAPES[space]
    return _network(space, (candidates,) * (groups * size), formation, choices, shared=True)
