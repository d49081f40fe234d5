"""The weights that DAS-single begins with: those of networks of one operation, trained before (section 5.4)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.registries import OPERATIONS
from workers.methods.pieces import Start
from workers.trials.training import initial_weights, train


def pretrained_weights(start: Start) -> tuple[Float[Tensor, "T P"], Buffers]:
    """Trains, for each candidate operation with weights, the network that has it everywhere.

    Returns:
        Their weights and running statistics, in the relaxed network's layout.
    """
    group, layout = start.group, start.layout
    first = group.first
    weights = torch.zeros(len(group), layout.size, device=group.device)
    buffers = layout.initial_buffers(len(group), group.device)
    for operation in OPERATIONS:
        if operation not in first.candidates or not OPERATIONS[operation].is_trained:
            continue
        name = f"pretrain-{operation}"
        network = group.discrete(Architecture.uniform(first.space, operation))
        alone = network.layout
        forward, _ = group.forward_of(network)
        trained = initial_weights(group.specs, alone, f"{name}-weights", group.device)
        statistics = train(group, alone, forward, trained, None, group.batches(name, alone), name)
        layout.put(alone, trained, weights)
        for whole, part in zip(buffers, statistics, strict=True):
            whole[:, layout.map_places(alone)] = part
    return weights, buffers
