"""The regulariser of DrNAS against torch's distributions."""

from __future__ import annotations

import torch
from torch.distributions import Dirichlet, kl_divergence

from workers.methods.dirichlet_anchor import dirichlet_anchor
from workers.methods.pieces import Moment


def test_both_distances_to_the_anchor() -> None:
    """Half the squared distance for the first trial, the divergence for the second, times each one's weight."""
    alpha = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    own = {
        "regulariser": torch.tensor([0.0, 1.0]).view(2, 1, 1),
        "regulariser_weight": torch.tensor([0.5, 2.0]).view(2, 1, 1),
    }
    beta = torch.where(alpha > 0, alpha + 1, alpha.exp())
    square = 0.5 * 0.5 * (beta[0] - 1).square().sum()
    divergence = 2 * kl_divergence(Dirichlet(beta[1]), Dirichlet(torch.ones(3, 4, dtype=torch.float64))).sum()
    found = dirichlet_anchor(alpha, Moment(0, 1, (), own))
    torch.testing.assert_close(found, torch.stack([square, divergence]))
    none = {**own, "regulariser_weight": torch.zeros(2, 1, 1)}
    assert dirichlet_anchor(alpha, Moment(0, 1, (), none)).tolist() == [0, 0]
