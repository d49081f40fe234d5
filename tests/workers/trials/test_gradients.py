"""Gradients of a step against differences of the loss, by both kernels."""

from __future__ import annotations

import pytest
import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.networks import relaxed_network
from spaces.inverse_1d.trial import InverseTrial
from workers.methods.pieces import Moment
from workers.methods.softmax import Softmax
from workers.trials.gradients import alpha_gradient, weight_gradient
from workers.trials.group import TrialGroup
from workers.trials.training import initial_weights

MOMENT = Moment(0, 1, ())


@pytest.mark.parametrize("kernel", ["torch", "fused"])
@pytest.mark.parametrize("which", ["weights", "alpha"])
def test_a_gradient_is_the_slope_of_the_loss(which: str, kernel: str) -> None:
    """Along the gradient the loss, in float64, rises by its length; the arguments stay as they are."""
    choices = Choices(channels=2, batch_size=8, tau=0.1)
    spec = InverseTrial(preset("H1"), 1.0, 3, operations="all", choices=choices)
    group = TrialGroup.of([spec], kernel=kernel)
    network = group.relaxed()
    layout = network.layout
    forward, used = group.forward_of(network)
    assert used == kernel
    batch = next(group.batches("name", layout).draw(1))
    weights = initial_weights([spec], layout, "weights", "cpu")
    alpha = 0.1 * torch.randn(1, 10, 4, generator=torch.Generator().manual_seed(1))
    kept = weights.clone(), alpha.clone()

    buffers = layout.initial_buffers(1)
    if which == "weights":
        mix = Softmax().mix(alpha, MOMENT)
        errors, gradient = weight_gradient(forward, weights, buffers, mix, batch, 25.0)
    else:
        errors, gradient = alpha_gradient(forward, weights, buffers, alpha, (Softmax(), MOMENT), batch, 25.0)
    assert gradient is not None
    assert (weights.requires_grad, alpha.requires_grad) == (False, False)
    assert torch.equal(weights, kept[0])
    assert torch.equal(alpha, kept[1])

    one = group.formation
    exact = relaxed_network(
        "sequential",
        "all",
        DataFormation(one.name, one.matrix.double(), one.normal_matrix.double(), one.noise_sigma),
        choices,
    )
    x, y, noise = (each.double() for each in batch if each is not None)

    def loss(step: float) -> float:
        moved = {"weights": weights.double(), "alpha": alpha.double()}
        moved[which] = moved[which] + step * direction
        fresh = Buffers(*(buffer.double() for buffer in layout.initial_buffers(1)))
        x_hat = exact.forward(moved["weights"], fresh, moved["alpha"].softmax(dim=2), y, noise, True)
        return float(25.0 * (x_hat - x).square().mean())

    direction = gradient.double() / gradient.double().norm()
    assert 25.0 * float(errors.mean()) == pytest.approx(loss(0.0), rel=1e-4)
    slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
    assert float(gradient.norm()) == pytest.approx(slope, rel=1e-2)
