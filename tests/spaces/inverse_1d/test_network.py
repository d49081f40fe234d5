"""What edges that leave one state carry; whole networks are compared in test_networks.py."""

from __future__ import annotations

import torch

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.network import Pass
from spaces.inverse_1d.sequential import SequentialNetwork

NAMES = ("learnable-gradient", "net", "roll", "noise", "zero")
CHOICES = Choices(channels=2, tau=0.3, layer_noise_sigma=0.2)


def flow_of(edges: tuple[tuple[str, ...], ...], mix: torch.Tensor | None) -> tuple[Pass, torch.Tensor]:
    """A pass in training mode through a network of these edges, and a state."""
    layout = Layout(edges, CHOICES.channels)
    network = SequentialNetwork(layout, data_formation("blur", CHOICES), CHOICES)
    generator = torch.Generator().manual_seed(3)
    y, u = torch.randn(2, 1, 4, 50, generator=generator)
    noise = torch.randn(1, len(layout.noise_index), 4, 50, generator=generator)
    weights = layout.initial_weights([generator])
    return Pass(network, weights, layout.initial_buffers(1), mix, y, noise, True), u


def test_a_mix_is_the_weighted_sum_of_what_single_operations_carry() -> None:
    """Each edge carries its mixing weights times the operations, each of which alone is a one-hot mix."""
    edges = (NAMES,) * 3
    mix = torch.rand(1, 3, 5, generator=torch.Generator().manual_seed(4))
    flow, u = flow_of(edges, mix)
    mixed = flow.leave(u, (0, 2))
    expected = [torch.zeros_like(u), torch.zeros_like(u)]
    for place in range(5):
        alone, _ = flow_of(edges, torch.eye(5)[place].expand(1, 3, 5))
        for index, (edge, value) in enumerate(zip((0, 2), alone.leave(u, (0, 2)), strict=True)):
            assert value is not None
            expected[index] = expected[index] + mix[:, edge, place, None, None] * value
    for found, sum_ in zip(mixed, expected, strict=True):
        torch.testing.assert_close(found, sum_, rtol=1e-4, atol=1e-5)


def test_edges_of_a_discrete_network_carry_their_own_operation() -> None:
    """roll shifts the state, noise adds to the gradient step, zero carries nothing."""
    flow, u = flow_of((("roll",), ("zero",), ("noise",)), None)
    rolled, nothing, noisy = flow.leave(u, (0, 1, 2))
    matrix = flow.network.formation.matrix
    assert nothing is None
    torch.testing.assert_close(rolled, torch.roll(u, (1, 1), dims=(1, 2)))
    assert flow.noise is not None
    torch.testing.assert_close(noisy, u - 0.3 * (u @ matrix.T @ matrix - flow.u0) + 0.2 * flow.noise[:, 0])


def test_statistics_of_the_maps_that_are_used_are_updated_and_no_others() -> None:
    """Leaving an edge changes the running statistics of its learned map alone."""
    flow, u = flow_of((("net",), ("net",)), None)
    flow.leave(u, (1,))
    assert (flow.buffers.running_mean[:, 0] == 0).all()
    assert (flow.buffers.running_mean[:, 1] != 0).all()
