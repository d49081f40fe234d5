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
    own           [T, X]         weights of the operations' own, one operation of an edge after the other

The M learned maps n(u) are ordered by edge, and on an edge as the operations are registered (learnable-gradient before
net). A discrete network has only the maps its architecture uses, in the same order.
Convolutions are torch's (cross-correlation, zero padding): ``out[n] = sum_k w[k] u[n + k - 1]``.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spaces.errors import InvalidValueError
from spaces.inverse_1d import operations as ops
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.registries import OPERATIONS, Operation, entry
from spaces.references import resolve

#: The parts of the weights that belong to a learned map, the first so many.
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

    def __post_init__(self) -> None:
        for names in self.edges:
            for name in names:
                entry("operation", OPERATIONS, name)

    def entries(self, belongs: Callable[[Operation], bool]) -> tuple[tuple[int, str], ...]:
        """Edge and name of each operation of that sort; those of an edge in the order of the registry."""
        names = [name for name, operation in OPERATIONS.items() if belongs(operation)]
        return tuple((edge, name) for edge, there in enumerate(self.edges) for name in names if name in there)

    @cached_property
    def maps(self) -> tuple[tuple[int, str], ...]:
        """Edge and operation of each learned map, M entries; a shared map is listed under its first operation."""
        found = self.entries(lambda operation: operation.learned_map)
        if not self.shared_maps:
            return found
        return tuple(entry for i, entry in enumerate(found) if i == 0 or found[i - 1][0] != entry[0])

    @cached_property
    def map_index(self) -> dict[tuple[int, str], int]:
        """Index of the learned map of an (edge, operation)."""
        if not self.shared_maps:
            return {entry: index for index, entry in enumerate(self.maps)}
        by_edge = {edge: index for index, (edge, _) in enumerate(self.maps)}
        return {entry: by_edge[entry[0]] for entry in self.entries(lambda operation: operation.learned_map)}

    @cached_property
    def noise_index(self) -> dict[tuple[int, str], int]:
        """For each (edge, operation) that draws noise, its place along the noise tensor's second axis."""
        return {entry: index for index, entry in enumerate(self.entries(lambda operation: operation.noise))}

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
        for entry_, place in part.own_index.items():
            self.views(ours).own[:, self.own_index[entry_]] = part.views(theirs).own[:, place]

    def map_places(self, part: Layout) -> list[int]:
        """Where the learned maps of such a network are among ours."""
        return [self.map_index[entry_] for entry_ in part.maps]

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
            noise: Standard normal numbers for each of ``layout.noise_index``; None where no operation draws noise.
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
        present = {name: OPERATIONS[name] for edge in edges for name in self.layout.edges[edge]}
        step = learned = None
        if any(operation.gradient_step for operation in present.values()):
            step = ops.gradient_step(u, u0, self.formation.normal_matrix, self.choices.tau)[:, None]
        maps = tuple(index for index, (edge, _) in enumerate(self.layout.maps) if edge in edges)
        if maps:
            learned = self._learned(u, maps, parts, buffers, training)
        given = ops.Inputs(u[:, None], u0[:, None], self.formation, self.choices, step)
        carry = _Carry(self, given, learned, maps, parts.own, noise)
        if mix is not None:
            return self._mix(edges, mix, carry)
        values = [carry(self.layout.edges[edge][0], (edge,)) for edge in edges]
        return [None if value is None else value[:, 0] for value in values]

    def _mix(
        self, edges: Sequence[int], mix: Float[Tensor, "T E O"], carry: _Carry
    ) -> list[Float[Tensor, "T B N"] | None]:
        """The mixes of a relaxed network's operations, all edges at once: they have the same candidates (Eq. 2)."""
        names = self.layout.edges[edges[0]]
        chosen = mix.index_select(1, self.index(tuple(edges)))[..., None, None]  # [T, E', O, 1, 1]
        sums = []
        for name, weight in zip(names, chosen.unbind(dim=2), strict=True):
            value = carry(name, tuple(edges))
            if value is not None:
                sums.append(weight * value)
        return list(sum(sums[1:], start=sums[0]).unbind(dim=1)) if sums else [None] * len(edges)

    def _learned(
        self, u: Float[Tensor, "T B N"], maps: tuple[int, ...], parts: Weights, buffers: Buffers, training: bool
    ) -> Float[Tensor, "T K B N"]:
        """The K learned maps of those indices; updates their running statistics."""
        index = self.index(maps)
        learned, batch_mean, batch_var = ops.learned_maps(
            u, training, *(tensor.index_select(1, index) for tensor in (*parts[:5], *buffers))
        )
        if training:
            with torch.no_grad():
                for buffer, batch in zip(buffers, (batch_mean, batch_var), strict=True):
                    buffer.index_copy_(1, index, torch.lerp(buffer.index_select(1, index), batch, ops.MOMENTUM))
        return learned

    def index(self, entries: tuple[int, ...]) -> Int[Tensor, " K"]:
        """The entries as a tensor on the device; kept, since a copy to a GPU waits for it (and breaks CUDA graphs)."""
        if entries not in self._indices:
            self._indices[entries] = torch.tensor(entries, device=self.formation.matrix.device)
        return self._indices[entries]


