"""The candidate operations of section 4.3 as functions of a state, and what they are built from.

An operation takes :class:`Inputs` and returns what the edges carry that leave the state. Learnable gradient (Eq. 6),
net (Eq. 7) and noise are built from :func:`gradient_step` and :func:`learned_maps`, which all edges that leave one
state share; zero is no code at all.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import DataFormation

#: Batch norm's epsilon and momentum: torch.nn.BatchNorm1d's defaults.
EPSILON = 1e-5
MOMENTUM = 0.1


class Inputs(NamedTuple):
    """What an operation is computed from, for the E edges that leave one state: trials, edges, samples, positions.

    What is the same for all edges has 1 in the place of E; what the operation has not asked for is None. Nothing may
    cross the trials.

    Attributes:
        u: The state.
        u0: A'y.
        formation: The data formation.
        choices: tau, the noise operation's sigma, and so on.
        step: The gradient descent step of Eq. 6 (``Operation.gradient_step``).
        learned: The learned map n(u) of each edge (``Operation.learned_map``).
        noise: Standard normal numbers, fresh in every pass (``Operation.noise``).
        weights: The weights of its own (``Operation.weights``), after T and E of the shape it has registered.
    """

    u: Float[Tensor, "T 1 B N"]
    u0: Float[Tensor, "T 1 B N"]
    formation: DataFormation
    choices: Choices
    step: Float[Tensor, "T 1 B N"] | None = None
    learned: Float[Tensor, "T E B N"] | None = None
    noise: Float[Tensor, "T E B N"] | None = None
    weights: Float[Tensor, "T E *shape"] | None = None


def learnable_gradient(given: Inputs) -> Float[Tensor, "T E B N"]:
    """The gradient step less tau times the learned map (Eq. 6)."""
    assert given.step is not None
    assert given.learned is not None
    return given.step - given.choices.tau * given.learned


def net(given: Inputs) -> Float[Tensor, "T E B N"]:
    """The learned map (Eq. 7)."""
    assert given.learned is not None
    return given.learned


def rolled(given: Inputs) -> Float[Tensor, "T 1 B N"]:
    """The state shifted; see :func:`roll`."""
    return roll(given.u, given.choices.roll_batch)


def noisy(given: Inputs) -> Float[Tensor, "T E B N"]:
    """The gradient step with noise."""
    assert given.step is not None
    assert given.noise is not None
    return given.step + given.choices.layer_noise_sigma * given.noise


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


def roll(u: Float[Tensor, "*T B N"], batch: bool) -> Float[Tensor, "*T B N"]:
    """Shifts by one position, and by one sample of the batch where ``batch``; both wrap around."""
    return torch.roll(u, (1, 1), dims=(-2, -1)) if batch else torch.roll(u, 1, dims=-1)


def neighbours(u: Float[Tensor, "T B N"]) -> Float[Tensor, "T B*N 3"]:
    """The values at n - 1, n and n + 1 for each position n, zero outside."""
    padded = torch.nn.functional.pad(u, (1, 1))
    count = u.shape[-1]
    stacked = torch.stack([padded[..., k : k + count] for k in range(3)], dim=-1)
    return stacked.flatten(1, 2)


class MapWeights(NamedTuple):
    """The weights of K learned maps.

    Attributes:
        conv1: The first convolution, 1 -> C channels.
        gamma: Batch norm's scale.
        beta: Batch norm's offset.
        conv2: The second convolution, C -> 1.
        bias: Its bias.
    """

    conv1: Float[Tensor, "T K C 3"]
    gamma: Float[Tensor, "T K C"]
    beta: Float[Tensor, "T K C"]
    conv2: Float[Tensor, "T K C 3"]
    bias: Float[Tensor, "T K"]


def learned_maps(
    u: Float[Tensor, "T B N"],
    weights: MapWeights,
    running_mean: Float[Tensor, "T K C"],
    running_var: Float[Tensor, "T K C"],
    training: bool,
) -> tuple[Float[Tensor, "T K B N"], Float[Tensor, "T K C"], Float[Tensor, "T K C"]]:
    """The maps n(u) = conv2(relu(batchnorm(conv1(u)))) of K operations that share their input.

    conv1 is linear in the three neighbours p of a position, so the mean and variance of a channel follow from
    the mean m and the covariance S of p over batch and positions (w.m and w'Sw), and convolution and
    normalisation together are one affine map of p. The normalised activations are never formed twice.

    Args:
        u: The state.
        weights: The maps'.
        running_mean: Used where not ``training``.
        running_var: Used where not ``training``.
        training: Whether to normalise by the batch's statistics.

    Returns:
        The maps, and the batch's mean and unbiased variance (the running ones where not ``training``).
    """
    conv1, gamma, beta, conv2, bias = weights
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
