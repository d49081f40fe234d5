"""The layout of a network's weights, and their initial values.

Weights are ONE flat tensor [T, P]. :class:`Layout` says what its parts are, in this order:

    conv1         [T, M, C, 3]   first convolution of each learned map, 1 -> C, no bias
    gamma, beta   [T, M, C]      batch norm
    conv2         [T, M, C, 3]   second convolution, C -> 1
    bias          [T, M]         its bias
    merge_weight  [T, G, 2, K]   cell space: the 2 -> 1 convolution that ends each of the G cells
    merge_bias    [T, G]
    own           [T, X]         weights of the operations' own, one operation of an edge after the other

The M learned maps n(u) are ordered by edge, and on an edge as the operations are registered (learnable-gradient before
net). A discrete network has only the maps its architecture uses, in the same order.
Convolutions are torch's (cross-correlation, zero padding): ``out[n] = sum_k w[k] u[n + k - 1]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.registries import OPERATIONS, Operation, entry
from spaces.references import resolve

#: How many of the parts of the weights, from the first, belong to the learned maps.
MAP_PARTS = 5


class Weights(NamedTuple):
    """Views of the flat weight tensor; see the module's docstring."""

    conv1: Float[Tensor, "T M C 3"]
    gamma: Float[Tensor, "T M C"]
    beta: Float[Tensor, "T M C"]
    conv2: Float[Tensor, "T M C 3"]
    bias: Float[Tensor, "T M"]
    merge_weight: Float[Tensor, "T G 2 K"]
    merge_bias: Float[Tensor, "T G"]
    own: Float[Tensor, "T X"]


class Buffers(NamedTuple):
    """Batch norm's running statistics; updated in place by a forward pass in training mode."""

    running_mean: Float[Tensor, "T M C"]
    running_var: Float[Tensor, "T M C"]