class _Carry:
    """What the operations make of one state, for edges that leave it.

    Args:
        network: Whose edges.
        given: What all operations share.
        learned: The learned maps ``maps`` of the edges.
        maps: Their indices.
        own: The operations' own weights.
        noise: Standard normal numbers of all edges.
    """

    def __init__(
        self,
        network: Network,
        given: ops.Inputs,
        learned: Float[Tensor, "T K B N"] | None,
        maps: tuple[int, ...],
        own: Float[Tensor, "T X"],
        noise: Float[Tensor, "T E_noise B N"] | None,
    ) -> None:
        self._network = network
        self._given = given
        self._learned = learned
        self._maps = {index: place for place, index in enumerate(maps)}
        self._own = own
        self._noise = noise
        self._shared: dict[str, Tensor] = {}

    def __call__(self, name: str, edges: tuple[int, ...]) -> Float[Tensor, "T E B N"] | None:
        """What these edges carry by the operation of that name; None for nothing.

        What depends on the state alone is computed once.

        Raises:
            InvalidValueError: If the operation returns another shape.
        """
        operation = OPERATIONS[name]
        if operation.forward is None:
            return None
        if name in self._shared:
            return self._shared[name]
        value: Tensor = resolve(operation.forward)(self._inputs(name, operation, edges))
        trials, _, samples, positions = self._given.u.shape
        if value.shape not in [(trials, count, samples, positions) for count in (1, len(edges))]:
            raise InvalidValueError(
                f"the operation {name!r} must return [{trials}, {len(edges)} or 1, {samples}, {positions}] (trials, "
                f"edges, samples, positions), got {list(value.shape)}"
            )
        if not (operation.is_trained or operation.noise):
            self._shared[name] = value
        return value

    def _inputs(self, name: str, operation: Operation, edges: tuple[int, ...]) -> ops.Inputs:
        """What the operation has asked for."""
        layout = self._network.layout
        found: dict[str, Any] = {}
        if not operation.gradient_step:
            found["step"] = None
        if operation.learned_map:
            assert self._learned is not None
            places = tuple(self._maps[layout.map_index[edge, name]] for edge in edges)
            found["learned"] = self._take(self._learned, places)
        if operation.noise:
            assert self._noise is not None
            found["noise"] = self._take(self._noise, tuple(layout.noise_index[edge, name] for edge in edges))
        if operation.weights:
            parts = [self._own[:, layout.own_index[edge, name]] for edge in edges]
            found["weights"] = torch.stack(parts, dim=1).view(len(self._own), len(edges), *operation.weights)
        return self._given._replace(**found)

    def _take(self, tensor: Float[Tensor, "T K B N"], places: tuple[int, ...]) -> Float[Tensor, "T E B N"]:
        """These entries of the second axis, without a copy where they are evenly spaced."""
        gap = max(1, places[1] - places[0]) if len(places) > 1 else 1
        if places == tuple(range(places[0], places[0] + gap * len(places), gap)):
            return tensor[:, places[0] : places[-1] + 1 : gap]
        return tensor.index_select(1, self._network.index(places))
