"""Retraining: the discrete networks that the search found, trained from new weights and validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from spaces.inverse_1d.architecture import Architecture, candidate_operations
from spaces.inverse_1d.data_formation import DataFormation
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.network import Network
from spaces.inverse_1d.networks import discrete_network, shared_network
from spaces.inverse_1d.trial import InverseTrial
from workers.kernels import forward_for
from workers.trials.batches import Batches
from workers.trials.curves import Curves
from workers.trials.training import initial_weights, train
from workers.trials.validation import validate


@dataclass(frozen=True)
class Retrained:
    """What retraining gave.

    Attributes:
        architecture_score: Of each trial in dB; None if it diverged.
        kernel: ``torch`` or ``fused``.
    """

    architecture_score: list[float | None]
    kernel: str


def retrain(
    specs: Sequence[InverseTrial],
    architectures: Sequence[Architecture],
    formation: DataFormation,
    curves: Curves,
    device: str = "cpu",
    kernel: str = "auto",
) -> Retrained:
    """Trains every trial's architecture from scratch; what diverges is marked in ``curves``.

    Equal architectures share a discrete network. Different ones share a network with one learned map an edge, of
    which each trial uses what its architecture has; they start from the same weights as alone.

    Args:
        specs: Trials of equal ``shape``.
        architectures: One for each trial.
        formation: Their data formation, on ``device``.
        curves: Takes the learning curves.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        kernel: ``auto``, ``torch`` or ``fused``.
    """
    first = specs[0]
    discrete = [discrete_network(architecture, formation, first.choices) for architecture in architectures]
    noise_slots: list[Sequence[int]]
    if len(set(architectures)) == 1:
        network: Network = discrete[0]
        mix = None
        weights = initial_weights(specs, network.layout, "retrain-weights", device)
        noise_slots = [range(len(network.layout.noise_index))] * len(specs)
    else:
        network = shared_network(first.space, first.operations, formation, first.choices)
        mix = one_hot(first, architectures).to(device)
        layouts = [alone.layout for alone in discrete]
        weights = shared_weights(specs, layouts, network.layout).to(device)
        places = network.layout.noise_index
        noise_slots = [[places[drawing] for drawing in layout.noise_index] for layout in layouts]
    forward, used = forward_for(network, len(specs), device, kernel)
    seeds = [spec.seed for spec in specs]
    slots = len(network.layout.noise_index)

    def batches(name: str) -> Batches:
        return Batches(formation, seeds, name, first.choices.batch_size, noise_slots, slots, device)

    training = batches("retrain-training")
    buffers = train(specs, network.layout, forward, weights, mix, training, curves, "retrain", device)
    scores = [float("nan")] * len(specs)
    if not curves.all_diverged:
        scores = validate(forward, weights, buffers, mix, batches("retrain-validation"))
    curves.check(scores, "architecture validation")
    alive = [message is None for message in curves.messages]
    return Retrained([score if ok else None for score, ok in zip(scores, alive, strict=True)], used)


def one_hot(spec: InverseTrial, architectures: Sequence[Architecture]) -> Float32[Tensor, "T E O"]:
    """The mix that picks each architecture's operations."""
    candidates = candidate_operations(spec.space, spec.operations)
    chosen = [[candidates.index(operation) for operation in one.operations] for one in architectures]
    return torch.nn.functional.one_hot(torch.tensor(chosen), len(candidates)).float()


def shared_weights(specs: Sequence[InverseTrial], layouts: Sequence[Layout], shared: Layout) -> Float32[Tensor, "T P"]:
    """Each trial's initial weights in the shared layout; the maps a trial does not use are 0 and stay so."""
    weights = torch.zeros(len(specs), shared.size)
    for trial, (spec, layout) in enumerate(zip(specs, layouts, strict=True)):
        shared.put(layout, initial_weights([spec], layout, "retrain-weights", "cpu"), weights[trial : trial + 1])
    return weights
