# ruff: noqa: D102 - forward says what the class says
"""The supernet as one would first write it in PyTorch: a module for each operation, torch.optim, autograd for all.

What the kernels are measured against. It computes what ``spaces`` computes (section 4 of the paper), eagerly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from spaces.inverse_1d.architecture import Architecture, cell_states
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.registries import LEARNABLE_GRADIENT, NET, NOISE, ROLL, ZERO, edge_count
from spaces.inverse_1d.registries import candidate_operations as candidates_of


def learned_map(channels: int) -> nn.Module:
    """The learned map n(u), on [B, 1, N]."""
    return nn.Sequential(
        nn.Conv1d(1, channels, 3, padding=1, bias=False),
        nn.BatchNorm1d(channels),
        nn.ReLU(),
        nn.Conv1d(channels, 1, 3, padding=1),
    )


class Gradient(nn.Module):
    """u - tau A'(A u - y)."""

    def __init__(self, matrix: Tensor, tau: float) -> None:
        super().__init__()
        self.matrix, self.tau = matrix, tau

    def forward(self, u: Tensor, y: Tensor) -> Tensor:
        return u - self.tau * (u @ self.matrix.T - y) @ self.matrix


class LearnableGradient(nn.Module):
    """The gradient step with a learned map."""

    def __init__(self, matrix: Tensor, choices: Choices) -> None:
        super().__init__()
        self.step, self.learned, self.tau = Gradient(matrix, choices.tau), learned_map(choices.channels), choices.tau

    def forward(self, u: Tensor, y: Tensor) -> Tensor:
        return self.step(u, y) - self.tau * self.learned(u)


class Net(nn.Module):
    """A learned map alone."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.learned = learned_map(choices.channels)

    def forward(self, u: Tensor, y: Tensor) -> Tensor:
        return self.learned(u)


class Roll(nn.Module):
    """A shift by one in position, and in the batch."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.dims = (0, 2) if choices.roll_batch else (2,)

    def forward(self, u: Tensor, y: Tensor) -> Tensor:
        return torch.roll(u, (1,) * len(self.dims), dims=self.dims)


class Noise(nn.Module):
    """The gradient step with noise."""

    def __init__(self, matrix: Tensor, choices: Choices) -> None:
        super().__init__()
        self.step, self.sigma = Gradient(matrix, choices.tau), choices.layer_noise_sigma

    def forward(self, u: Tensor, y: Tensor) -> Tensor:
        return self.step(u, y) + self.sigma * torch.randn_like(u)


class Zero(nn.Module):
    """Nothing."""

    def forward(self, u: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(u)


def operation(name: str, matrix: Tensor, choices: Choices) -> nn.Module:
    """A module of the operation of that name."""
    makers = {
        LEARNABLE_GRADIENT: lambda: LearnableGradient(matrix, choices),
        NET: lambda: Net(choices),
        ROLL: lambda: Roll(choices),
        NOISE: lambda: Noise(matrix, choices),
        ZERO: Zero,
    }
    return makers[name]()


class Mixed(nn.Module):
    """Candidate operations, mixed by a row of softmax(alpha), or one operation."""

    def __init__(self, names: tuple[str, ...], matrix: Tensor, choices: Choices) -> None:
        super().__init__()
        self.operations = nn.ModuleList([operation(name, matrix, choices) for name in names])

    def forward(self, u: Tensor, y: Tensor, mix: Tensor | None) -> Tensor:
        if mix is None:
            return self.operations[0](u, y)
        return sum(weight * op(u, y) for weight, op in zip(mix, self.operations, strict=True))


class PlainNetwork(nn.Module):
    """A relaxed network, or the discrete one of an architecture."""

    def __init__(self, space: str, operations: str, formation: DataFormation, choices: Choices) -> None:
        super().__init__()
        self.space, self.matrix, self.residual = space, formation.matrix, choices.residual
        self.discrete = ":" in operations
        if self.discrete:
            names = [(name,) for name in Architecture.parse(operations).operations]
        else:
            names = [candidates_of(space, operations)] * edge_count(space)
        self.edges = nn.ModuleList([Mixed(each, self.matrix, choices) for each in names])
        self.alpha = nn.Parameter(1e-3 * torch.randn(len(names), len(names[0])))
        self.merges = nn.ModuleList([nn.Conv1d(2, 1, choices.merge_kernel_size) for _ in range(2)])

    def weights(self) -> list[nn.Parameter]:
        """All parameters but alpha."""
        return [value for name, value in self.named_parameters() if name != "alpha"]

    def forward(self, y: Tensor) -> Tensor:
        y = y[:, None]
        u = u0 = y @ self.matrix
        mixes = [None] * len(self.edges) if self.discrete else list(self.alpha.softmax(dim=1))
        if self.space == "sequential":
            for edge, mix in zip(self.edges, mixes, strict=True):
                u = edge(u, y, mix)
            return (u + u0 if self.residual else u)[:, 0]
        places = iter(range(len(self.edges)))
        for merge in self.merges:
            states = [u]
            for _ in range(cell_states(len(self.edges) // len(self.merges))):
                states.append(sum(self.edges[e](state, y, mixes[e]) for state, e in zip(states, places, strict=False)))
            u = merge(torch.cat(states[-2:], dim=1))
        return u[:, 0]


class PlainTraining:
    """The usual loop: an optimiser for alpha, one for the weights, ``loss.backward()``."""

    def __init__(self, space: str, operations: str, formation: DataFormation, choices: Choices) -> None:
        self.network = PlainNetwork(space, operations, formation, choices)
        self.formation, self.choices = formation, choices
        self.weight_optimizer = torch.optim.Adam(self.network.weights(), lr=1e-3, weight_decay=1e-8)
        self.alpha_optimizer = torch.optim.SGD([self.network.alpha], lr=1e-3, weight_decay=1e-3)
        self.omega = torch.linspace(-math.pi / 2, math.pi / 2, 50)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Fresh samples."""
        samples = self.choices.batch_size
        f, shift, offset = 2 * math.pi * torch.rand(samples, 1), torch.randn(samples, 1), torch.randn(samples, 1)
        x = torch.cos(f * self.omega + shift) + offset
        y = self.formation.A(x)
        return x, y + self.choices.noise_sigma * torch.randn_like(y)

    def step(self, optimizer: torch.optim.Optimizer) -> float:
        """One step of either optimiser."""
        x, y = self.batch()
        optimizer.zero_grad()
        loss = 0.5 * nn.functional.mse_loss(self.network(y), x)
        loss.backward()
        optimizer.step()
        return loss.item()

    def das_step(self) -> None:
        """One step of alpha, one of the weights."""
        self.step(self.alpha_optimizer)
        self.step(self.weight_optimizer)

    def retraining_step(self) -> None:
        """One step of the weights."""
        self.step(self.weight_optimizer)
