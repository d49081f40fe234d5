"""A network's forward pass on the CPU as one torch.autograd.Function over the numba passes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from spaces.inverse_1d.cell import CellNetwork, edge_index
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Network
from spaces.inverse_1d.registries import LEARNABLE_GRADIENT, NET, NOISE, ROLL, ZERO
from spaces.inverse_1d.sequential import SequentialNetwork
from workers.kernels import Direct, passes, signals
from workers.kernels.cache import compile_kernels
from workers.kernels.normalisation import TAPS

Array = np.ndarray[Any, np.dtype[np.float32]]

#: Operations the passes know, in the order of the edge table's columns.
OPERATIONS = (LEARNABLE_GRADIENT, NET, ROLL, NOISE)

#: Places among the arguments of the passes.
WEIGHTS, MIX = 3, 4

#: Networks the passes know, exactly: a subclass may do anything.
NETWORKS = (SequentialNetwork, CellNetwork)


def obstacle(network: Network) -> str | None:
    """Why the fused passes cannot compute this network; None if they can."""
    layout, formation = network.layout, network.formation
    unknown = [name for names in layout.edges for name in names if name not in (*OPERATIONS, ZERO)]
    if type(network) not in NETWORKS:
        return f"they do not know the network {type(network).__name__}"
    if unknown:
        return f"they do not know the operation {min(unknown)}"
    if formation.bandwidth > signals.PAD:
        return (
            f"A'A of the data formation {formation.name} reaches {formation.bandwidth} positions off the diagonal, "
            f"and they serve {signals.PAD} at most"
        )
    if layout.merge_kernel_size // 2 > signals.PAD:
        return f"they serve a merge_kernel_size of {2 * signals.PAD + 1} at most, not {layout.merge_kernel_size}"
    if formation.normal_matrix.dtype != torch.float32:
        return f"they compute in float32, not in {formation.normal_matrix.dtype}"
    return None


class Compiled(NamedTuple):
    """The functions of :mod:`workers.kernels.passes`."""

    forward: Callable[..., None]
    backward: Callable[..., None]
    errors: Callable[..., None]


@functools.cache
def compiled() -> Compiled:
    """The passes; compiled, or loaded from disk, on the first call."""
    return Compiled(*compile_kernels(passes.SIGNATURES))


class Graph:
    """A network as the tables that the passes read.

    Attributes:
        edges: See the columns in :mod:`workers.kernels.passes`.
        merges: For each state, the merging convolution that makes it, or -1.
    """

    def __init__(self, network: Network) -> None:
        layout = network.layout
        ends: list[tuple[int, int]]
        if isinstance(network, CellNetwork):
            size = network.cell_states + 1
            ends = [(0, 0)] * len(layout.edges)
            for cell in range(layout.merges):
                for target in range(1, size):
                    for source in range(target):
                        edge = cell * network.cell_size + edge_index(source, target)
                        ends[edge] = (cell * size + source, cell * size + target)
            merges = [-1] * (layout.merges * size + 1)
            for cell in range(layout.merges):
                merges[(cell + 1) * size] = cell
        else:
            ends = [(layer, layer + 1) for layer in range(len(layout.edges))]
            merges = [-1] * (len(layout.edges) + 1)
        rows = []
        for edge, names in enumerate(layout.edges):
            maps = [layout.map_index.get((edge, name), -1) for name in (LEARNABLE_GRADIENT, NET)]
            columns = [names.index(name) if name in names else -1 for name in OPERATIONS]
            slot = layout.noise_index.get((edge, NOISE), -1)
            if max(columns) >= 0:
                rows.append([*ends[edge], edge, *maps, *columns, slot])
        rows.sort()
        self.edges = np.array(rows, dtype=np.int64).reshape(-1, passes.SLOT + 1)
        self.merges = np.array(merges, dtype=np.int64)


class Workspace:
    """What a forward pass keeps for its backward pass, and scratch; reused from step to step."""

    def __init__(self, graph: Graph, maps: int, channels: int, samples: int, positions: int) -> None:
        blocks = -(-samples // signals.LANES)
        shape = (len(graph.merges), blocks, (positions + 2 * signals.PAD) * signals.LANES)
        self.states = np.zeros(shape, np.float32)
        self.steps = np.zeros(shape, np.float32)
        self.grads = np.zeros(shape, np.float32)
        self.moments = np.zeros((shape[0], 9))
        self.taps = np.zeros((maps * channels, TAPS), np.float32)
        self.sums = np.zeros((maps * channels, TAPS), np.float32)


def banded(matrix: Array) -> Array:
    """The diagonals of a matrix within PAD of the main one, as the passes read them: [N, 2 PAD + 1]."""
    band = np.zeros((len(matrix), 2 * signals.PAD + 1), np.float32)
    for offset in range(-signals.PAD, signals.PAD + 1):
        diagonal = matrix.diagonal(offset)
        start = max(0, -offset)
        band[start : start + len(diagonal), offset + signals.PAD] = diagonal
    return band


class ForwardPass(NamedTuple):
    """A forward pass of one trial, for its backward pass.

    Attributes:
        arguments: What both passes take.
        workspace: Written by the forward pass, part of the arguments.
        samples: Its batch size.
    """

    arguments: tuple[Any, ...]
    workspace: Workspace
    samples: int


class FusedForward(Direct):
    """Callable as ``Network.forward``, for float32 tensors on the CPU; several trials one after the other."""

    def __init__(self, network: Network) -> None:
        layout, choices, formation = network.layout, network.choices, network.formation
        self._graph = Graph(network)
        self._maps, self._channels = len(layout.maps), layout.channels
        self._merge_kernel_size = layout.merge_kernel_size
        self._adjoint = formation.matrix.T
        operator = torch.eye(len(formation.normal_matrix)) - choices.tau * formation.normal_matrix
        self.band = banded(operator.numpy())
        self._scalars = (np.float32(choices.tau), np.float32(choices.layer_noise_sigma), int(choices.roll_batch))
        self._residual = choices.residual and isinstance(network, SequentialNetwork)
        self._ones = np.ones((len(layout.edges), 1), np.float32)
        self._silence = np.zeros((0, len(operator), 1), np.float32)
        self._free: dict[int, list[Workspace]] = {}

    def __call__(
        self,
        weights: Float32[Tensor, "T P"],
        buffers: Buffers,
        mix: Float32[Tensor, "T E O"] | None,
        y: Float32[Tensor, "T B n"],
        noise: Float32[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> Float32[Tensor, "T B N"]:
        """See :meth:`spaces.inverse_1d.network.Network.forward`."""
        differentiated = weights.requires_grad or (mix is not None and mix.requires_grad)
        if differentiated and torch.is_grad_enabled():
            x_hat: Tensor = _Pass.apply(weights, mix, self, buffers, y, noise, training)  # type: ignore[no-untyped-call]
            return x_hat
        x_hat, runs = self.run(weights, mix, buffers, y, noise, training)
        self.give_back(runs)
        return x_hat

    def run(
        self,
        weights: Float32[Tensor, "T P"],
        mix: Float32[Tensor, "T E O"] | None,
        buffers: Buffers,
        y: Float32[Tensor, "T B n"],
        noise: Float32[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> tuple[Float32[Tensor, "T B N"], list[ForwardPass]]:
        """x_hat, and of each trial what its backward pass takes."""
        forward = compiled().forward
        x_hat = torch.empty(len(y), len(self.band), y.shape[1])
        weights, mix = weights.detach().contiguous(), None if mix is None else mix.detach().contiguous()
        noise = None if noise is None else noise.transpose(2, 3).contiguous()
        runs = []
        for trial in range(len(y)):
            u0 = torch.mm(self._adjoint, y[trial].T)  # [N, B]
            workspace = self._take(u0.shape[1])
            run = ForwardPass(
                (
                    self._graph.edges,
                    self._graph.merges,
                    self._merge_kernel_size,
                    weights[trial].numpy(),
                    self._ones if mix is None else mix[trial].numpy(),
                    self._silence if noise is None else noise[trial].numpy(),
                    self.band,
                    *self._scalars,
                    buffers.running_mean[trial].numpy(),
                    buffers.running_var[trial].numpy(),
                    training,
                    workspace.states,
                    workspace.steps,
                    workspace.moments,
                    workspace.taps,
                ),
                workspace,
                u0.shape[1],
            )
            forward(*run.arguments, u0.numpy(), self._residual, x_hat[trial].numpy())
            runs.append(run)
        return x_hat.transpose(1, 2), runs

    def errors_and_gradient(
        self,
        weights: Float32[Tensor, "T P"],
        buffers: Buffers,
        mix: Float32[Tensor, "T E O"] | None,
        x: Float32[Tensor, "T B N"],
        y: Float32[Tensor, "T B n"],
        noise: Float32[Tensor, "T E_noise B N"] | None,
        scale: float,
        to_mix: bool,
    ) -> tuple[Float32[Tensor, "T B"], Float32[Tensor, "T P"] | Float32[Tensor, "T E O"]]:
        """See :meth:`Direct.errors_and_gradient`."""
        errors, of_weights, of_mix = self._training_pass(
            (weights, mix, buffers, y, noise, True), x, scale, (not to_mix, to_mix)
        )
        return errors, of_mix if to_mix else of_weights

    def errors_and_gradients(
        self,
        weights: Float32[Tensor, "T P"],
        buffers: Buffers,
        mix: Float32[Tensor, "T E O"] | None,
        x: Float32[Tensor, "T B N"],
        y: Float32[Tensor, "T B n"],
        noise: Float32[Tensor, "T E_noise B N"] | None,
        scale: float,
    ) -> tuple[Float32[Tensor, "T B"], Float32[Tensor, "T P"], Float32[Tensor, "T E O"]]:
        """See :meth:`Direct.errors_and_gradients`."""
        return self._training_pass((weights, mix, buffers, y, noise, True), x, scale, (True, True))

    def _training_pass(
        self, inputs: tuple[Any, ...], x: Float32[Tensor, "T B N"], scale: float, wanted: tuple[bool, bool]
    ) -> tuple[Float32[Tensor, "T B"], Float32[Tensor, "T P"], Float32[Tensor, "T E O"]]:
        """Errors, and the gradients of weights and mix; those that are not wanted hold nothing."""
        x_hat, runs = self.run(*inputs)
        trials, samples, positions = x.shape
        errors, grad = torch.empty(trials, samples), torch.empty(trials, positions, samples)
        factor = 2 * scale / (samples * positions)
        compiled().errors(
            x_hat.transpose(1, 2).numpy(), x.transpose(1, 2).contiguous().numpy(), factor, errors.numpy(), grad.numpy()
        )
        return errors, *self.backward(runs, grad, *wanted)

    def backward(
        self, runs: list[ForwardPass], grad: Float32[Tensor, "T N B"], to_weights: bool, to_mix: bool
    ) -> tuple[Float32[Tensor, "T P"], Float32[Tensor, "T E O"]]:
        """The gradients of the weights and of the mix, where asked; grad is dL/dx_hat."""
        arguments = runs[0].arguments
        grad_weights = torch.empty(len(runs), len(arguments[WEIGHTS]))
        grad_mix = torch.empty(len(runs), *arguments[MIX].shape)
        for trial, run in enumerate(runs):
            compiled().backward(
                *run.arguments,
                grad[trial].numpy(),
                run.workspace.grads,
                run.workspace.sums,
                to_weights,
                to_mix,
                grad_weights[trial].numpy(),
                grad_mix[trial].numpy(),
            )
        self.give_back(runs)
        return grad_weights, grad_mix

    def _take(self, samples: int) -> Workspace:
        """A workspace of that batch size."""
        free = self._free.setdefault(samples, [])
        return free.pop() if free else Workspace(self._graph, self._maps, self._channels, samples, len(self.band))

    def give_back(self, runs: list[ForwardPass]) -> None:
        """Offers their workspaces to the next passes."""
        for run in runs:
            self._free[run.samples].append(run.workspace)


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        weights: Float32[Tensor, "T P"],
        mix: Float32[Tensor, "T E O"] | None,
        fused: FusedForward,
        buffers: Buffers,
        y: Float32[Tensor, "T B n"],
        noise: Float32[Tensor, "T E_noise B N"] | None,
        training: bool,
    ) -> Float32[Tensor, "T B N"]:
        x_hat, ctx.runs = fused.run(weights, mix, buffers, y, noise, training)
        ctx.fused = fused
        # Not for their values: autograd then notices when they were changed before the backward pass.
        ctx.save_for_backward(weights, mix, noise)
        return x_hat

    @staticmethod
    def backward(ctx: Any, grad: Float32[Tensor, "T B N"]) -> tuple[Tensor | None, ...]:
        ctx.saved_tensors  # noqa: B018 - raises where one was changed
        to_weights, to_mix = ctx.needs_input_grad[:2]
        grad_weights, grad_mix = ctx.fused.backward(ctx.runs, grad.transpose(1, 2).contiguous(), to_weights, to_mix)
        return grad_weights if to_weights else None, grad_mix if to_mix else None, *[None] * 5
