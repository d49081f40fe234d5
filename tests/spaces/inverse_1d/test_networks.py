"""Networks against a slow, obvious implementation: one nn.Module an operation, A made entry by entry."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation, data_formation
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Network
from spaces.inverse_1d.networks import discrete_network, relaxed_network, shared_network
from spaces.inverse_1d.registries import OPERATION_SETS, candidate_operations, edge_count

SAMPLES = 5
CHOICES = Choices(channels=3, tau=0.3, layer_noise_sigma=0.2, merge_kernel_size=3)


def slow_matrix(data: str) -> Tensor:
    """A, entry by entry: seven Gaussian taps of width 0.2 on the axis, and every fourth row of that."""
    spacing, matrix = math.pi / 49, torch.zeros(50, 50, dtype=torch.float64)
    weights = [math.exp(-((offset * spacing / 0.2) ** 2) / 2) for offset in range(-3, 4)]
    for n in range(50):
        for offset in range(-3, 4):
            if 0 <= n + offset < 50:
                matrix[n, n + offset] = weights[offset + 3] / sum(weights)
    return matrix if data == "blur" else matrix[::4]


class SlowMap(nn.Module):
    """n(u): convolution, batch norm, ReLU, convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, channels, 3, padding=1, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, 1, 3, padding=1),
        )

    def forward(self, u: Tensor) -> Tensor:
        """[B, 50] -> [B, 50]."""
        return self.layers(u[:, None])[:, 0]


