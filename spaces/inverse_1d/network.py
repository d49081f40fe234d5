"""What all networks share: a forward pass, and what the operations carry along the edges that leave a state.

A network is a directed graph of states with one channel. An edge (in the sequential space: a layer) applies
one operation (discrete network) or the mix of all candidates (relaxed network, Eq. 2). All tensors have the
trial dimension T first; nothing ever crosses it. The weights are those of :mod:`spaces.inverse_1d.layout`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from spaces.errors import InvalidValueError
from spaces.inverse_1d import operations as ops
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.layout import MAP_PARTS, Buffers, Layout
from spaces.inverse_1d.registries import OPERATIONS, Operation
from spaces.references import resolve

#: A network's forward pass, in torch or fused: see :meth:`Network.forward`.
Forward = Callable[[Tensor, Buffers, Tensor | None, Tensor, Tensor | None, bool], Tensor]


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
        return self.reconstruct(Pass(self, weights, buffers, mix, y, noise, training))

    @abc.abstractmethod
    def reconstruct(self, flow: Pass) -> Float[Tensor, "T B N"]:
        """x_hat: how the states of this space follow from u0 = A'y by what their edges carry.

        Args:
            flow: Has u0, and says what the edges that leave a state carry.
        """

    def index(self, entries: tuple[int, ...]) -> Int[Tensor, " K"]:
        """The entries as a tensor on the device; kept, since a copy to a GPU waits for it (and breaks CUDA graphs)."""
        if entries not in self._indices:
            self._indices[entries] = torch.tensor(entries, device=self.formation.matrix.device)
        return self._indices[entries]


class Pass:
    """One forward pass through a network; see :meth:`Network.forward` for the arguments.

    Attributes:
        network: The network.
        parts: Views of its weights.
        buffers: Running statistics.
        u0: A'y.
    """

    def __init__(
        self,
        network: Network,
        weights: Float[Tensor, "T P"],
        buffers: Buffers,
        mix: Float[Tensor, "T E O"] | None,
        y: Float[Tensor, "T B n"],
        noise: Float[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> None:
        self.network = network
        self.parts = network.layout.views(weights)
        self.buffers = buffers
        self.u0 = network.formation.A_adjoint(y)
        self.noise = noise
        self._mix = mix
        self._training = training

    def leave(self, u: Float[Tensor, "T B N"], edges: Sequence[int]) -> list[Float[Tensor, "T B N"] | None]:
        """What each of the ``edges`` that leave state u carries; None where all are zero.

        The edges share the gradient step, the neighbours of u and their statistics.
        """
        carry = _Carry(self, u, edges)
        if self._mix is not None:
            return self._mixed(edges, self._mix, carry)
        values = [carry(self.network.layout.edges[edge][0], (edge,)) for edge in edges]
        return [None if value is None else value[:, 0] for value in values]

    def _mixed(
        self, edges: Sequence[int], mix: Float[Tensor, "T E O"], carry: _Carry
    ) -> list[Float[Tensor, "T B N"] | None]:
        """The mixes of a relaxed network's operations, all edges at once: they have the same candidates (Eq. 2)."""
        names = self.network.layout.edges[edges[0]]
        chosen = mix.index_select(1, self.network.index(tuple(edges)))[..., None, None]  # [T, E', O, 1, 1]
        sums = []
        for name, weight in zip(names, chosen.unbind(dim=2), strict=True):
            value = carry(name, tuple(edges))
            if value is not None:
                sums.append(weight * value)
        return list(sum(sums[1:], start=sums[0]).unbind(dim=1)) if sums else [None] * len(edges)

    def learned(self, u: Float[Tensor, "T B N"], maps: tuple[int, ...]) -> Float[Tensor, "T K B N"]:
        """The K learned maps of those indices; updates their running statistics."""
        index = self.network.index(maps)
        weights = ops.MapWeights(*(part.index_select(1, index) for part in self.parts[:MAP_PARTS]))
        mean, variance = (buffer.index_select(1, index) for buffer in self.buffers)
        learned, batch_mean, batch_var = ops.learned_maps(u, weights, mean, variance, self._training)
        if self._training:
            with torch.no_grad():
                for buffer, batch in zip(self.buffers, (batch_mean, batch_var), strict=True):
                    buffer.index_copy_(1, index, torch.lerp(buffer.index_select(1, index), batch, ops.MOMENTUM))
        return learned


class _Carry:
    """What the operations make of one state, for edges that leave it.

    Args:
        flow: The forward pass.
        u: The state.
        edges: All edges that leave it.
    """

    def __init__(self, flow: Pass, u: Float[Tensor, "T B N"], edges: Sequence[int]) -> None:
        network = flow.network
        present = {name: OPERATIONS[name] for edge in edges for name in network.layout.edges[edge]}
        step = None
        if any(operation.gradient_step for operation in present.values()):
            step = ops.gradient_step(u, flow.u0, network.formation.normal_matrix, network.choices.tau)[:, None]
        maps = tuple(index for index, (edge, _) in enumerate(network.layout.maps) if edge in edges)
        self._learned = flow.learned(u, maps) if maps else None
        self._maps = {index: place for place, index in enumerate(maps)}
        self._given = ops.Inputs(u[:, None], flow.u0[:, None], network.formation, network.choices, step)
        self._flow = flow
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
        layout, own = self._flow.network.layout, self._flow.parts.own
        found: dict[str, Any] = {}
        if not operation.gradient_step:
            found["step"] = None
        if operation.learned_map:
            assert self._learned is not None
            places = tuple(self._maps[layout.map_index[edge, name]] for edge in edges)
            found["learned"] = self._take(self._learned, places)
        if operation.noise:
            assert self._flow.noise is not None
            found["noise"] = self._take(self._flow.noise, tuple(layout.noise_index[edge, name] for edge in edges))
        if operation.weights:
            parts = [own[:, layout.own_index[edge, name]] for edge in edges]
            found["weights"] = torch.stack(parts, dim=1).view(len(own), len(edges), *operation.weights)
        return self._given._replace(**found)

    def _take(self, tensor: Float[Tensor, "T K B N"], places: tuple[int, ...]) -> Float[Tensor, "T E B N"]:
        """These entries of the second axis, without a copy where they are evenly spaced."""
        gap = max(1, places[1] - places[0]) if len(places) > 1 else 1
        if places == tuple(range(places[0], places[0] + gap * len(places), gap)):
            return tensor[:, places[0] : places[-1] + 1 : gap]
        return tensor.index_select(1, self._flow.network.index(places))
