"""The learned maps conv2(relu(affine(p))) of one block of samples, where nearly all arithmetic is; numba functions."""

from __future__ import annotations

from typing import Any

from workers.kernels.signals import LANES, START, ZERO, helper


@helper
def maps_forward(u: Any, taps: Any, g: Any, n: int) -> None:
    """Adds the three terms of conv2(relu(affine(p))) of one block to g [3, n + 2 rows], all channels of ``taps``."""
    p0, p1, p2 = u[START - LANES : START - LANES + n], u[START : START + n], u[START + LANES : START + LANES + n]
    g0, g1, g2 = g[0][LANES : LANES + n], g[1][LANES : LANES + n], g[2][LANES : LANES + n]
    channels = len(taps)
    # Four channels at a time, so that reading and writing g hides behind the arithmetic.
    for c in range(0, channels - 3, 4):
        a, b, d, e = taps[c], taps[c + 1], taps[c + 2], taps[c + 3]
        a0, a1, a2, a3, a4, a5, a6 = a[0], a[1], a[2], a[3], a[4], a[5], a[6]
        b0, b1, b2, b3, b4, b5, b6 = b[0], b[1], b[2], b[3], b[4], b[5], b[6]
        d0, d1, d2, d3, d4, d5, d6 = d[0], d[1], d[2], d[3], d[4], d[5], d[6]
        e0, e1, e2, e3, e4, e5, e6 = e[0], e[1], e[2], e[3], e[4], e[5], e[6]
        for i in range(n):
            x, y, z = p0[i], p1[i], p2[i]
            h = a0 * x + a1 * y + a2 * z + a3
            h = ZERO if h < 0 else h
            k = b0 * x + b1 * y + b2 * z + b3
            k = ZERO if k < 0 else k
            q = d0 * x + d1 * y + d2 * z + d3
            q = ZERO if q < 0 else q
            r = e0 * x + e1 * y + e2 * z + e3
            r = ZERO if r < 0 else r
            g0[i] += a4 * h + b4 * k + d4 * q + e4 * r
            g1[i] += a5 * h + b5 * k + d5 * q + e5 * r
            g2[i] += a6 * h + b6 * k + d6 * q + e6 * r
    for c in range(channels - channels % 4, channels):
        a = taps[c]
        a0, a1, a2, a3, a4, a5, a6 = a[0], a[1], a[2], a[3], a[4], a[5], a[6]
        for i in range(n):
            h = a0 * p0[i] + a1 * p1[i] + a2 * p2[i] + a3
            h = ZERO if h < 0 else h
            g0[i] += a4 * h
            g1[i] += a5 * h
            g2[i] += a6 * h


def _backward(to_input: bool, to_conv2: bool) -> Any:
    @helper
    def maps_backward(u: Any, d: Any, taps: Any, g: Any, sums: Any, n: int) -> None:
        """Adds one block's gradients, from d = dL/dv of the sum v of all maps of ``taps``.

        g [3, n + 2 rows] takes dL/dp (where ``to_input``), sums [channels, 7] the gradients of the taps
        (those of conv2 where ``to_conv2``).
        """
        p0, p1, p2 = u[START - LANES : START - LANES + n], u[START : START + n], u[START + LANES : START + LANES + n]
        d2, d1, d0 = d[START - LANES : START - LANES + n], d[START : START + n], d[START + LANES : START + LANES + n]
        g0, g1, g2 = g[0][LANES : LANES + n], g[1][LANES : LANES + n], g[2][LANES : LANES + n]
        for c in range(len(taps)):
            t = taps[c]
            t0, t1, t2, t3, t4, t5, t6 = t[0], t[1], t[2], t[3], t[4], t[5], t[6]
            s0 = s1 = s2 = s3 = s4 = s5 = s6 = ZERO
            for i in range(n):
                x, y, z = p0[i], p1[i], p2[i]
                h = t0 * x + t1 * y + t2 * z + t3
                e = t4 * d0[i] + t5 * d1[i] + t6 * d2[i]
                e = ZERO if h < 0 else e
                s0 += e * x
                s1 += e * y
                s2 += e * z
                s3 += e
                if to_conv2:
                    h = ZERO if h < 0 else h
                    s4 += h * d0[i]
                    s5 += h * d1[i]
                    s6 += h * d2[i]
                if to_input:
                    g0[i] += t0 * e
                    g1[i] += t1 * e
                    g2[i] += t2 * e
            s = sums[c]
            s[0] += s0
            s[1] += s1
            s[2] += s2
            s[3] += s3
            if to_conv2:
                s[4] += s4
                s[5] += s5
                s[6] += s6

    return maps_backward


backward_all = _backward(True, True)
backward_input = _backward(True, False)
backward_weights = _backward(False, True)
backward_products = _backward(False, False)
