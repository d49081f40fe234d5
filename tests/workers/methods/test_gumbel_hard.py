"""The relaxation of GDAS against its equations."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import double_search, gradient_of, plain_losses
from workers.methods.gumbel_hard import HardGumbel
from workers.trials.batches import generators


def test_gates_are_zeros_and_ones_drawn_anew() -> None:
    """Exactly one 1 an edge, another one at another step."""
    state = double_search("gdas", {}, {}).state
    drawn = [state.mix() for _ in range(8)]
    for mix in drawn:
        assert set(mix.unique().tolist()) == {0.0, 1.0}
        assert mix.sum(dim=2).eq(1).all()
    assert len({str(mix.tolist()) for mix in drawn}) == 8


def test_alphas_gradient_is_that_of_the_soft_gates() -> None:
    """Straight through: dL/dZ at the hard gates, for every operation's output, times the soft gates' derivative.

    An implementation that computes the chosen operation alone, and adds the other gates as numbers, has another one.
    """
    found = double_search("gdas", {"temperature_start": 2.0, "temperature_end": 2.0})
    state, batch = found.state, found.validation[0]
    drawn = torch.rand(state.alpha.shape[1:], generator=generators([1], "cpu", "relaxation")[0])
    alpha = state.alpha.clone().requires_grad_()
    noisy = alpha.log_softmax(dim=2) - (-drawn.log()).log()
    hard = torch.nn.functional.one_hot(noisy.argmax(dim=2), alpha.shape[2]).double().requires_grad_()
    of_gates = gradient_of(plain_losses(state, state.weights, hard, batch), hard).detach()
    (expected,) = torch.autograd.grad((noisy / 2.0).softmax(dim=2), alpha, of_gates)
    _, gradient = state.alpha_gradient(batch)
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-9)
    unchosen = hard.detach().eq(0) & torch.tensor([True, True, False, True])
    assert float(of_gates[unchosen].abs().min()) > 0
    assert len(of_gates[unchosen].unique()) == int(unchosen.sum())  # not one number, as for outputs of 1


def test_the_validation_is_of_the_most_likely_gates() -> None:
    """Those of the largest alpha, without noise."""
    state = double_search("gdas").state
    assert torch.equal(HardGumbel().settled(state.alpha, state.moment).argmax(dim=2), state.alpha.argmax(dim=2))
