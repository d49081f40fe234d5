"""Standard normal numbers for the noise operations on the CPU; a numba function.

A search step draws 128,000 of them, which takes torch a tenth of the step. Here 64 lanes of xoshiro128++
(Blackman and Vigna, 2018) run side by side, and the Box-Muller transform uses polynomials that fill the SIMD lanes
(with the coefficients of the Cephes library).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from workers.kernels.cache import compile_kernels

LANES = 64
#: Pairs of numbers made at a time.
CHUNK = 512

_MASK = 2**64 - 1
_QUARTER = np.float32(np.pi / 2 / 2**30)
_LN2 = np.float32(np.log(2))


def _fill(state: Any, out: Any) -> None:
    """Fills out with standard normal numbers; state is uint32 [4, LANES]."""
    bits, angle = np.empty(CHUNK, np.uint32), np.empty(CHUNK, np.uint32)
    radius, mantissa = np.empty(CHUNK, np.float32), np.empty(CHUNK, np.uint32)
    pair = np.empty(2 * CHUNK, np.float32)
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    uniform, fraction = radius.view(np.uint32), mantissa.view(np.float32)
    for start in range(0, len(out), 2 * CHUNK):
        for draw in range(2):
            drawn = angle if draw else bits
            for block in range(0, CHUNK, LANES):
                for lane in range(LANES):
                    a, b, c, d = s0[lane], s1[lane], s2[lane], s3[lane]
                    total = np.uint32(a + d)
                    drawn[block + lane] = np.uint32((total << 7) | (total >> 25)) + a
                    shifted = np.uint32(b << 9)
                    c = np.uint32(c ^ a)
                    d = np.uint32(d ^ b)
                    s1[lane] = np.uint32(b ^ c)
                    s0[lane] = np.uint32(a ^ d)
                    s2[lane] = np.uint32(c ^ shifted)
                    s3[lane] = np.uint32((d << 11) | (d >> 21))
        # 24 bits as a number u in (0, 1], and from it log u = exponent * log 2 + log of the fraction in [1, 2).
        for i in range(CHUNK):
            radius[i] = np.float32(np.int32(bits[i] >> 8) + 1) * np.float32(2.0**-24)
        for i in range(CHUNK):
            mantissa[i] = np.uint32((uniform[i] & 0x7FFFFF) | 0x3F800000)
            bits[i] = uniform[i] >> 23
        for i in range(CHUNK):
            exponent, f = np.float32(np.int32(bits[i])) - np.float32(127), fraction[i]
            above = f > np.float32(1.41421356)
            f = np.float32(0.5) * f if above else f
            exponent = exponent + np.float32(1) if above else exponent
            f -= np.float32(1)
            log = np.float32(7.0376836292e-2)
            log = log * f - np.float32(1.1514610310e-1)
            log = log * f + np.float32(1.1676998740e-1)
            log = log * f - np.float32(1.2420140846e-1)
            log = log * f + np.float32(1.4249322787e-1)
            log = log * f - np.float32(1.6668057665e-1)
            log = log * f + np.float32(2.0000714765e-1)
            log = log * f - np.float32(2.4999993993e-1)
            log = log * f + np.float32(3.3333331174e-1)
            log = f + f * f * (f * log - np.float32(0.5)) + exponent * _LN2
            log = log if log < 0 else np.float32(0)
            radius[i] = np.sqrt(np.float32(-2) * log)
        # An angle within a quarter of the circle, and the quarter: two bits.
        for i in range(CHUNK):
            t = np.float32(np.int32(angle[i] & 0x3FFFFFFF) - 0x20000000) * _QUARTER
            q = t * t
            sine = np.float32(8.3321609e-3) + q * np.float32(-1.9515296e-4)
            sine = t * (np.float32(1) + q * (np.float32(-0.16666654) + q * sine))
            cosine = np.float32(-1.3887316e-3) + q * np.float32(2.4433157e-5)
            cosine = np.float32(1) + q * (np.float32(-0.5) + q * (np.float32(4.1666646e-2) + q * cosine))
            r = radius[i]
            swap = (angle[i] & 0x40000000) != 0
            x = sine if swap else cosine
            y = cosine if swap else sine
            r = -r if (angle[i] & 0x80000000) != 0 else r
            pair[i] = r * x
            pair[CHUNK + i] = r * y
        count = min(2 * CHUNK, len(out) - start)
        for i in range(count):
            out[start + i] = pair[i]


@functools.cache
def compiled() -> Callable[..., None]:
    """The kernel; compiled, or loaded from disk, on the first call."""
    return compile_kernels({_fill: "void(uint32[:,::1], float32[::1])"})[0]


class NormalStream:
    """A stream of standard normal numbers of its own, on the CPU.

    Args:
        seed: In [0, 2**64); equal seeds give equal streams, other seeds unrelated ones.
    """

    def __init__(self, seed: int) -> None:
        # SplitMix64 spreads the seed over the lanes, as the authors of xoshiro recommend.
        words = []
        for number in range(1, 2 * LANES + 1):
            z = (seed + number * 0x9E3779B97F4A7C15) & _MASK
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
            z ^= z >> 31
            words += [z & 0xFFFFFFFF, z >> 32]
        self._state = np.array(words, dtype=np.uint32).reshape(4, LANES)

    def fill(self, out: Tensor) -> None:
        """Overwrites a contiguous float32 tensor with the stream's next numbers."""
        compiled()(self._state, out.view(-1).numpy())
