"""PSNR, and the validation of a network on fresh batches (section 5.1)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Forward
from spaces.inverse_1d.trial import BATCHES_PER_EPOCH
from workers.trials.batches import Batches


def sample_errors(x_hat: Float[Tensor, "T B N"], x: Float[Tensor, "T B N"]) -> Float[Tensor, "T B"]:
    """The mean squared error of each sample."""
    return (x_hat - x).square().mean(dim=2)


def psnr(errors: Float[Tensor, "T B"]) -> Float[Tensor, " T"]:
    """The mean over samples of 10 log10(1 / mse(sample)) in dB (peak 1).

    An error of exactly 0 counts as the smallest number of float32 (379 dB), so that a PSNR is finite.
    """
    return -10.0 * errors.clamp_min(torch.finfo(errors.dtype).tiny).log10().mean(dim=1)


@torch.no_grad()
def validate(
    forward: Forward,
    weights: Float[Tensor, "T P"],
    buffers: Buffers,
    mix: Float[Tensor, "T E O"] | None,
    batches: Batches,
) -> list[float]:
    """The PSNR of each trial in dB over 19 fresh batches, batch norm in evaluation mode; NaN or inf if diverged."""
    means = [
        psnr(sample_errors(forward(weights, buffers, mix, batch.y, batch.noise, False), batch.x))
        for batch in batches.draw(BATCHES_PER_EPOCH)
    ]
    return torch.stack(means).double().mean(dim=0).tolist()
