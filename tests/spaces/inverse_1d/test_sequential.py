"""The order of the layers; whole sequential networks are compared in test_networks.py."""

from __future__ import annotations

import pytest
import torch

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import data_formation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.sequential import SequentialNetwork


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("edges", "shifts"), [(("roll",) * 3, 3), (("roll", "zero", "roll"), None), ((), 0)])
def test_layers_apply_one_after_the_other(edges: tuple[str, ...], shifts: int | None, residual: bool) -> None:
    """Rolling layers shift u0 = A'y once each, zero ends it, and u0 is added where the choice says so."""
    choices = Choices(residual=residual, roll_batch=False)
    formation = data_formation("blur", choices)
    layout = Layout(tuple((name,) for name in edges), channels=2)
    network = SequentialNetwork(layout, formation, choices)
    y = torch.randn(1, 4, 50, generator=torch.Generator().manual_seed(1))
    u0 = y @ formation.matrix
    carried = torch.zeros_like(u0) if shifts is None else torch.roll(u0, shifts, dims=-1)
    found = network.forward(torch.zeros(1, layout.size), layout.initial_buffers(1), None, y, None, False)
    torch.testing.assert_close(found, u0 + carried if residual else carried)
