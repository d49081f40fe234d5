"""What both network families share: the layout of the weights, their initialisation, and one edge's operations.

A network is a directed graph of states with one channel. An edge (in the sequential space: a layer) applies
one operation (discrete network) or the mix of all candidates (relaxed network, Eq. 2). All tensors have the
trial dimension T first; nothing ever crosses it.

Weights are ONE flat tensor [T, P]. :class:`Layout` says what its parts are, in this order:

    conv1         [T, M, C, 3]   first convolution of each learned map, 1 -> C, no bias
    gamma, beta   [T, M, C]      batch norm
    conv2         [T, M, C, 3]   second convolution, C -> 1
    bias          [T, M]         its bias
    merge_weight  [T, G, 2, K]   cell space: the 2 -> 1 convolution that ends each of the G cells
    merge_bias    [T, G]

The M learned maps n(u) are ordered by edge, and on an edge learnable-gradient comes before net where both are
candidates. A discrete network has only the maps its architecture uses, in the same order.
Convolutions are torch's (cross-correlation, zero padding): ``out[n] = sum_k w[k] u[n + k - 1]``.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spaces.inverse_1d import operations as ops
from spaces.inverse_1d.architecture import LEARNABLE_GRADIENT, NET, NOISE, ROLL
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation

#: The operations that hold a learned map n(u), in the order of the maps of one edge.
LEARNED = (LEARNABLE_GRADIENT, NET)


class Weights(NamedTuple):
    """Views of the flat weight tensor; see the module's docstring."""

    conv1: Float[Tensor, "T M C 3"]
    gamma: Float[Tensor, "T M C"]
    beta: Float[Tensor, "T M C"]
    conv2: Float[Tensor, "T M C 3"]
    bias: Float[Tensor, "T M"]
    merge_weight: Float[Tensor, "T G 2 K"]
    merge_bias: Float[Tensor, "T G"]


class Buffers(NamedTuple):
    """Batch norm's running statistics; updated in place by a forward pass in training mode."""

    running_mean: Float[Tensor, "T M C"]
    running_var: Float[Tensor, "T M C"]


#: A network's forward pass, in torch or fused: see :meth:`Network.forward`.
Forward = Callable[[Tensor, Buffers, Tensor | None, Tensor, Tensor | None, bool], Tensor]


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

    @cached_property
    def maps(self) -> tuple[tuple[int, str], ...]:
        """Edge and operation of each learned map, M entries; a shared map is listed under its first operation."""
        found = [(edge, name) for edge, names in enumerate(self.edges) for name in LEARNED if name in names]
        if not self.shared_maps:
            return tuple(found)
        return tuple(entry for i, entry in enumerate(found) if i == 0 or found[i - 1][0] != entry[0])

    @cached_property
    def map_index(self) -> dict[tuple[int, str], int]:
        """Index of the learned map of an (edge, operation)."""
        if not self.shared_maps:
            return {entry: index for index, entry in enumerate(self.maps)}
        return {
            (edge, name): i for i, (edge, _) in enumerate(self.maps) for name in LEARNED if name in self.edges[edge]
        }

    @cached_property
    def noise_edges(self) -> tuple[int, ...]:
        """The edges that have the noise operation, in the order of the noise tensor's second axis."""
        return tuple(edge for edge, names in enumerate(self.edges) if NOISE in names)

    @cached_property
    def shapes(self) -> Weights:
        """The shape of each part of the weights, without T."""
        M, C, G = len(self.maps), self.channels, self.merges
        parts = ((M, C, 3), (M, C), (M, C), (M, C, 3), (M,), (G, 2, self.merge_kernel_size), (G,))
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
        return drawn

    def initial_buffers(self, trials: int, device: torch.device | str = "cpu") -> Buffers:
        """Running mean 0 and variance 1."""
        shape = (trials, len(self.maps), self.channels)
        return Buffers(torch.zeros(shape, device=device), torch.ones(shape, device=device))


