"""The gradients of a training step: of the weights, of alpha, or of both; by autograd, or by the kernel itself."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from spaces.inverse_1d.layout import Buffers
from spaces.inverse_1d.network import Forward
from workers.kernels import Direct
from workers.methods.pieces import Moment, Relaxation
from workers.trials.batches import Batch
from workers.trials.validation import sample_errors


def weight_gradient(
    forward: Forward,
    weights: Float[Tensor, "T P"],
    buffers: Buffers,
    mix: Float[Tensor, "T E O"] | None,
    batch: Batch,
    scale: float,
) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T P"] | None]:
    """The gradient of each trial's loss ``scale * MSE`` in its weights, batch norm in training mode.

    Returns:
        Mean squared errors of the samples, and the gradient; None where the network has no weights.
    """
    if isinstance(forward, Direct):
        return forward.errors_and_gradient(weights, buffers, mix, *batch, scale, to_mix=False)
    weights.requires_grad_()
    errors = sample_errors(forward(weights, buffers, mix, batch.y, batch.noise, True), batch.x)
    loss = scale * errors.mean(dim=1).sum()
    gradient = torch.autograd.grad(loss, weights)[0] if loss.requires_grad else None
    weights.requires_grad_(False)
    return errors.detach(), gradient


def alpha_gradient(
    forward: Forward,
    weights: Float[Tensor, "T P"],
    buffers: Buffers,
    alpha: Float[Tensor, "T E O"],
    relaxed: tuple[Relaxation, Moment],
    batch: Batch,
    scale: float,
) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T E O"]]:
    """The same in alpha; the weights are constant. ``relaxed`` is how alpha becomes mixing weights, and when."""
    relaxation, moment = relaxed
    if isinstance(forward, Direct):
        mix, pull_back = relaxation.mix_and_pull_back(alpha, moment)
        errors, gradient = forward.errors_and_gradient(weights, buffers, mix, *batch, scale, to_mix=True)
        return errors, pull_back(gradient)
    alpha.requires_grad_()
    mix = relaxation.mix(alpha, moment)
    errors = sample_errors(forward(weights, buffers, mix, batch.y, batch.noise, True), batch.x)
    (gradient,) = torch.autograd.grad(scale * errors.mean(dim=1).sum(), alpha)
    alpha.requires_grad_(False)
    return errors.detach(), gradient


def both_gradients(
    forward: Forward,
    weights: Float[Tensor, "T P"],
    buffers: Buffers,
    mix: Float[Tensor, "T E O"],
    batch: Batch,
    scale: float,
) -> tuple[Float[Tensor, "T B"], Float[Tensor, "T P"], Float[Tensor, "T E O"]]:
    """The same in the weights and in the mixing weights, from one pass; zeros where the network has no weights."""
    if isinstance(forward, Direct):
        return forward.errors_and_gradients(weights, buffers, mix, *batch, scale)
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in (weights, mix)]
        errors = sample_errors(forward(leaves[0], buffers, leaves[1], batch.y, batch.noise, True), batch.x)
        loss = scale * errors.mean(dim=1).sum()
        of_weights, of_mix = torch.autograd.grad(loss, leaves, materialize_grads=True)
    return errors.detach(), of_weights, of_mix
