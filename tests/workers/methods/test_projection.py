"""The selection of DARTS-PT."""

from __future__ import annotations

import torch

from tests.workers.methods.searches import double_search, plain_losses
from workers.methods.projection import losses_without, one_by_one, perturbation_based, tune


def test_an_operation_counts_by_the_loss_without_it() -> None:
    """The mean over each trial's number of batches, with one operation's weight at 0 and the others as they are."""
    found = double_search("darts-pt", {"projection_batches": 1}, {"projection_batches": 2})
    state = found.state
    edge = torch.tensor([3, 7])
    losses = losses_without(state, state.mix(), edge, "projection-0")
    for operation in range(4):
        without = state.alpha.softmax(dim=2)
        without[0, 3, operation] = without[1, 7, operation] = 0
        expected = torch.stack(
            [
                plain_losses(state, state.weights, without, batch)
                for batch in one_by_one(state.batches("projection-0"), 2)
            ]
        )
        torch.testing.assert_close(losses[:, operation], torch.stack([expected[0, 0], expected[:, 1].mean()]))


def test_edges_are_decided_one_after_the_other() -> None:
    """Without tuning, in the order of each trial's random numbers, each keeps what costs most to lose."""
    own = {"tuning_share": 0.0, "projection_batches": 1}
    found, again = double_search("darts-pt", own, own), double_search("darts-pt", own, own)
    state, weights = found.state, found.state.weights.clone()
    order = again.state.moment.uniform(again.state.alpha[:, :, :1])[:, :, 0].argsort(dim=1)
    chosen = perturbation_based(state)
    assert torch.equal(state.weights, weights)
    for trial in range(2):
        mix = again.state.alpha.softmax(dim=2)
        for decision, edge in enumerate(order[trial].tolist()):
            (batch,) = again.state.batches(f"projection-{decision}").draw(1)
            losses = []
            for operation in range(4):
                without = mix.clone()
                without[trial, edge, operation] = 0
                losses.append(float(plain_losses(again.state, weights, without, batch)[trial]))
            best = losses.index(max(losses))
            assert chosen[trial, edge] == best
            mix[trial, edge] = torch.eye(4, dtype=mix.dtype)[best]


def test_weights_are_tuned_at_a_tenth_of_the_rate() -> None:
    """As many steps of Adam as each trial's share of the search has."""
    found = double_search("darts-pt", {"tuning_share": 0.25}, {"tuning_share": 0.5})
    state = found.state
    mix, before = state.mix(), state.weights.clone()
    tune(state, mix, "tuning")
    for trial, steps in ((0, 1), (1, 2)):
        weights = torch.nn.Parameter(before.clone())
        optimizer = torch.optim.Adam([weights], lr=1e-4, weight_decay=float(state.weight_decay[0]))
        for batch in one_by_one(state.batches("tuning"), steps):
            (weights.grad,) = torch.autograd.grad(plain_losses(state, weights, mix, batch).sum(), weights)
            optimizer.step()
        torch.testing.assert_close(state.weights[trial], weights.detach()[trial], rtol=1e-5, atol=1e-8)
