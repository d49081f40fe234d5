"""The search: first-order bilevel optimisation of weights and alpha (Eqs. 3 and 4), and DAS-single (section 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from spaces.inverse_1d.architecture import LEARNABLE_GRADIENT, NET, SHAPES, Architecture, candidate_operations
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.network import Buffers, Forward, Layout
from spaces.inverse_1d.networks import discrete_network, relaxed_network
from spaces.trial import TrialSpec
from workers.kernels import forward_for
from workers.trials.batches import Batch, Batches, generators
from workers.trials.cuda_graphs import replayed
from workers.trials.curves import Curves, Meter
from workers.trials.gradients import alpha_gradient, weight_gradient
from workers.trials.training import (
    Adam,
    PerTrial,
    alpha_rates,
    decays,
    epoch_lengths,
    initial_weights,
    train,
    weight_rates,
)
from workers.trials.validation import validate


@dataclass(frozen=True)
class Found:
    """What the search gave, for each trial of the batch.

    Attributes:
        one_shot_psnr: PSNR of the relaxed network in dB; None if the trial diverged.
        architecture: The most probable operation everywhere; None if the trial diverged.
        kernel: ``torch`` or ``fused``.
    """

    one_shot_psnr: list[float | None]
    architecture: list[Architecture | None]
    kernel: str


def search(
    specs: Sequence[TrialSpec], formation: DataFormation, curves: Curves, device: str = "cpu", kernel: str = "auto"
) -> Found:
    """Searches an architecture for every trial of a batch; what diverges is marked in ``curves``.

    Args:
        specs: Trials of equal ``shape``.
        formation: Their data formation, on ``device``.
        curves: Takes the learning curves.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        kernel: ``auto``, ``torch`` or ``fused``.
    """
    first, trials = specs[0], len(specs)
    network = relaxed_network(first.space, first.operations, formation, first.choices)
    layout = network.layout
    forward, used = forward_for(network, trials, device, kernel)
    seeds = [spec.seed for spec in specs]
    alpha = initial_alpha(specs, layout).to(device)

    if first.method == "das-single":
        weights, buffers = pretrain(specs, layout, formation, curves, device, kernel)
    else:
        weights, buffers = (
            initial_weights(specs, layout, "search-weights", device),
            layout.initial_buffers(trials, device),
        )

    def batches(name: str) -> Batches:
        slots = [range(len(layout.noise_edges))] * trials
        return Batches(formation, seeds, name, first.choices.batch_size, slots, len(layout.noise_edges), device)

    if not curves.all_diverged:
        learn_weights = first.method == "das"
        learn(specs, forward, weights, buffers, alpha, batches, curves, device, learn_weights)
    scores = [float("nan")] * trials
    if not curves.all_diverged:
        scores = validate(forward, weights, buffers, alpha.softmax(dim=2), batches("one-shot-validation"))
    curves.check(scores, "one-shot validation")
    alive = [message is None for message in curves.messages]
    return Found(
        [score if ok else None for score, ok in zip(scores, alive, strict=True)],
        [discretise(first, row) if ok else None for row, ok in zip(alpha, alive, strict=True)],
        used,
    )


def learn(
    specs: Sequence[TrialSpec],
    forward: Forward,
    weights: Float[Tensor, "T P"],
    buffers: Buffers,
    alpha: Float[Tensor, "T E O"],
    batches: Callable[[str], Batches],
    curves: Curves,
    device: str,
    learn_weights: bool,
) -> None:
    """Alternates steps of alpha and of the weights, both in place, over the trials' budget.

    A step of alpha sees a validation batch, a step of the weights a training batch; both normalise by the batch.
    DAS-single keeps the weights (``learn_weights`` False).
    """
    training, validation = batches("search-training"), batches("search-validation")
    scale = specs[0].choices.loss_scale
    weight_optimizer = Adam(weights)
    weight_rate, weight_decay = weight_rates(specs, device), decays(specs, "parameter_weight_decay", device)
    alpha_optimizer = PerTrial(alpha, [spec.hyperparameters.alpha_optimizer for spec in specs])
    alpha_rate, alpha_decay = alpha_rates(specs, device), decays(specs, "alpha_weight_decay", device)

    def alpha_step(batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = alpha_gradient(forward, weights, buffers, alpha, batch, scale)
        alpha_optimizer.step(alpha, gradient, rate, alpha_decay)
        return errors

    def weight_step(batch: Batch, rate: Float[Tensor, " T"]) -> Float[Tensor, "T B"]:
        errors, gradient = weight_gradient(forward, weights, buffers, alpha.softmax(dim=2), batch, scale)
        if gradient is not None:
            weight_optimizer.step(weights, gradient, rate, weight_decay)
        return errors

    step_alpha, step_weights = replayed(alpha_step, device), replayed(weight_step, device)
    step = 0
    for epoch, length in enumerate(epoch_lengths(specs[0].steps), start=1):
        training_meter, validation_meter = Meter(len(specs), device), Meter(len(specs), device)
        training_batches = training.draw(length) if learn_weights else iter(())
        for batch in validation.draw(length):
            errors = step_alpha(batch, alpha_rate[step])
            validation_meter.add(scale * errors.mean(dim=1), errors)
            if learn_weights:
                errors = step_weights(next(training_batches), weight_rate[step])
                training_meter.add(scale * errors.mean(dim=1), errors)
            step += 1
        curves.add("search", epoch, training_meter if learn_weights else None, validation_meter, alpha)
        if curves.all_diverged:
            break


def pretrain(
    specs: Sequence[TrialSpec], layout: Layout, formation: DataFormation, curves: Curves, device: str, kernel: str
) -> tuple[Float[Tensor, "T P"], Buffers]:
    """Trains the all-learnable-gradient and the all-net network; their weights, in the relaxed network's layout."""
    first = specs[0]
    weights = torch.zeros(len(specs), layout.size, device=device)
    buffers = layout.initial_buffers(len(specs), device)
    for operation in (LEARNABLE_GRADIENT, NET):
        name = f"pretrain-{operation}"
        network = discrete_network(Architecture.uniform(first.space, operation), formation, first.choices)
        forward, _ = forward_for(network, len(specs), device, kernel)
        trained = initial_weights(specs, network.layout, f"{name}-weights", device)
        batches = Batches(
            formation, [spec.seed for spec in specs], name, first.choices.batch_size, [()] * len(specs), 0, device
        )
        statistics = train(specs, network.layout, forward, trained, None, batches, curves, name, device)
        places = [layout.map_index[edge, operation] for edge in range(len(layout.edges))]
        for whole, part in zip(layout.views(weights)[:5], network.layout.views(trained)[:5], strict=True):
            whole[:, places] = part
        for whole, part in zip(buffers, statistics, strict=True):
            whole[:, places] = part
    return weights, buffers


def initial_alpha(specs: Sequence[TrialSpec], layout: Layout) -> Float32[Tensor, "T E O"]:
    """Alpha's initial values: ``alpha_init_std`` times standard normal numbers."""
    shape = (len(layout.edges), len(layout.edges[0]))
    streams = generators([spec.seed for spec in specs], "cpu", "alpha")
    return specs[0].choices.alpha_init_std * torch.stack([torch.randn(shape, generator=stream) for stream in streams])


def discretise(spec: TrialSpec, alpha: Float[Tensor, "E O"]) -> Architecture:
    """The architecture of the most probable operation of each edge."""
    candidates = candidate_operations(spec.space, spec.operations)
    chosen = [candidates[index] for index in alpha.argmax(dim=1).tolist()]
    groups, size = SHAPES[spec.space]
    return Architecture(spec.space, tuple(tuple(chosen[g * size : (g + 1) * size]) for g in range(groups)))
