"""The weights that DARTS begins with: drawn anew."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.layout import Buffers
from workers.methods.pieces import Start
from workers.trials.training import initial_weights


def fresh_weights(start: Start) -> tuple[Float[Tensor, "T P"], Buffers]:
    """Weights as torch's layers draw them, and the running statistics of batch norm that belong to them."""
    group, layout = start.group, start.layout
    weights = initial_weights(group.specs, layout, "search-weights", group.device)
    return weights, layout.initial_buffers(len(group), group.device)
