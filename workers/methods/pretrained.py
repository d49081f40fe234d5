"""The weights that DAS-single begins with: those of networks of one operation, trained before (section 5.4)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.architecture import Architecture, candidate_operations
from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.networks import discrete_network
from spaces.inverse_1d.registries import OPERATIONS
from workers.kernels import forward_for
from workers.methods.pieces import Start
from workers.trials.batches import Batches
from workers.trials.training import initial_weights, train


def pretrained_weights(start: Start) -> tuple[Float[Tensor, "T P"], Buffers]:
    """Trains, for each candidate operation with weights, the network that has it everywhere.

    Returns:
        Their weights and running statistics, in the relaxed network's layout.
    """
    specs, first, layout = start.specs, start.specs[0], start.layout
    weights = torch.zeros(len(specs), layout.size, device=start.device)
    buffers = layout.initial_buffers(len(specs), start.device)
    candidates = candidate_operations(first.space, first.operations)
    for operation in OPERATIONS:
        if operation not in candidates or not OPERATIONS[operation].is_trained:
            continue
        name = f"pretrain-{operation}"
        network = discrete_network(Architecture.uniform(first.space, operation), start.formation, first.choices)
        alone = network.layout
        forward, _ = forward_for(network, len(specs), start.device, start.kernel)
        trained = initial_weights(specs, alone, f"{name}-weights", start.device)
        draws = len(alone.noise_index)
        batches = Batches(
            start.formation,
            [spec.seed for spec in specs],
            name,
            first.choices.batch_size,
            [range(draws)] * len(specs),
            draws,
            start.device,
        )
        statistics = train(specs, alone, forward, trained, None, batches, start.curves, name, start.device)
        layout.put(alone, trained, weights)
        for whole, part in zip(buffers, statistics, strict=True):
            whole[:, layout.map_places(alone)] = part
    return weights, buffers
