"""The update of one level against plain optimisers."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import POINT, double_search, plain_losses


def test_both_follow_the_loss_of_one_batch() -> None:
    """Three steps of torch.optim, SGD for alpha and Adam for the weights, on training batches alone."""
    found = double_search("single-level", {}, {}, steps=3)
    state = found.state
    alpha, weights = (torch.nn.Parameter(tensor.clone()) for tensor in (state.alpha, state.weights))
    optimizers = (
        torch.optim.SGD([alpha], lr=POINT.alpha_learning_rate, weight_decay=POINT.alpha_weight_decay),
        torch.optim.Adam([weights], lr=POINT.parameter_learning_rate, weight_decay=POINT.parameter_weight_decay),
    )
    for batch in found.training:
        losses = plain_losses(state, weights, alpha.softmax(dim=2), batch)
        alpha.grad, weights.grad = torch.autograd.grad(losses.sum(), (alpha, weights))
        for optimizer in optimizers:
            optimizer.step()
    assert not found.update.sees_validation
    found.learn()
    torch.testing.assert_close(state.alpha, alpha.detach(), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(state.weights, weights.detach(), rtol=1e-6, atol=1e-9)
