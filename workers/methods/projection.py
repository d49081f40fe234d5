"""The selection of DARTS-PT (Wang, Cheng, Chen, Tang, Hsieh, "Rethinking Architecture Selection", ICLR 2021, Alg. 1).

An operation counts by what the trained supernet loses without it, and not by its alpha. For one edge after the other,
in random order: take each operation away (its mixing weight is 0, the others stay), keep on the edge alone the one
whose absence gives the largest validation loss, and train the supernet's weights on before the next edge.

``tuning_share`` is how long that is, in steps of the search (the authors: 5 of 100 epochs in NAS-Bench-201, 10 of 50 in
the DARTS space), at a tenth of the rate, as theirs; ``projection_batches`` is how many validation batches a loss is the
mean of (theirs: all). They go on training the alphas of the other edges; here those stay, as in their variant with
fixed alphas.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workers.methods.gates import one_hot
from workers.methods.state import SearchState
from workers.trials.batches import Batch, Batches
from workers.trials.training import Adam

#: The weights' learning rate while they are tuned, of that of the search.
TUNING_RATE = 0.1


def perturbation_based(state: SearchState) -> Int[Tensor, "T E"]:
    """Which candidate each edge keeps; changes the weights."""
    mix = state.mix()
    order = state.moment.uniform(mix[:, :, :1])[:, :, 0].argsort(dim=1)
    trials = torch.arange(len(mix), device=mix.device)
    for decision, edge in enumerate(order.unbind(dim=1)):
        losses = losses_without(state, mix, edge, f"projection-{decision}")
        mix[trials, edge] = one_hot(losses.argmax(dim=1, keepdim=True), mix[:, :1])[:, 0]
        if decision < mix.shape[1] - 1:
            tune(state, mix, f"projection-tuning-{decision}")
    return mix.argmax(dim=2)


def losses_without(
    state: SearchState, mix: Float[Tensor, "T E O"], edge: Int[Tensor, " T"], stream: str
) -> Float[Tensor, "T O"]:
    """The validation loss of each trial without each of the operations of its edge."""
    counts = state.own("projection_batches")
    trials = torch.arange(len(mix), device=mix.device)
    losses = mix.new_zeros(len(mix), mix.shape[2])
    for drawn, batch in enumerate(one_by_one(state.batches(stream), int(counts.max()))):
        for operation in range(mix.shape[2]):
            without = mix.clone()
            without[trials, edge, operation] = 0
            losses[:, operation] += torch.where(drawn < counts, state.loss(batch, without), 0.0)
    return losses / counts[:, None]


def tune(state: SearchState, mix: Float[Tensor, "T E O"], stream: str) -> None:
    """Trains the weights at these mixing weights, with an optimiser that begins anew."""
    steps = (state.own("tuning_share") * state.moment.steps).round()
    rates = [TUNING_RATE * spec.hyperparameters.parameter_learning_rate for spec in state.specs]
    rate, optimizer = torch.tensor(rates, device=mix.device), Adam(state.weights)
    for step, batch in enumerate(one_by_one(state.batches(stream), int(steps.max()))):
        _, gradient = state.weight_gradient(batch, mix)
        if gradient is not None:
            optimizer.step(state.weights, gradient, rate * (step < steps), state.weight_decay)


def one_by_one(batches: Batches, count: int) -> Iterator[Batch]:
    """So many batches; the first of them do not depend on how many, which those that are drawn together do."""
    for _ in range(count):
        yield from batches.draw(1)