@dataclass(frozen=True)
class Layout:
    """Which operations and weights a network has; no tensors.

    Attributes:
        edges: The operations of each edge: all candidates in alpha's order (relaxed), or exactly one (discrete).
        channels: Channels C of the learned maps.
        merges: Cells that end in a merging convolution, G (0 in the sequential space).
        merge_kernel_size: Width K of the merging convolution.
        shared_maps: Whether the learned operations of an edge share one map. So every trial of a batch can
            have an architecture of its own: the mix is one-hot, and a trial uses a map for one of them only.
    """

    edges: tuple[tuple[str, ...], ...]
    channels: int
    merges: int = 0
    merge_kernel_size: int = 1
    shared_maps: bool = False

    def __post_init__(self) -> None:
        for names in self.edges:
            for name in names:
                entry("operation", OPERATIONS, name)

    def entries(self, belongs: Callable[[Operation], bool]) -> tuple[tuple[int, str], ...]:
        """Edge and name of each operation for which ``belongs`` is true, by edge and by the order of the registry."""
        names = [name for name, operation in OPERATIONS.items() if belongs(operation)]
        return tuple((edge, name) for edge, there in enumerate(self.edges) for name in names if name in there)

    @cached_property
    def maps(self) -> tuple[tuple[int, str], ...]:
        """Edge and operation of each learned map, M entries; a shared map is listed under its first operation."""
        found = self.entries(lambda operation: operation.learned_map)
        if not self.shared_maps:
            return found
        return tuple(each for i, each in enumerate(found) if i == 0 or found[i - 1][0] != each[0])

    @cached_property
    def map_index(self) -> dict[tuple[int, str], int]:
        """Index of the learned map of an (edge, operation)."""
        if not self.shared_maps:
            return {each: index for index, each in enumerate(self.maps)}
        by_edge = {edge: index for index, (edge, _) in enumerate(self.maps)}
        return {each: by_edge[each[0]] for each in self.entries(lambda operation: operation.learned_map)}

    @cached_property
    def noise_index(self) -> dict[tuple[int, str], int]:
        """For each (edge, operation) that draws noise, its place along the noise tensor's second axis."""
        return {each: index for index, each in enumerate(self.entries(lambda operation: operation.noise))}

    @cached_property
    def own_index(self) -> dict[tuple[int, str], slice]:
        """For each (edge, operation) with weights of its own, their place in ``Weights.own``."""
        places, end = {}, 0
        for edge, name in self.entries(lambda operation: bool(operation.weights)):
            start, end = end, end + torch.Size(OPERATIONS[name].weights).numel()
            places[edge, name] = slice(start, end)
        return places

    @cached_property
    def shapes(self) -> Weights:
        """The shape of each part of the weights, without T."""
        M, C, G = len(self.maps), self.channels, self.merges
        own = max((place.stop for place in self.own_index.values()), default=0)
        parts = ((M, C, 3), (M, C), (M, C), (M, C, 3), (M,), (G, 2, self.merge_kernel_size), (G,), (own,))
        return Weights(*parts)  # type: ignore[arg-type]

    @cached_property
    def size(self) -> int:
        """Number P of trainable weights of one trial."""
        return sum(torch.Size(shape).numel() for shape in self.shapes)

    def views(self, weights: Float[Tensor, "T P"]) -> Weights:
        """Views of the flat weights."""
        sizes = [torch.Size(shape).numel() for shape in self.shapes]
        parts = torch.split(weights, sizes, dim=1)
        trials = len(weights)
        return Weights(*(part.view(trials, *shape) for part, shape in zip(parts, self.shapes, strict=True)))

    def initial_weights(self, generators: Sequence[torch.Generator]) -> Float[Tensor, "T P"]:
        """Draws weights, a generator per trial, as torch's Conv1d and BatchNorm1d do by default.

        A convolution's weights and bias are uniform within 1 / sqrt(inputs * width); gamma is 1, beta 0.
        """
        inner, merge = (3 * self.channels) ** -0.5, (2 * self.merge_kernel_size) ** -0.5
        drawn = torch.empty(len(generators), self.size)
        for row, generator in zip(drawn, generators, strict=True):
            parts = self.views(row[None])
            parts.conv1.uniform_(-(3**-0.5), 3**-0.5, generator=generator)
            parts.gamma.fill_(1.0)
            parts.beta.fill_(0.0)
            parts.conv2.uniform_(-inner, inner, generator=generator)
            parts.bias.uniform_(-inner, inner, generator=generator)
            parts.merge_weight.uniform_(-merge, merge, generator=generator)
            parts.merge_bias.uniform_(-merge, merge, generator=generator)
            for (_, name), place in self.own_index.items():
                _fill(OPERATIONS[name], parts.own[0, place].view(OPERATIONS[name].weights), generator)
        return drawn

    def put(self, part: Layout, theirs: Float[Tensor, "T P1"], ours: Float[Tensor, "T P2"]) -> None:
        """Copies the weights of a network that has some of our operations to their places in ours."""
        maps = self.map_places(part)
        for index, (to, values) in enumerate(zip(self.views(ours), part.views(theirs), strict=True)):
            if index < MAP_PARTS:
                to[:, maps] = values
            elif index < len(Weights._fields) - 1:
                to.copy_(values)
        for each, place in part.own_index.items():
            self.views(ours).own[:, self.own_index[each]] = part.views(theirs).own[:, place]

    def map_places(self, part: Layout) -> list[int]:
        """Where the learned maps of such a network are among ours."""
        return [self.map_index[each] for each in part.maps]

    def initial_buffers(self, trials: int, device: torch.device | str = "cpu") -> Buffers:
        """Running mean 0 and variance 1."""
        shape = (trials, len(self.maps), self.channels)
        return Buffers(torch.zeros(shape, device=device), torch.ones(shape, device=device))


def _fill(operation: Operation, weights: Tensor, generator: torch.Generator) -> None:
    """The initial values of an operation's own weights on one edge."""
    if operation.initial is not None:
        resolve(operation.initial)(weights, generator)
    else:
        bound = weights.numel() ** -0.5
        weights.uniform_(-bound, bound, generator=generator)
