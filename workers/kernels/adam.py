"""Adam's step on the flat weights, as one pass over them; a numba function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from workers.kernels.cache import compile_kernels


def _step(
    parameter: Any,  # [T, P], changed, as are mean and square
    gradient: Any,
    mean: Any,
    square: Any,
    rate: Any,  # [T]
    decay: Any,  # [T]
    count: int,  # of this step, from 1
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    first, second, small = np.float32(1 - beta1), np.float32(1 - beta2), np.float32(epsilon)
    root = np.float32(np.sqrt(1 - beta2**count))
    for trial in range(len(parameter)):
        p, g, m, v = parameter[trial], gradient[trial], mean[trial], square[trial]
        size, shrink = np.float32(rate[trial] / (1 - beta1**count)), decay[trial]
        for i in range(len(p)):
            change = g[i] + shrink * p[i]
            m[i] += first * (change - m[i])
            v[i] += second * (change * change - v[i])
            p[i] -= size * m[i] / (np.sqrt(v[i]) / root + small)


@functools.cache
def compiled() -> Callable[..., None]:
    """The kernel; compiled, or loaded from disk, on the first call."""
    row, rows = "float32[::1]", "float32[:,::1]"
    signature = f"void({rows}, {rows}, {rows}, {rows}, {row}, {row}, int64, float64, float64, float64)"
    return compile_kernels({_step: signature})[0]


def adam_step(
    parameter: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    rate: Tensor,
    decay: Tensor,
    count: int,
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    """Step ``count`` (from 1) of every trial, on float32 tensors on the CPU.

    Args:
        parameter: [T, ...], changed in place, as are mean and square.
        gradient: Of the same shape.
        mean: Running mean of the gradients, contiguous.
        square: Running mean of their squares, contiguous.
        rate: Learning rates, [T].
        decay: L2 weight decays, [T].
        count: The step's number.
        betas: Decay rates of mean and square.
        epsilon: Added to the root.
    """
    trials = len(rate)
    flat = parameter.contiguous()
    rows = [tensor.contiguous().view(trials, -1).numpy() for tensor in (flat, gradient, mean, square)]
    compiled()(*rows, rate.contiguous().numpy(), decay.numpy(), count, *betas, epsilon)
    if flat.data_ptr() != parameter.data_ptr():
        parameter.copy_(flat)
