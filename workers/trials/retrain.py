"""Retraining: the discrete networks that the search found, trained from new weights and validated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.layout import Layout
from spaces.inverse_1d.trial import InverseTrial
from workers.trials.group import TrialGroup
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


def retrain(group: TrialGroup, architectures: Sequence[Architecture]) -> Retrained:
    """Trains every trial's architecture from scratch; what diverges is marked in the group's curves.

    Equal architectures share a discrete network. Different ones share a network with one learned map an edge, of
    which each trial uses what its architecture has; they start from the same weights as alone.

    Args:
        group: The trials.
        architectures: One for each trial.
    """
    discrete = [group.discrete(architecture) for architecture in architectures]
    noise_slots: list[list[int]] | None = None
    if len(set(architectures)) == 1:
        network = discrete[0]
        mix = None
        weights = initial_weights(group.specs, network.layout, "retrain-weights", group.device)
    else:
        network = group.shared()
        mix = one_hot(group.first, architectures).to(group.device)
        layouts = [alone.layout for alone in discrete]
        weights = shared_weights(group.specs, layouts, network.layout).to(group.device)
        places = network.layout.noise_index
        noise_slots = [[places[drawing] for drawing in layout.noise_index] for layout in layouts]
    forward, used = group.forward_of(network)
    training = group.batches("retrain-training", network.layout, noise_slots)
    buffers = train(group, network.layout, forward, weights, mix, training, "retrain")
    scores = [float("nan")] * len(group)
    if not group.curves.all_diverged:
        validation = group.batches("retrain-validation", network.layout, noise_slots)
        scores = validate(forward, weights, buffers, mix, validation)
    group.curves.check(scores, "architecture validation")
    alive = [message is None for message in group.curves.messages]
    return Retrained([score if ok else None for score, ok in zip(scores, alive, strict=True)], used)


def one_hot(spec: InverseTrial, architectures: Sequence[Architecture]) -> Float32[Tensor, "T E O"]:
    """The mix that picks each architecture's operations."""
    candidates = spec.candidates
    chosen = [[candidates.index(operation) for operation in one.operations] for one in architectures]
    return torch.nn.functional.one_hot(torch.tensor(chosen), len(candidates)).float()


def shared_weights(specs: Sequence[InverseTrial], layouts: Sequence[Layout], shared: Layout) -> Float32[Tensor, "T P"]:
    """Each trial's initial weights in the shared layout; the maps a trial does not use are 0 and stay so."""
    weights = torch.zeros(len(specs), shared.size)
    for trial, (spec, layout) in enumerate(zip(specs, layouts, strict=True)):
        shared.put(layout, initial_weights([spec], layout, "retrain-weights", "cpu"), weights[trial : trial + 1])
    return weights
