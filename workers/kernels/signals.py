"""Signals as the kernels hold them, and what is done to one block of them; numba functions.

The batch is in the SIMD lanes. A signal is ``[blocks, ROWS * LANES]``: LANES samples a block, a row of lanes a
position, and PAD rows of zeros on either side, so that a neighbour in position is a shift by LANES and no loop has
a boundary. ``n`` is the number of positions times LANES; lanes without a sample are zero wherever a state of the
network or its gradient is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])

LANES = 16
#: Rows of zeros around a signal: the bandwidth of A'A for seven taps.
PAD = 6
START = PAD * LANES

ZERO = np.float32(0)

#: What LLVM may assume. Never that there are no NaNs: a diverged trial must stay visible.
FLAGS = {"reassoc", "contract", "nsz", "arcp"}


def helper(function: F) -> F:
    """Compiles a function that the passes call.

    Always inlined: a function that the linker could also take from where it was first compiled would round
    differently in the process that fills the cache and in those that read it.
    """
    return cast(F, njit(nogil=True, fastmath=FLAGS, forceinline=True)(function))


@helper
def used_lanes(block: int, samples: int) -> int:
    """Lanes of a block that hold samples."""
    return min(LANES, samples - block * LANES)


@helper
def clear_lanes(signal: Any, samples: int, n: int) -> None:
    """Zeroes the lanes of the last block that hold no sample."""
    used = samples - (len(signal) - 1) * LANES
    if used < LANES:
        last = signal[len(signal) - 1]
        for row in range(START, START + n, LANES):
            for lane in range(used, LANES):
                last[row + lane] = ZERO


@helper
def add(a: Any, scale: Any, out: Any) -> None:
    """Adds ``scale * a`` to out."""
    for i in range(len(a)):
        out[i] += scale * a[i]


@helper
def inner_product(a: Any, b: Any) -> Any:
    """The inner product of two vectors."""
    part = ZERO
    for i in range(len(a)):
        part += a[i] * b[i]
    return np.float64(part)


@helper
def inner_product_lanes(a: Any, b: Any, used: int) -> Any:
    """The inner product of two blocks over the lanes that hold samples."""
    if used == LANES:
        return inner_product(a, b)
    total = 0.0
    for row in range(0, len(a), LANES):
        for lane in range(used):
            total += a[row + lane] * b[row + lane]
    return total


@helper
def add_samples(signal: Any, block: int, scale: Any, out: Any) -> None:
    """Adds ``scale`` times one block of a signal [positions, samples]."""
    positions, samples = signal.shape
    first = block * LANES
    used = used_lanes(block, samples)
    for q in range(positions):
        x, o = signal[q][first : first + used], out[START + q * LANES : START + q * LANES + used]
        if used == LANES:
            for lane in range(LANES):
                o[lane] += scale * x[lane]
        else:
            for lane in range(used):
                o[lane] += scale * x[lane]


@helper
def inner_product_samples(signal: Any, block: int, d: Any) -> Any:
    """The inner product of one block with a signal [positions, samples]."""
    positions, samples = signal.shape
    first = block * LANES
    used = used_lanes(block, samples)
    total = 0.0
    for q in range(positions):
        x, o = signal[q][first : first + used], d[START + q * LANES : START + q * LANES + used]
        part = ZERO
        if used == LANES:
            for lane in range(LANES):
                part += x[lane] * o[lane]
        else:
            for lane in range(used):
                part += x[lane] * o[lane]
        total += float(part)
    return total


@helper
def add_band(band: Any, u: Any, scale: Any, out: Any, n: int) -> None:
    """Adds ``scale`` times the banded matrix [positions, 2 PAD + 1] applied to one block."""
    for q in range(n // LANES):
        c = band[q]
        c0, c1, c2, c3, c4, c5, c6 = c[0], c[1], c[2], c[3], c[4], c[5], c[6]
        c7, c8, c9, c10, c11, c12 = c[7], c[8], c[9], c[10], c[11], c[12]
        r = q * LANES
        for i in range(r, r + LANES):
            value = c0 * u[i] + c1 * u[i + 16] + c2 * u[i + 32] + c3 * u[i + 48] + c4 * u[i + 64] + c5 * u[i + 80]
            value += c6 * u[i + 96] + c7 * u[i + 112] + c8 * u[i + 128] + c9 * u[i + 144] + c10 * u[i + 160]
            out[i + START] += scale * (value + c11 * u[i + 176] + c12 * u[i + 192])


@helper
def roll(u: Any, block: int, samples: int, shift: int, n: int, out: Any) -> None:
    """One block of the state shifted by a position, and by ``shift`` (0 or 1) samples; rows start at 0 in out."""
    x = u[block]
    for i in range(n - LANES):
        out[LANES + i] = x[START + i - shift]
    for lane in range(LANES):
        out[lane] = x[START + n - LANES + lane - shift]
    if shift:
        source, lane = (block - 1, LANES - 1) if block else (len(u) - 1, (samples - 1) % LANES)
        for row in range(0, n, LANES):
            out[row] = u[source][START + (row - LANES) % n + lane]


@helper
def unroll(u: Any, block: int, samples: int, shift: int, n: int, out: Any) -> None:
    """The adjoint of :func:`roll`."""
    x = u[block]
    for i in range(n - LANES):
        out[i] = x[START + LANES + i + shift]
    for lane in range(LANES):
        out[n - LANES + lane] = x[START + lane + shift]
    if shift:
        last = block == len(u) - 1
        lane = (samples - 1) % LANES if last else LANES - 1
        source = 0 if last else block + 1
        for row in range(0, n, LANES):
            out[row + lane] = u[source][START + (row + LANES) % n]


@helper
def merge_forward(inputs: Any, merge: Any, index: int, count: int, width: int, out: Any, n: int) -> None:
    """The convolution 2 -> 1 that ends a cell, added to out."""
    for block in range(len(out)):
        o = out[block][START : START + n]
        constant = merge[count * 2 * width + index]
        for i in range(n):
            o[i] += constant
        for channel in range(2):
            for k in range(width):
                weight = merge[(index * 2 + channel) * width + k]
                offset = START + (k - width // 2) * LANES
                add(inputs[channel, block][offset : offset + n], weight, o)


@helper
def merge_backward(
    inputs: Any, merge: Any, index: int, count: int, width: int, d: Any, out: Any, grad: Any, to_weights: bool, n: int
) -> None:
    """The gradients of :func:`merge_forward`, added to those of its inputs and, where asked, of its weights."""
    for block in range(len(d)):
        inner = d[block][START : START + n]
        if to_weights:
            total = ZERO
            for i in range(n):
                total += inner[i]
            grad[count * 2 * width + index] += total
        for channel in range(2):
            for k in range(width):
                place = (index * 2 + channel) * width + k
                offset = (k - width // 2) * LANES
                if to_weights:
                    x = inputs[channel, block][START + offset : START + offset + n]
                    grad[place] += np.float32(inner_product(inner, x))
                add(d[block][START - offset : START - offset + n], merge[place], out[channel, block][START : START + n])
