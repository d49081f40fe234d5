"""The regulariser of FairDARTS against its equation."""

from __future__ import annotations

import dataclasses

import torch

from spaces.inverse_1d.methods import METHODS
from tests.plugins.isolation import registries_as_they_are
from tests.workers.methods.searches import double_search
from workers.methods.pieces import Moment
from workers.methods.zero_one import zero_one_loss


def test_the_loss_separates_the_weights() -> None:
    """Minus lambda times the mean square of sigmoid(alpha) - 0.5: its descent moves every alpha away from 0."""
    alpha = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    moment = Moment(0, 1, (), {"zero_one_weight": torch.tensor([10.0, 0.0]).view(2, 1, 1)})
    loss = zero_one_loss(alpha, moment)
    rows = [[(1 / (1 + (-value).exp()) - 0.5) ** 2 for value in trial.flatten()] for trial in alpha.detach()]
    torch.testing.assert_close(loss.detach(), torch.stack([-10 * sum(rows[0]) / 12, torch.zeros_like(rows[0][0])]))
    (gradient,) = torch.autograd.grad(loss.sum(), alpha)
    assert bool((gradient[0].sign() == -alpha[0].sign()).all())
    assert gradient[1].eq(0).all()


def test_without_it_a_search_is_darts_with_a_sigmoid() -> None:
    """lambda = 0 gives the same alpha as no regulariser."""
    with_it = double_search("fairdarts", {"zero_one_weight": 0.0}).learn().state.alpha
    with registries_as_they_are():
        METHODS["plain"] = dataclasses.replace(METHODS["fairdarts"], regulariser=None, hyperparameters={})
        without = double_search("plain").learn().state.alpha
    assert torch.equal(with_it, without)
