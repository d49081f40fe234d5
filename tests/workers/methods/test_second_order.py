"""The update of DARTS of second order against autograd through the virtual step."""

from __future__ import annotations

import pytest
import torch

from tests.workers.methods.searches import double_search, gradient_of, plain_losses
from workers.methods import second_order


def test_alphas_gradient_goes_through_the_virtual_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the limit of a small difference it is what autograd makes through w' = w - xi grad L_train."""
    monkeypatch.setattr(second_order, "DIFFERENCE", 1e-6)
    found = double_search("darts-second", {"virtual_step": 200.0}, {"virtual_step": 400.0}, parameter_weight_decay=0.1)
    state, training, validation = found.state, found.training[0], found.validation[0]
    alpha, weights = state.alpha.clone().requires_grad_(), state.weights.clone().requires_grad_()
    mix = alpha.softmax(dim=2)
    xi = torch.tensor([[200.0], [400.0]]) * 0.001
    virtual = weights - xi * (gradient_of(plain_losses(state, weights, mix, training), weights) + 0.1 * weights)
    expected = gradient_of(plain_losses(state, virtual, mix, validation), alpha).detach()
    first_order = gradient_of(plain_losses(state, virtual.detach(), mix, validation), alpha).detach()
    _, gradient = found.update.alpha_gradient(training, validation)
    implicit = (expected - first_order).norm()
    assert float((gradient - expected).norm()) < 0.01 * float(implicit)
    assert float(implicit) > 0.005 * float(expected.norm())


def test_no_virtual_step_is_darts() -> None:
    """With xi = 0 a short search is that of first order."""
    second = double_search("darts-second", {"virtual_step": 0.0}).learn()
    first = double_search("darts").learn()
    torch.testing.assert_close(second.state.alpha, first.state.alpha)
    torch.testing.assert_close(second.state.weights, first.state.weights)
