"""The regulariser of Beta-DARTS against its equation."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import double_search
from workers.methods.beta_decay import beta_decay
from workers.methods.pieces import Moment


def test_its_gradient_is_the_softmax() -> None:
    """lambda t / T times the mean over edges of log sum exp(alpha), whose derivative is softmax(alpha) / edges."""
    alpha = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    moment = Moment(1, 4, (), {"beta_weight": torch.tensor([50.0, 8.0]).view(2, 1, 1)})
    loss = beta_decay(alpha, moment)
    weight = torch.tensor([12.5, 2.0], dtype=torch.float64)
    torch.testing.assert_close(loss.detach(), weight * alpha.detach().exp().sum(dim=2).log().mean(dim=1))
    (gradient,) = torch.autograd.grad(loss.sum(), alpha)
    torch.testing.assert_close(gradient, weight.view(2, 1, 1) * alpha.detach().softmax(dim=2) / 3)


def test_no_weight_is_darts() -> None:
    """With lambda = 0 a short search is that of DARTS; with 50 it is another."""
    none, much, plain = (
        double_search("beta-darts", {"beta_weight": 0.0}, {"beta_weight": 50.0}).learn().state.alpha.unbind()
        + double_search("darts").learn().state.alpha.unbind()
    )
    assert torch.equal(none, plain)
    assert not torch.allclose(much, plain, atol=1e-3)
