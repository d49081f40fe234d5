"""The selection of DARTS: each layer or edge keeps the operation with the largest alpha."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from workers.methods.state import SearchState


def argmax(state: SearchState) -> Int[Tensor, "T E"]:
    """Which candidate each edge keeps."""
    return state.alpha.argmax(dim=2)