class SlowNetwork(nn.Module):
    """One trial of either space; every edge has its operations' names, every learned one its own map."""

    def __init__(self, space: str, edges: tuple[tuple[str, ...], ...], data: str, choices: Choices) -> None:
        super().__init__()
        self.space, self.edges, self.choices = space, edges, choices
        self.register_buffer("matrix", slow_matrix(data))
        names = [
            (edge, name) for edge, ops in enumerate(edges) for name in ops if name in ("learnable-gradient", "net")
        ]
        self.maps = nn.ModuleDict({f"{edge} {name}": SlowMap(choices.channels) for edge, name in names})
        width = choices.merge_kernel_size
        count = 2 if space == "cell" else 0
        self.merges = nn.ModuleList(nn.Conv1d(2, 1, width, padding=width // 2) for _ in range(count))

    def load(self, network: Network, weights: Tensor, buffers: Buffers) -> None:
        """Takes one trial's weights [P] and buffers [M, C]."""
        parts = network.layout.views(weights[None])
        with torch.no_grad():
            for index, module in enumerate(self.maps.values()):
                conv1, norm, _, conv2 = module.layers
                conv1.weight.copy_(parts.conv1[0, index][:, None])
                norm.weight.copy_(parts.gamma[0, index])
                norm.bias.copy_(parts.beta[0, index])
                norm.running_mean.copy_(buffers.running_mean[index])
                norm.running_var.copy_(buffers.running_var[index])
                conv2.weight.copy_(parts.conv2[0, index][None])
                conv2.bias.copy_(parts.bias[0, index])
            for cell, merge in enumerate(self.merges):
                merge.weight.copy_(parts.merge_weight[0, cell][None])
                merge.bias.copy_(parts.merge_bias[0, cell])

    def gradients(self) -> Tensor:
        """The gradients in the order of the flat weights, [P]."""
        maps = list(self.maps.values())
        parts = [
            *(map_.layers[0].weight.grad for map_ in maps),
            *(map_.layers[1].weight.grad for map_ in maps),
            *(map_.layers[1].bias.grad for map_ in maps),
            *(map_.layers[3].weight.grad for map_ in maps),
            *(map_.layers[3].bias.grad for map_ in maps),
            *(merge.weight.grad for merge in self.merges),
            *(merge.bias.grad for merge in self.merges),
        ]
        return torch.cat([part.flatten() for part in parts])

    def operation(self, name: str, edge: int, u: Tensor, y: Tensor, noise: Iterator[Tensor]) -> Tensor:
        """One operation of section 4.3 on u [B, 50]."""
        if name == "zero":
            return 0 * u
        if name == "net":
            return self.maps[f"{edge} net"](u)
        if name == "roll":
            return torch.roll(torch.roll(u, 1, 0) if self.choices.roll_batch else u, 1, 1)
        step = u - self.choices.tau * ((u @ self.matrix.T - y) @ self.matrix)
        if name == "noise":
            return step + self.choices.layer_noise_sigma * next(noise)
        return step - self.choices.tau * self.maps[f"{edge} learnable-gradient"](u)

    def edge(self, edge: int, u: Tensor, mix: Tensor | None, y: Tensor, noise: list[Tensor]) -> Tensor:
        """The (mix of) operations of an edge."""
        noise_edges = [index for index, ops in enumerate(self.edges) if "noise" in ops]
        drawn = iter([noise[noise_edges.index(edge)]] if edge in noise_edges else [])
        values = [self.operation(name, edge, u, y, drawn) for name in self.edges[edge]]
        if mix is None:
            return values[0]
        return sum(weight * value for weight, value in zip(mix[edge], values, strict=True))

    def forward(self, y: Tensor, mix: Tensor | None, noise: list[Tensor]) -> Tensor:
        """y [B, n] -> x_hat [B, 50]."""
        u0 = y @ self.matrix
        u = u0
        if self.space == "sequential":
            for layer in range(10):
                u = self.edge(layer, u, mix, y, noise)
            return u0 + u if self.choices.residual else u
        for cell in range(2):
            states = [u]
            edge = 15 * cell
            for _ in range(5):
                total = torch.zeros_like(u0)
                for state in states:
                    total = total + self.edge(edge, state, mix, y, noise)
                    edge += 1
                states.append(total)
            u = self.merges[cell](torch.stack(states[-2:], dim=1))[:, 0]
        return u


def generator(seed: int) -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(seed)


def inputs(network: Network, trials: int, seed: int) -> tuple[Tensor, Buffers, Tensor, Tensor | None]:
    """Random weights, buffers, measurements and noise in float64, batch norm's parts included."""
    layout, random = network.layout, generator(seed)
    weights = torch.randn(trials, layout.size, generator=random, dtype=torch.float64) * 0.5
    shape = (trials, len(layout.maps), layout.channels)
    buffers = Buffers(
        torch.randn(shape, generator=random, dtype=torch.float64),
        torch.rand(shape, generator=random, dtype=torch.float64) + 0.5,
    )
    measurements = network.formation.matrix.shape[0]
    y = torch.randn(trials, SAMPLES, measurements, generator=random, dtype=torch.float64)
    noise = None
    if layout.noise_index:
        noise = torch.randn(trials, len(layout.noise_index), SAMPLES, 50, generator=random, dtype=torch.float64)
    return weights, buffers, y, noise


def double(data: str, choices: Choices) -> DataFormation:
    """A data formation in float64."""
    formation = data_formation(data, choices)
    matrix = slow_matrix(data)
    return DataFormation(data, matrix, matrix.T @ matrix, formation.noise_sigma)


def random_architecture(space: str, operations: str, seed: int) -> Architecture:
    """A random architecture."""
    import random

    return Architecture.random(space, operations, random.Random(seed))


def compare(network: Network, space: str, data: str, choices: Choices, mix: Tensor | None, training: bool) -> None:
    """Checks output, running statistics and every gradient, trial by trial, against the slow network."""
    trials = 2
    weights, buffers, y, noise = inputs(network, trials, seed=11)
    before = Buffers(buffers.running_mean.clone(), buffers.running_var.clone())
    weights.requires_grad_()
    if mix is not None:
        mix = mix.double().requires_grad_()
    x_hat = network.forward(weights, buffers, mix, y, noise, training)
    target = torch.randn(x_hat.shape, generator=generator(12), dtype=torch.float64)
    (x_hat * target).sum().backward()
    for trial in range(trials):
        slow = SlowNetwork(space, network.layout.edges, data, choices).double().train(training)
        slow.load(network, weights[trial].detach(), Buffers(before.running_mean[trial], before.running_var[trial]))
        slow_mix = None if mix is None else mix[trial].detach().clone().requires_grad_()
        expected = slow(y[trial], slow_mix, [] if noise is None else list(noise[trial]))
        (expected * target[trial]).sum().backward()
        torch.testing.assert_close(x_hat[trial], expected, rtol=1e-7, atol=1e-7)
        assert weights.grad is not None
        torch.testing.assert_close(weights.grad[trial], slow.gradients(), rtol=1e-6, atol=1e-6)
        if mix is not None:
            assert mix.grad is not None
            assert slow_mix is not None
            torch.testing.assert_close(mix.grad[trial], slow_mix.grad, rtol=1e-6, atol=1e-6)
        for index, module in enumerate(slow.maps.values()):
            norm = module.layers[1]
            torch.testing.assert_close(buffers.running_mean[trial, index], norm.running_mean)
            torch.testing.assert_close(buffers.running_var[trial, index], norm.running_var)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("data", ["blur", "downsampling"])
@pytest.mark.parametrize("operations", ["good", "all"])
@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_relaxed_network(space: str, operations: str, data: str, training: bool) -> None:
    """Output, gradients and running statistics of the relaxed network are those of the slow one."""
    network = relaxed_network(space, operations, double(data, CHOICES), CHOICES)
    edges, candidates = len(network.layout.edges), len(network.layout.edges[0])
    mix = torch.randn(2, edges, candidates, generator=generator(3)).softmax(dim=2)
    compare(network, space, data, CHOICES, mix, training)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_discrete_network(space: str, seed: int, training: bool) -> None:
    """The discrete network of a random architecture is the slow one."""
    choices = Choices(channels=2, residual=seed != 1, roll_batch=seed != 2)
    network = discrete_network(random_architecture(space, "all", seed), double("blur", choices), choices)
    compare(network, space, "blur", choices, None, training)


@pytest.mark.parametrize("space", ["sequential", "cell"])
def test_one_hot_mix_is_the_discrete_network(space: str) -> None:
    """A shared network under a one-hot mix computes a different architecture for each trial."""
    formation = double("blur", CHOICES)
    shared = shared_network(space, "all", formation, CHOICES)
    weights, buffers, y, noise = inputs(shared, 2, seed=5)
    candidates = candidate_operations(space, "all")
    architectures = [random_architecture(space, "all", seed) for seed in (1, 2)]
    chosen = [[candidates.index(name) for name in one.operations] for one in architectures]
    mix = nn.functional.one_hot(torch.tensor(chosen), len(candidates)).double()
    together = shared.forward(weights, buffers, mix, y, noise, False)
    for trial, architecture in enumerate(architectures):
        alone = discrete_network(architecture, formation, CHOICES)
        places = [edge for edge, _ in alone.layout.maps]
        whole = shared.layout.views(weights[trial : trial + 1])
        flat = torch.cat([part[:, places].flatten() for part in whole[:5]] + [part.flatten() for part in whole[5:]])
        own = Buffers(*(buffer[trial : trial + 1, places] for buffer in buffers))
        assert noise is not None
        drawn = noise[trial : trial + 1, [shared.layout.noise_index[each] for each in alone.layout.noise_index]]
        expected = alone.forward(flat[None], own, None, y[trial : trial + 1], drawn, False)
        torch.testing.assert_close(together[trial], expected[0])


def test_all_zero_cells_do_not_crash() -> None:
    """With nothing but zeros, what comes out is the second merge's bias."""
    architecture = Architecture.uniform("cell", "zero")
    network = discrete_network(architecture, data_formation("blur", CHOICES), CHOICES)
    assert network.layout.maps == ()
    weights = torch.randn(1, network.layout.size, generator=generator(0), requires_grad=True)
    buffers = network.layout.initial_buffers(1)
    y = torch.randn(1, SAMPLES, 50, generator=generator(1))
    x_hat = network.forward(weights, buffers, None, y, None, True)
    bias = network.layout.views(weights).merge_bias
    torch.testing.assert_close(x_hat, bias[0, 1].expand(1, SAMPLES, 50))
    x_hat.sum().backward()
    assert weights.grad is not None
    assert bool(weights.grad.isfinite().all())


@pytest.mark.parametrize("space", ["sequential", "cell"])
@pytest.mark.parametrize("operation", ["learnable-gradient", "net", "roll", "noise"])
def test_parameters_counted(space: str, operation: str) -> None:
    """P counts what the slow network's modules hold."""
    architecture = Architecture.uniform(space, operation)
    network = discrete_network(architecture, data_formation("blur"), Choices())
    slow = SlowNetwork(space, network.layout.edges, "blur", Choices())
    assert network.layout.size == sum(parameter.numel() for parameter in slow.parameters())


def test_initial_weights_are_torchs_defaults() -> None:
    """Each part is drawn uniformly within the bound of nn.Conv1d; batch norm starts at 1 and 0."""
    network = relaxed_network("cell", "good", data_formation("blur"), Choices(channels=8))
    parts = network.layout.views(network.layout.initial_weights([generator(seed) for seed in range(40)]))
    reference = SlowMap(8)
    bounds = {"conv1": 3**-0.5, "conv2": 24**-0.5, "bias": 24**-0.5, "merge_weight": 2**-0.5, "merge_bias": 2**-0.5}
    for name, bound in bounds.items():
        values = getattr(parts, name)
        assert float(values.abs().max()) <= bound
        assert float(values.abs().max()) > 0.9 * bound
        assert abs(float(values.std()) - bound / 3**0.5) < 0.15 * bound
    for module, bound in ((reference.layers[0], bounds["conv1"]), (reference.layers[3], bounds["conv2"])):
        assert 0.7 * bound < float(module.weight.detach().abs().max()) <= bound
    assert bool((parts.gamma == 1).all())
    assert bool((parts.beta == 0).all())


def test_initial_weights_of_a_trial_are_its_own() -> None:
    """A trial's weights depend on its generator only."""
    layout = relaxed_network("sequential", "good", data_formation("blur"), Choices()).layout
    both = layout.initial_weights([generator(1), generator(2)])
    assert torch.equal(both[1:], layout.initial_weights([generator(2)]))


@pytest.mark.parametrize("space", ["sequential", "cell"])
@pytest.mark.parametrize("operations", list(OPERATION_SETS))
def test_layout_orders_maps_by_edge(space: str, operations: str) -> None:
    """Maps are edge-major, learnable-gradient before net; every edge may be noisy under all operations."""
    layout = relaxed_network(space, operations, data_formation("blur"), Choices()).layout
    edges = edge_count(space)
    expected = [(edge, name) for edge in range(edges) for name in ("learnable-gradient", "net")]
    assert list(layout.maps) == expected
    assert [layout.map_index[entry] for entry in expected] == list(range(len(expected)))
    assert len(layout.noise_index) == (edges if operations == "all" else 0)
    assert layout.merges == (2 if space == "cell" else 0)


def test_a_diverged_trial_does_not_disturb_its_neighbour() -> None:
    """NaN weights in one trial leave the other's output as it was."""
    network = relaxed_network("sequential", "all", double("blur", CHOICES), CHOICES)
    weights, buffers, y, noise = inputs(network, 2, seed=1)
    mix = torch.full((2, 10, 4), 0.25, dtype=torch.float64)
    sound = network.forward(weights, buffers, mix, y, noise, False)
    weights[0] = float("nan")
    broken = network.forward(weights, buffers, mix, y, noise, False)
    assert bool(broken[0].isnan().all())
    assert torch.equal(broken[1], sound[1])
