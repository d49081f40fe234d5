"""The candidate operations of section 4.3 as functions of a state u [T, B, N].

Learnable gradient (Eq. 6), net (Eq. 7) and noise are built from :func:`gradient_step` and
:func:`learned_maps`, which the operations of all edges that leave one state share; zero is no code at all.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

#: Batch norm's epsilon and momentum: torch.nn.BatchNorm1d's defaults.
EPSILON = 1e-5
MOMENTUM = 0.1


def gradient_step(
    u: Float[Tensor, "T B N"], u0: Float[Tensor, "T B N"], normal_matrix: Float[Tensor, "N N"], tau: float
) -> Float[Tensor, "T B N"]:
    """``u - tau A'(A u - y)``, the gradient descent step of Eq. 6 without its learned part.

    Args:
        u: The state.
        u0: A'y.
        normal_matrix: A'A.
        tau: Step size.
    """
    return u - tau * (u @ normal_matrix - u0)


def roll(u: Float[Tensor, "T B N"], batch: bool) -> Float[Tensor, "T B N"]:
    """Shifts by one position, and by one sample of the batch where ``batch``; both wrap around."""
    return torch.roll(u, (1, 1), dims=(1, 2)) if batch else torch.roll(u, 1, dims=2)


def neighbours(u: Float[Tensor, "T B N"]) -> Float[Tensor, "T B*N 3"]:
    """The values at n - 1, n and n + 1 for each position n, zero outside."""
    padded = torch.nn.functional.pad(u, (1, 1))
    count = u.shape[-1]
    stacked = torch.stack([padded[..., k : k + count] for k in range(3)], dim=-1)
    return stacked.flatten(1, 2)


def learned_maps(
    u: Float[Tensor, "T B N"],
    training: bool,
    conv1: Float[Tensor, "T K C 3"],
    gamma: Float[Tensor, "T K C"],
    beta: Float[Tensor, "T K C"],
    conv2: Float[Tensor, "T K C 3"],
    bias: Float[Tensor, "T K"],
    running_mean: Float[Tensor, "T K C"],
    running_var: Float[Tensor, "T K C"],
) -> tuple[Float[Tensor, "T K B N"], Float[Tensor, "T K C"], Float[Tensor, "T K C"]]:
    """The maps n(u) = conv2(relu(batchnorm(conv1(u)))) of K operations that share their input.

    conv1 is linear in the three neighbours p of a position, so the mean and variance of a channel follow from
    the mean m and the covariance S of p over batch and positions (w.m and w'Sw), and convolution and
    normalisation together are one affine map of p. The normalised activations are never formed twice.

    Args:
        u: The state.
        training: Whether to normalise by the batch's statistics.
        conv1: The first convolution, 1 -> C channels.
        gamma: Batch norm's scale.
        beta: Batch norm's offset.
        conv2: The second convolution, C -> 1.
        bias: Its bias.
        running_mean: Used where not ``training``.
        running_var: Used where not ``training``.

    Returns:
        The maps, and the batch's mean and unbiased variance (the running ones where not ``training``).
    """
    trials, samples, positions = u.shape
    maps, channels = gamma.shape[1:]
    p = neighbours(u)  # [T, B * N, 3]
    count = samples * positions
    if training:
        m = p.mean(dim=1, keepdim=True)  # [T, 1, 3]
        centred = p - m
        S = centred.transpose(1, 2) @ centred / count  # [T, 3, 3]
        mean = (conv1 @ m[:, :, :, None]).squeeze(-1)
        # Rounding can leave a variance of 0 slightly negative when the values are large.
        variance = ((conv1 @ S[:, None]) * conv1).sum(-1).clamp_min(0.0)
        batch_mean, batch_var = mean.detach(), variance.detach() * (count / (count - 1))
    else:
        mean, variance = running_mean, running_var
        batch_mean, batch_var = running_mean, running_var
    scale = gamma * torch.rsqrt(variance + EPSILON)  # [T, K, C]
    weight = (conv1 * scale[..., None]).view(trials, maps * channels, 3)
    offset = (beta - mean * scale).view(trials, 1, maps * channels)
    activation = torch.relu(torch.baddbmm(offset, p, weight.transpose(1, 2)))  # [T, B * N, K * C]
    activation = activation.view(trials, count, maps, channels).transpose(1, 2)  # [T, K, B * N, C]
    taps = (activation @ conv2).view(trials, maps, samples, positions, 3)
    out = taps[..., 1] + bias[:, :, None, None]
    out = out + torch.nn.functional.pad(taps[..., :-1, 0], (1, 0)) + torch.nn.functional.pad(taps[..., 1:, 2], (0, 1))
    return out, batch_mean, batch_var
