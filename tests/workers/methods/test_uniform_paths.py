"""The relaxation of random search with weight sharing."""

from __future__ import annotations

import torch

from workers.methods.pieces import Moment
from workers.methods.uniform_paths import UniformPaths
from workers.trials.batches import generators


def test_paths_are_uniform_whatever_alpha_is() -> None:
    """Each operation has a fourth of many draws, and exactly one an edge."""
    alpha = torch.tensor([5.0, 0.0, 0.0, -5.0]).expand(1, 20000, 4)
    mix = UniformPaths().mix(alpha, Moment(0, 1, generators([1], "cpu", "relaxation")))
    assert mix.sum(dim=2).eq(1).all()
    assert set(mix.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(mix.mean(dim=1)[0], torch.full((4,), 0.25), rtol=0, atol=0.012)
    assert UniformPaths().settled(alpha, Moment(0, 1, ()))[..., 0].eq(1).all()
