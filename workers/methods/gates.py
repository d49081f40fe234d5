"""What relaxations that draw gates have in common: Gumbel noise, a temperature that falls, gates of zeros and ones."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from workers.methods.pieces import Moment


def gumbel(like: Float[Tensor, "T E O"], moment: Moment) -> Float[Tensor, "T E O"]:
    """Gumbel noise -log(-log U), drawn by each trial from its own generator."""
    drawn = moment.uniform(like)
    # U is 0 once in 2^24 draws; its logarithm would be infinite.
    return -(-drawn.clamp_min(torch.finfo(drawn.dtype).tiny).log()).log()


def annealed(moment: Moment) -> Float[Tensor, "T 1 1"]:
    """The temperature: linear from ``temperature_start`` at the first step to ``temperature_end`` at the end."""
    start, end = (moment.hyperparameters[f"temperature_{name}"] for name in ("start", "end"))
    return start + (end - start) * moment.progress


def one_hot(chosen: Int[Tensor, "T E"], like: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
    """A gate of 1 for what is chosen on each edge, and 0 for the rest."""
    return torch.zeros_like(like).scatter_(2, chosen[:, :, None], 1.0)


def most_likely(alpha: Float[Tensor, "T E O"]) -> Float[Tensor, "T E O"]:
    """The gates of the operations with the largest alpha."""
    return one_hot(alpha.argmax(dim=2), alpha)
