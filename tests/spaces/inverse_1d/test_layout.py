"""Where the weights of a network lie, and their first values."""

from __future__ import annotations

import pytest
import torch

from spaces.errors import UnknownNameError
from spaces.inverse_1d.layout import Layout

MIXED = (("learnable-gradient", "net", "noise"), ("roll",), ("net", "learnable-gradient"))


def test_parts_follow_each_other_without_gaps() -> None:
    """The views are of the shapes in the module's docstring, and end where the next begins."""
    layout = Layout(MIXED, channels=2, merges=1, merge_kernel_size=3)
    maps = [(0, "learnable-gradient"), (0, "net"), (2, "learnable-gradient"), (2, "net")]
    assert list(layout.maps) == maps
    assert layout.noise_index == {(0, "noise"): 0}
    sizes = {"conv1": 24, "gamma": 8, "beta": 8, "conv2": 24, "bias": 4, "merge_weight": 6, "merge_bias": 1, "own": 0}
    assert layout.size == sum(sizes.values())
    flat = torch.arange(2 * layout.size, dtype=torch.float32).view(2, -1)
    parts, start = layout.views(flat), 0
    for name, size in sizes.items():
        torch.testing.assert_close(getattr(parts, name).reshape(2, size), flat[:, start : start + size])
        start += size
    assert parts.conv1.shape == (2, 4, 2, 3)
    assert parts.merge_weight.shape == (2, 1, 2, 3)


def test_a_shared_map_serves_all_operations_of_an_edge() -> None:
    """With shared_maps an edge has one map, which its learned operations all use."""
    layout = Layout(MIXED, channels=2, shared_maps=True)
    assert layout.maps == ((0, "learnable-gradient"), (2, "learnable-gradient"))
    assert layout.map_index == {
        (0, "learnable-gradient"): 0,
        (0, "net"): 0,
        (2, "learnable-gradient"): 1,
        (2, "net"): 1,
    }


def test_first_values_are_torchs() -> None:
    """Uniform within 1 / sqrt(inputs * width), gamma 1 and beta 0; each trial draws from its own generator."""
    layout = Layout((("net",),) * 40, channels=4)
    drawn = layout.initial_weights([torch.Generator().manual_seed(seed) for seed in (1, 2)])
    parts = layout.views(drawn)
    convolution = torch.nn.Conv1d(4, 1, 3)
    bound = (4 * 3) ** -0.5
    assert float(convolution.weight.detach().abs().max()) <= bound
    assert 0.95 * bound < float(parts.conv2.abs().max()) <= bound
    assert 0.95 * 3**-0.5 < float(parts.conv1.abs().max()) <= 3**-0.5
    assert float(parts.bias.abs().max()) <= bound
    assert (parts.gamma == 1).all()
    assert (parts.beta == 0).all()
    assert torch.equal(drawn[1:], layout.initial_weights([torch.Generator().manual_seed(2)]))
    buffers = layout.initial_buffers(3)
    assert (buffers.running_mean == 0).all()
    assert (buffers.running_var == 1).all()
    assert buffers.running_mean.shape == (3, 40, 4)


def test_weights_of_a_part_are_put_to_their_places() -> None:
    """The maps of the networks of one operation lie where the relaxed network has that operation."""
    whole, part = Layout(MIXED, channels=2), Layout((("net",), ("roll",), ("net",)), channels=2)
    weights = torch.zeros(1, whole.size)
    theirs = torch.arange(1.0, 1 + part.size).view(1, -1)
    whole.put(part, theirs, weights)
    assert whole.map_places(part) == [1, 3]
    assert torch.equal(whole.views(weights).conv1[:, [1, 3]], part.views(theirs).conv1)
    assert (whole.views(weights).conv1[:, [0, 2]] == 0).all()


def test_an_unknown_operation_is_refused() -> None:
    """It never has no weights in silence."""
    with pytest.raises(UnknownNameError, match="unknown operation 'nothing'"):
        Layout((("nothing",),), channels=2)
