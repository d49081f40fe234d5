"""Batch norm folded into the first convolution; numba functions.

A channel of conv1 is w.p with p the three neighbours of a position, so its mean and variance follow from the mean
and the covariance of p, and conv1 with batch norm is one affine map of p, in training mode too. The gradient through
the statistics is a 3-vector and a 3x3 matrix per state.

Instead of p = (lower, u, upper) the statistics are those of (u, c, s), c and s being the central and the second
difference: in this basis nothing cancels for a smooth signal. Sums over blocks and all that is per channel is float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workers.kernels.signals import LANES, START, ZERO, helper

#: torch.nn.BatchNorm1d's defaults.
EPSILON = 1e-5
MOMENTUM = 0.1

#: Numbers of a channel: the affine map of p (3 + 1), and conv2 (3) times the map's weight in the mix.
TAPS = 7


@helper
def measure(u: Any, samples: int, n: int, out: Any) -> None:
    """Mean (3) and covariance (6) of (u, c, s), c and s being the central and second difference of u.

    In this basis of the three neighbours nothing cancels for a smooth u. Two passes, summed over blocks in float64.
    """
    count = samples * (n // LANES)
    total = first = last = 0.0
    for block in range(len(u)):
        x = u[block][START : START + n]
        part = ZERO
        for i in range(n):
            part += x[i]
        total += float(part)
        for lane in range(LANES):
            first += x[lane]
            last += x[n - LANES + lane]
    out[0] = total / count
    out[1] = (last - first) / (2 * count)
    out[2] = -(last + first) / count
    m0, m1, m2 = np.float32(out[0]), np.float32(out[1]), np.float32(out[2])
    half, two = np.float32(0.5), np.float32(2)
    out[3:9] = 0.0
    for block in range(len(u)):
        lower = u[block][START - LANES : START - LANES + n]
        x = u[block][START : START + n]
        upper = u[block][START + LANES : START + LANES + n]
        s00 = s01 = s02 = s11 = s12 = s22 = ZERO
        for i in range(n):
            a = x[i] - m0
            b = half * (upper[i] - lower[i]) - m1
            c = upper[i] + lower[i] - two * x[i] - m2
            s00 += a * a
            s01 += a * b
            s02 += a * c
            s11 += b * b
            s12 += b * c
            s22 += c * c
        out[3] += s00
        out[4] += s01
        out[5] += s02
        out[6] += s11
        out[7] += s12
        out[8] += s22
    # A lane without a sample added the product of the means.
    empty = (len(u) * LANES - samples) * (n // LANES)
    k = 3
    for i in range(3):
        for j in range(i, 3):
            out[k] = (out[k] - empty * out[i] * out[j]) / count
            k += 1


@helper
def channel(w: Any, moments: Any) -> Any:
    """Mean and variance of w.p, and w in the basis of the moments."""
    a, b, c = np.float64(w[0]), np.float64(w[1]), np.float64(w[2])
    w0, w1, w2 = a + b + c, c - a, 0.5 * (a + c)
    mean = w0 * moments[0] + w1 * moments[1] + w2 * moments[2]
    variance = w0 * w0 * moments[3] + w1 * w1 * moments[6] + w2 * w2 * moments[8]
    variance += 2 * (w0 * w1 * moments[4] + w0 * w2 * moments[5] + w1 * w2 * moments[7])
    return mean, max(variance, 0.0), w0, w1, w2


@helper
def fold(
    m: int,
    weight: Any,
    parts: Any,
    moments: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    count: int,
    taps: Any,
) -> None:
    """Writes the taps of map m and, in training mode, its running statistics; ``weight`` is its part of the mix."""
    conv1, gamma, beta, conv2 = parts
    channels = gamma.shape[1]
    for c in range(channels):
        w = conv1[m, c]
        if training:
            mean, variance, _, _, _ = channel(w, moments)
            running_mean[m, c] += MOMENTUM * (mean - running_mean[m, c])
            running_var[m, c] += MOMENTUM * (variance * count / (count - 1) - running_var[m, c])
        else:
            mean, variance = np.float64(running_mean[m, c]), np.float64(running_var[m, c])
        scale = gamma[m, c] / np.sqrt(variance + EPSILON)
        t = taps[m * channels + c]
        t[0], t[1], t[2] = scale * w[0], scale * w[1], scale * w[2]
        t[3] = beta[m, c] - scale * mean
        t[4], t[5], t[6] = weight * conv2[m, c, 0], weight * conv2[m, c, 1], weight * conv2[m, c, 2]


@helper
def unfold(
    m: int, weight: Any, parts: Any, grads: Any, moments: Any, running_mean: Any, running_var: Any,
    training: bool, taps: Any, sums: Any, to_weights: bool, gm: Any, gS: Any,
) -> Any:  # fmt: skip
    """From the gradients of map m's taps to those of its weights, and of mean and covariance (gm, gS).

    Returns:
        The inner product of dL/dv with the map (without its bias and its weight in the mix).
    """
    conv1, gamma, _, _ = parts
    channels = gamma.shape[1]
    product = 0.0
    for c in range(channels):
        w, t, s = conv1[m, c], taps[m * channels + c], sums[m * channels + c]
        if training:
            mean, variance, w0, w1, w2 = channel(w, moments)
        else:
            mean, variance = np.float64(running_mean[m, c]), np.float64(running_var[m, c])
            w0 = w1 = w2 = 0.0
        product += np.float64(t[0]) * s[0] + np.float64(t[1]) * s[1] + np.float64(t[2]) * s[2] + np.float64(t[3]) * s[3]
        rstd = 1 / np.sqrt(variance + EPSILON)
        scale = gamma[m, c] * rstd
        dscale = np.float64(s[0]) * w[0] + np.float64(s[1]) * w[1] + np.float64(s[2]) * w[2] - s[3] * mean
        v0 = v1 = v2 = 0.0
        if training:
            dmean = -scale * s[3]
            dvariance = -0.5 * dscale * gamma[m, c] * rstd * rstd * rstd
            gm[0] += dmean * w0
            gm[1] += dmean * w1
            gm[2] += dmean * w2
            gS[0, 0] += dvariance * w0 * w0
            gS[0, 1] += dvariance * w0 * w1
            gS[0, 2] += dvariance * w0 * w2
            gS[1, 1] += dvariance * w1 * w1
            gS[1, 2] += dvariance * w1 * w2
            gS[2, 2] += dvariance * w2 * w2
            v0 = dmean * moments[0] + 2 * dvariance * (moments[3] * w0 + moments[4] * w1 + moments[5] * w2)
            v1 = dmean * moments[1] + 2 * dvariance * (moments[4] * w0 + moments[6] * w1 + moments[7] * w2)
            v2 = dmean * moments[2] + 2 * dvariance * (moments[5] * w0 + moments[7] * w1 + moments[8] * w2)
        if to_weights:
            dconv1, dgamma, dbeta, dconv2 = grads
            dconv1[m, c, 0] = scale * s[0] + v0 - v1 + 0.5 * v2
            dconv1[m, c, 1] = scale * s[1] + v0
            dconv1[m, c, 2] = scale * s[2] + v0 + v1 + 0.5 * v2
            dgamma[m, c] = dscale * rstd
            dbeta[m, c] = s[3]
            for k in range(3):
                dconv2[m, c, k] = weight * s[4 + k]
    return product / weight


@helper
def add_statistics(u: Any, gm: Any, gS: Any, moments: Any, samples: int, d: Any, n: int) -> None:
    """Adds the gradient that reaches u through mean and covariance: an affine map of p, gathered from p to u."""
    N = n // LANES
    count = samples * N
    # In the basis of the moments, then of p: R maps p to (u, c, s).
    R = np.array([[0.0, 1.0, 0.0], [-0.5, 0.0, 0.5], [1.0, -2.0, 1.0]])
    G = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            G[i, j] = 2 * gS[min(i, j), max(i, j)] / count
    constant = np.zeros(3)
    K = np.zeros((3, 3))
    for i in range(3):
        shifted = gm[i] / count
        for j in range(3):
            shifted -= G[i, j] * moments[j]
        for k in range(3):
            constant[k] += R[i, k] * shifted
    for i in range(3):
        for j in range(3):
            for k in range(3):
                for m in range(3):
                    K[k, m] += R[i, k] * G[i, j] * R[j, m]
    f0 = np.float32(K[0, 0] + K[1, 1] + K[2, 2])
    f1 = np.float32(K[0, 1] + K[1, 2])
    f2 = np.float32(K[0, 2])
    f = np.float32(constant[0] + constant[1] + constant[2])
    # Outside the signal there is no p that would pass anything on.
    c0, k0 = np.float32(constant[0]), np.float32(K[0, 0])
    c2, k2 = np.float32(constant[2]), np.float32(K[2, 2])
    for block in range(len(u)):
        x, o = u[block], d[block][START : START + n]
        a, b, c = x[START - 2 * LANES :], x[START - LANES :], x[START:]
        e, g = x[START + LANES :], x[START + 2 * LANES :]
        for i in range(n):
            o[i] += f0 * c[i] + f1 * (b[i] + e[i]) + f2 * (a[i] + g[i]) + f
        for lane in range(LANES):
            o[lane] -= c2 + k2 * c[lane]
            o[n - LANES + lane] -= c0 + k0 * c[n - LANES + lane]
