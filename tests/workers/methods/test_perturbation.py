"""What the two methods of SmoothDARTS have in common."""

from __future__ import annotations

import pytest
import torch

from tests.workers.methods.searches import double_search
from workers.methods.perturbation import onto_simplex


def test_epsilon_rises_from_the_first_to_the_last() -> None:
    """0.03 + (epsilon - 0.03) s / S, and a smaller epsilon is constant."""
    found = double_search("sdarts-rs", {"perturbation": 0.3}, {"perturbation": 0.01})
    seen = []
    for found.state.step in (0, 2, 4):
        seen.append(found.update.epsilon.view(-1).tolist())
    assert seen == [pytest.approx([first, 0.01]) for first in (0.03, 0.165, 0.3)]


def test_mixing_weights_stay_a_distribution() -> None:
    """Clipped and normalised, edge by edge; an edge that is clipped to nothing keeps its largest operation."""
    mix = torch.tensor([[[0.5, 0.7, -0.2], [1.5, 0.5, 0.0], [-0.3, -0.1, -0.2]]], dtype=torch.float64)
    expected = torch.tensor([[[0.5 / 1.2, 0.7 / 1.2, 0], [2 / 3, 1 / 3, 0], [0, 1, 0]]], dtype=torch.float64)
    torch.testing.assert_close(onto_simplex(mix), expected)
