"""The relaxation of SNAS against its equation."""

from __future__ import annotations

import torch

from workers.methods.gumbel_soft import SoftGumbel
from workers.methods.pieces import Moment
from workers.trials.batches import generators


def moment(temperature: float) -> Moment:
    """A moment at a temperature, with streams from their beginning."""
    own = {f"temperature_{name}": torch.full((2, 1, 1), temperature) for name in ("start", "end")}
    return Moment(1, 4, generators([1, 2], "cpu", "relaxation"), own)


def test_gates_are_the_softmax_of_alpha_with_gumbel_noise() -> None:
    """Written down with each trial's own uniform numbers."""
    alpha = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    drawn = torch.stack([torch.rand(3, 4, generator=one) for one in generators([1, 2], "cpu", "relaxation")])
    expected = ((alpha - (-drawn.log()).log()) / 0.7).exp()
    expected = expected / expected.sum(dim=2, keepdim=True)
    torch.testing.assert_close(SoftGumbel().mix(alpha, moment(0.7)), expected, rtol=1e-6, atol=1e-9)


def test_gates_become_one_hot_as_the_temperature_falls() -> None:
    """At 1e-4 each edge has one operation, and is validated with the one whose alpha is largest."""
    alpha = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(2))
    mix = SoftGumbel().mix(alpha, moment(1e-4))
    assert mix.max(dim=2).values.gt(0.999).all()
    assert torch.equal(SoftGumbel().settled(alpha, moment(1.0)).argmax(dim=2), alpha.argmax(dim=2))
