"""The operations at their edges; tests/spaces/test_networks.py compares whole networks."""

import pytest
import torch
from torch import Tensor, nn

from spaces.inverse_1d.operations import EPSILON, MOMENTUM, MapWeights, learned_maps, neighbours, roll


def reference(u: Tensor, parts: dict[str, Tensor]) -> tuple[Tensor, nn.BatchNorm1d]:
    """One map of one trial as torch's modules, in float64 and training mode."""
    channels = len(parts["gamma"])
    norm = nn.BatchNorm1d(channels).double()
    with torch.no_grad():
        norm.weight.copy_(parts["gamma"])
        norm.bias.copy_(parts["beta"])
    hidden = torch.relu(norm(nn.functional.conv1d(u.double()[:, None], parts["conv1"].double()[:, None], padding=1)))
    out = nn.functional.conv1d(hidden, parts["conv2"].double()[None], parts["bias"].double()[None], padding=1)
    return out[:, 0].detach(), norm


def random_parts(seed: int, channels: int) -> dict[str, Tensor]:
    """Weights of one map."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {"conv1": (channels, 3), "gamma": (channels,), "beta": (channels,), "conv2": (channels, 3), "bias": ()}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.parametrize("offset", [0.0, 30.0, 1e3], ids=["centred", "offset", "far"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4], ids=["small", "unit", "large"])
def test_statistics_survive_size_and_offset(size: float, offset: float) -> None:
    """In float32, mean and variance by the covariance of neighbours are batch norm's over many sizes of signal."""
    u = size * (torch.randn(16, 50, generator=torch.Generator().manual_seed(1)) + offset)
    parts = random_parts(2, 5)
    arguments = [part[None, None] for part in parts.values()]
    running = [torch.zeros(1, 1, 5), torch.ones(1, 1, 5)]
    out, mean, variance = learned_maps(u[None], MapWeights(*arguments), *running, True)
    expected, norm = reference(u, parts)
    # With an offset, zero padding makes two positions outliers, and rounding is relative to them.
    tolerance = 1e-4 * max(1.0, offset / 10)
    torch.testing.assert_close(out[0, 0].double(), expected, rtol=tolerance, atol=tolerance)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(MOMENTUM * mean[0, 0].double(), norm.running_mean, rtol=1e-4, atol=1e-4 * size)
    started = (norm.running_var - (1 - MOMENTUM)) / MOMENTUM
    torch.testing.assert_close(variance[0, 0].double(), started, rtol=1e-3, atol=1e-6)


def test_defaults_are_torchs() -> None:
    """Epsilon and momentum are BatchNorm1d's."""
    norm = nn.BatchNorm1d(1)
    assert (norm.eps, norm.momentum) == (EPSILON, MOMENTUM)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e18], ids=["zero", "one", "huge"])
def test_constant_signals_have_finite_maps_and_gradients(value: float) -> None:
    """A state without variance (all-zero inputs) or of absurd size gives finite numbers in both directions."""
    parts = [part[None, None].requires_grad_() for part in random_parts(3, 4).values()]
    u = torch.full((1, 8, 50), value, requires_grad=True)
    out, _, _ = learned_maps(u, MapWeights(*parts), torch.zeros(1, 1, 4), torch.ones(1, 1, 4), True)
    out.sum().backward()
    for tensor in (out, u.grad, *(part.grad for part in parts)):
        assert tensor is not None
        assert bool(tensor.isfinite().all())


def test_neighbours() -> None:
    """The triples at each position, zero outside the signal."""
    u = torch.arange(1.0, 7.0).view(1, 2, 3)
    expected = [[0, 1, 2], [1, 2, 3], [2, 3, 0], [0, 4, 5], [4, 5, 6], [5, 6, 0]]
    assert neighbours(u).tolist() == [expected]


def test_roll() -> None:
    """Positions wrap around; with the batch, so do samples; trials never do."""
    u = torch.arange(12.0).view(2, 2, 3)
    assert roll(u, batch=False).tolist() == [[[2, 0, 1], [5, 3, 4]], [[8, 6, 7], [11, 9, 10]]]
    assert roll(u, batch=True).tolist() == [[[5, 3, 4], [2, 0, 1]], [[11, 9, 10], [8, 6, 7]]]