class Network(abc.ABC):
    """A network of one space; it holds no weights and may be shared by threads.

    Attributes:
        layout: Operations and weights.
        formation: The data formation, on the device of the tensors that will come.
        choices: tau, the noise operation's sigma, and so on.
    """

    def __init__(self, layout: Layout, formation: DataFormation, choices: Choices) -> None:
        self.layout = layout
        self.formation = formation
        self.choices = choices
        self._indices: dict[tuple[int, ...], Tensor] = {}

    @abc.abstractmethod
    def forward(
        self,
        weights: Float[Tensor, "T P"],
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        y: Float[Tensor, "T B n"],
        noise: Float[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> Float[Tensor, "T B N"]:
        """Reconstructs x from y. Differentiable in ``weights`` and ``mix``.

        Args:
            weights: The flat weights.
            buffers: Running statistics; where ``training``, they are updated in place.
            mix: softmax(alpha), O in the order of ``candidate_operations``; None for a discrete network.
            y: Measurements.
            noise: Standard normal numbers for each of ``layout.noise_edges``; None where no edge has the
                noise operation.
            training: Whether batch norm normalises by the batch (True) or by the running statistics.

        Returns:
            x_hat.
        """

    def leave(
        self,
        u: Float[Tensor, "T B N"],
        u0: Float[Tensor, "T B N"],
        edges: Sequence[int],
        parts: Weights,
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        noise: Float[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> list[Float[Tensor, "T B N"] | None]:
        """What each of the ``edges`` that leave state u carries; None where all are zero.

        The edges share the gradient step, the neighbours of u and their statistics.
        """
        present = {name for edge in edges for name in self.layout.edges[edge]}
        step = learned = rolled = None
        if LEARNABLE_GRADIENT in present or NOISE in present:
            step = ops.gradient_step(u, u0, self.formation.normal_matrix, self.choices.tau)
        maps = tuple(index for index, (edge, _) in enumerate(self.layout.maps) if edge in edges)
        if maps:
            learned = self._learned(u, maps, parts, buffers, training)
        if ROLL in present:
            rolled = ops.roll(u, self.choices.roll_batch)
        if mix is not None:
            return self._mix(edges, maps, mix, step, learned, rolled, noise)
        return [self._pick(edge, maps, step, learned, rolled, noise) for edge in edges]

    def _pick(
        self,
        edge: int,
        maps: tuple[int, ...],
        step: Float[Tensor, "T B N"] | None,
        learned: Float[Tensor, "T K B N"] | None,
        rolled: Float[Tensor, "T B N"] | None,
        noise: Float[Tensor, "T E_noise B N"] | None,
    ) -> Float[Tensor, "T B N"] | None:
        """A discrete network's one operation of an edge; None for zero. ``learned`` holds the maps of those indices."""
        (name,) = self.layout.edges[edge]
        if name == ROLL:
            return rolled
        if name == NOISE:
            assert step is not None
            assert noise is not None
            return step + self.choices.layer_noise_sigma * noise[:, self.layout.noise_edges.index(edge)]
        if name not in LEARNED:
            return None
        assert learned is not None
        value = learned[:, maps.index(self.layout.map_index[edge, name])]
        if name == NET:
            return value
        assert step is not None
        return step - self.choices.tau * value

    def _mix(
        self,
        edges: Sequence[int],
        maps: tuple[int, ...],
        mix: Float[Tensor, "T E O"],
        step: Float[Tensor, "T B N"] | None,
        learned: Float[Tensor, "T K B N"] | None,
        rolled: Float[Tensor, "T B N"] | None,
        noise: Float[Tensor, "T E_noise B N"] | None,
    ) -> list[Float[Tensor, "T B N"] | None]:
        """The mixes of a relaxed network's operations, all edges at once: they have the same candidates (Eq. 2)."""
        names = self.layout.edges[edges[0]]
        chosen = mix.index_select(1, self._index(tuple(edges)))[..., None, None]  # [T, E', O, 1, 1]
        weight = dict(zip(names, chosen.unbind(dim=2), strict=True))
        sums: list[Tensor] = []
        if learned is not None:
            # Two maps an edge, learnable-gradient first; or one that both operations share.
            trials, _, samples, positions = learned.shape
            by_edge = learned.view(trials, len(edges), -1, samples, positions)
            if LEARNABLE_GRADIENT in names:
                assert step is not None
                sums.append(weight[LEARNABLE_GRADIENT] * (step[:, None] - self.choices.tau * by_edge[:, :, 0]))
            if NET in names:
                sums.append(weight[NET] * by_edge[:, :, -1])
        if ROLL in names:
            assert rolled is not None
            sums.append(weight[ROLL] * rolled[:, None])
        if NOISE in names:
            assert step is not None
            assert noise is not None
            drawn = noise.index_select(1, self._index(tuple(edges)))
            sums.append(weight[NOISE] * (step[:, None] + self.choices.layer_noise_sigma * drawn))
        return list(sum(sums[1:], start=sums[0]).unbind(dim=1))

    def _learned(
        self, u: Float[Tensor, "T B N"], maps: tuple[int, ...], parts: Weights, buffers: Buffers, training: bool
    ) -> Float[Tensor, "T K B N"]:
        """The K learned maps of those indices; updates their running statistics."""
        index = self._index(maps)
        learned, batch_mean, batch_var = ops.learned_maps(
            u, training, *(tensor.index_select(1, index) for tensor in (*parts[:5], *buffers))
        )
        if training:
            with torch.no_grad():
                for buffer, batch in zip(buffers, (batch_mean, batch_var), strict=True):
                    buffer.index_copy_(1, index, torch.lerp(buffer.index_select(1, index), batch, ops.MOMENTUM))
        return learned

    def _index(self, entries: tuple[int, ...]) -> Int[Tensor, " K"]:
        """The entries as a tensor on the device; kept, since a copy to a GPU waits for it (and breaks CUDA graphs)."""
        if entries not in self._indices:
            self._indices[entries] = torch.tensor(entries, device=self.formation.matrix.device)
        return self._indices[entries]
