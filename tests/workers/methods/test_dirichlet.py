"""The relaxation of DrNAS: draws, and the gradient along their path."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import betainc

from workers.methods.dirichlet import Dirichlet, concentration
from workers.methods.pieces import Moment
from workers.trials.batches import generators


def moment(*seeds: int) -> Moment:
    """A moment with streams from their beginning."""
    return Moment(0, 1, generators(seeds, "cpu", "relaxation"))


def test_the_gradient_goes_along_the_path_of_the_sample() -> None:
    """Of two operations, theta is a Beta sample: dtheta/da = -(dF/da) / f, with F by scipy."""
    alpha = torch.tensor([[[0.6, 1.4]]], dtype=torch.float64, requires_grad=True)
    mix = Dirichlet().mix(alpha, moment(1))
    (gradient,) = torch.autograd.grad(mix[0, 0, 0], alpha)
    a, b, x, h = 1.6, 2.4, float(mix[0, 0, 0].detach()), 1e-5
    density = x ** (a - 1) * (1 - x) ** (b - 1) * math.gamma(a + b) / (math.gamma(a) * math.gamma(b))
    of_a = -(betainc(a + h, b, x) - betainc(a - h, b, x)) / (2 * h) / density
    of_b = -(betainc(a, b + h, x) - betainc(a, b - h, x)) / (2 * h) / density
    assert gradient[0, 0].tolist() == pytest.approx([of_a, of_b], rel=1e-3)  # elu' is 1 above 0


def test_draws_have_the_mean_that_the_validation_takes() -> None:
    """beta / sum(beta), with beta = elu(alpha) + 1."""
    alpha = torch.tensor([1.0, 0.0, -1.0]).expand(1, 20000, 3)
    beta = [2.0, 1.0, math.exp(-1)]
    assert concentration(alpha)[0, 0].tolist() == pytest.approx(beta)
    expected = [one / sum(beta) for one in beta]
    assert Dirichlet().mix(alpha, moment(2)).mean(dim=1)[0].tolist() == pytest.approx(expected, abs=0.01)
    assert Dirichlet().settled(alpha, moment(2))[0, 0].tolist() == pytest.approx(expected)


def test_a_trial_that_diverged_ends_no_sampler() -> None:
    """What is no number stays none, and the trial beside it draws what it draws alone."""
    alpha = torch.zeros(2, 3, 4)
    alpha[0] = math.nan
    found = Dirichlet().mix(alpha, moment(1, 2))
    assert found[0].isnan().all()
    assert torch.equal(found[1:], Dirichlet().mix(alpha[1:], moment(2)))
