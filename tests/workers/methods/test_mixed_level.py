"""The update of MiLeNAS against its equation."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import POINT, double_search, gradient_of, plain_losses


def test_alpha_follows_both_losses() -> None:
    """One step is alpha - eta (grad L_train + lambda grad L_val), each trial with its own lambda."""
    found = double_search("mixed-level", {"validation_weight": 0.5}, {"validation_weight": 3.0})
    state = found.state
    alpha = state.alpha.clone().requires_grad_()
    lambdas = torch.tensor([0.5, 3.0])
    losses = [
        plain_losses(state, state.weights, alpha.softmax(dim=2), batch[0])
        for batch in (found.training, found.validation)
    ]
    gradient = gradient_of(losses[0] + lambdas * losses[1], alpha) + POINT.alpha_weight_decay * alpha
    expected = (alpha - POINT.alpha_learning_rate * gradient).detach()
    found.learn(1)
    torch.testing.assert_close(state.alpha, expected, rtol=1e-6, atol=1e-9)


def test_no_validation_loss_is_one_level() -> None:
    """With lambda = 0 a short search is the one of one level."""
    mixed = double_search("mixed-level", {"validation_weight": 0.0}).learn()
    single = double_search("single-level").learn()
    torch.testing.assert_close(mixed.state.alpha, single.state.alpha)
    torch.testing.assert_close(mixed.state.weights, single.state.weights)
