"""The ways to build a network of a search space."""

from __future__ import annotations

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.network import Network
from spaces.inverse_1d.registries import SEARCH_SPACES, candidate_operations, edge_count, entry
from spaces.references import resolve


def _network(
    space: str, edges: tuple[tuple[str, ...], ...], formation: DataFormation, choices: Choices, shared: bool = False
) -> Network:
    registered = entry("space", SEARCH_SPACES, space)
    layout = Layout(edges, choices.channels, registered.merges, choices.merge_kernel_size, shared)
    network: Network = resolve(registered.network)(layout, formation, choices)
    return network


def relaxed_network(space: str, operations: str, formation: DataFormation, choices: Choices) -> Network:
    """The network of the search: every edge mixes all candidate operations (Eq. 2)."""
    return _network(space, (candidate_operations(space, operations),) * edge_count(space), formation, choices)


def discrete_network(architecture: Architecture, formation: DataFormation, choices: Choices) -> Network:
    """The network of an architecture: every edge applies its one operation (Eq. 1); its mix is None."""
    edges = tuple((operation,) for operation in architecture.operations)
    return _network(architecture.space, edges, formation, choices)


def shared_network(space: str, operations: str, formation: DataFormation, choices: Choices) -> Network:
    """One network for a batch of different architectures: one map an edge, one-hot mix (see ``Layout.shared_maps``)."""
    edges = (candidate_operations(space, operations),) * edge_count(space)
    return _network(space, edges, formation, choices, shared=True)
