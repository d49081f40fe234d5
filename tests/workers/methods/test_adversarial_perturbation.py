"""The update of SDARTS-ADV: an attack that ascends, on the batch of the step."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.workers.methods.searches import DoubleSearch, double_search, gradient_of, plain_losses
from workers.methods.perturbation import onto_simplex
from workers.trials.batches import generators


def attacked(found: DoubleSearch, trial: int, epsilon: float, steps: int, side: float) -> Tensor:
    """The mixing weights of one trial after the attack, written down in loops; it descends for side = -1."""
    state, batch = found.state, found.training[0]
    weights, mix = state.weights[trial : trial + 1], state.alpha[trial : trial + 1].softmax(dim=2)
    one = type(batch)(*(None if each is None else each[trial : trial + 1] for each in batch))  # type: ignore[arg-type]
    stream = generators([trial + 1], "cpu", "relaxation")[0]
    delta = onto_simplex(mix + epsilon * (2 * torch.rand(mix.shape[1:], generator=stream) - 1)) - mix
    for _ in range(steps):
        leaf = (mix + delta).requires_grad_()
        gradient = gradient_of(plain_losses(state, weights, leaf, one), leaf).detach()
        delta = (leaf.detach() + side * 2 * epsilon / steps * gradient.sign() - mix).clamp(-epsilon, epsilon)
        delta = onto_simplex(mix + delta) - mix
    return mix + delta


def test_it_raises_the_loss_of_the_batch_that_the_step_takes() -> None:
    """It is what the loops give, raises the loss of every trial, and one that descends does not."""
    found = double_search(
        "sdarts-adv", {"perturbation": 0.02, "attack_steps": 3}, {"perturbation": 0.02, "attack_steps": 5}
    )
    state, batch = found.state, found.training[0]
    expected = torch.cat([attacked(found, 0, 0.02, 3, 1.0), attacked(found, 1, 0.02, 5, 1.0)])
    descended = torch.cat([attacked(found, 0, 0.02, 3, -1.0), attacked(found, 1, 0.02, 5, -1.0)])
    mix = state.mix()
    perturbed = found.update.perturbed(batch, mix)
    torch.testing.assert_close(perturbed, expected)
    clean, raised, lowered = (plain_losses(state, state.weights, one, batch) for one in (mix, perturbed, descended))
    assert bool((raised > clean).all())
    assert bool((lowered < clean).all())


def test_it_never_lowers_the_loss() -> None:
    """Of one step from a random start, on many batches, the loss is never below that of alpha's own mixing weights."""
    found = double_search(
        "sdarts-adv", {"perturbation": 0.5, "attack_steps": 1}, {"perturbation": 0.3, "attack_steps": 1}, steps=12
    )
    state = found.state
    for state.step, batch in enumerate(found.training):
        mix = state.mix()
        perturbed = found.update.perturbed(batch, mix)
        losses = (plain_losses(state, state.weights, one, batch) for one in (perturbed, mix))
        raised, clean = losses
        assert bool((raised >= clean).all())


def test_no_perturbation_is_darts() -> None:
    """With epsilon = 0 a short search is that of DARTS, and the attack leaves the running statistics alone."""
    attacked_, plain = double_search("sdarts-adv", {"perturbation": 0.0}).learn(), double_search("darts").learn()
    torch.testing.assert_close(attacked_.state.alpha, plain.state.alpha)
    torch.testing.assert_close(attacked_.state.weights, plain.state.weights)
    for ours, theirs in zip(attacked_.state.buffers, plain.state.buffers, strict=True):
        torch.testing.assert_close(ours, theirs)
