"""The update of SDARTS-RS."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import POINT, double_search, gradient_of, plain_losses
from workers.methods.perturbation import onto_simplex
from workers.trials.batches import generators


def test_weights_step_at_perturbed_mixing_weights() -> None:
    """Adam's first step on the training batch at softmax(alpha) + uniform noise; alpha's step is DARTS'."""
    found = double_search("sdarts-rs", {"perturbation": 0.02})
    state = found.state
    drawn = torch.rand(state.alpha.shape[1:], generator=generators([1], "cpu", "relaxation")[0])
    weights = torch.nn.Parameter(state.weights.clone())
    darts = double_search("darts")
    darts.update.step(darts.training[0], darts.validation[0])
    mix = onto_simplex(darts.state.alpha.softmax(dim=2) + 0.02 * (2 * drawn - 1))
    assert float((mix - darts.state.mix()).abs().max()) > 0.01
    optimizer = torch.optim.Adam([weights], lr=0.001, weight_decay=POINT.parameter_weight_decay)
    weights.grad = gradient_of(plain_losses(state, weights, mix, found.training[0]), weights).detach()
    optimizer.step()
    found.learn(1)
    torch.testing.assert_close(state.alpha, darts.state.alpha)
    torch.testing.assert_close(state.weights, weights.detach(), rtol=1e-5, atol=1e-8)


def test_no_perturbation_is_darts() -> None:
    """With epsilon = 0 a short search is that of DARTS."""
    smooth, plain = double_search("sdarts-rs", {"perturbation": 0.0}).learn(), double_search("darts").learn()
    torch.testing.assert_close(smooth.state.alpha, plain.state.alpha)
    torch.testing.assert_close(smooth.state.weights, plain.state.weights)
