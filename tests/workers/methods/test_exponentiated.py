"""The update of GAEA against its algorithm on the simplex."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import POINT, double_search, gradient_of, plain_losses


def test_mixing_weights_take_exponentiated_gradient_steps() -> None:
    """theta <- theta exp(-eta grad) / sum, three times, with the weights that the search has then."""
    found = double_search("gaea", {}, {}, steps=3)
    state = found.state
    theta = state.alpha.softmax(dim=2)
    for training, validation in zip(found.training, found.validation, strict=True):
        leaf = theta.clone().requires_grad_()
        gradient = gradient_of(plain_losses(state, state.weights, leaf, validation), leaf).detach()
        theta = theta * (-POINT.alpha_learning_rate * gradient).exp()
        theta = theta / theta.sum(dim=2, keepdim=True)
        found.update.step(training, validation)
        state.step += 1
        torch.testing.assert_close(state.mix(), theta, rtol=1e-6, atol=1e-9)
