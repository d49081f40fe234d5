"""The forward and backward pass of a whole network, for one trial on one core; numba functions.

The network is a graph of states (see :class:`workers.kernels.fused.Graph`). The backward pass recomputes the
activations of the learned maps instead of storing them; the weight gradient, the gradient of alpha or either is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workers.kernels.convolutions import (
    backward_all,
    backward_input,
    backward_products,
    backward_weights,
    maps_forward,
)
from workers.kernels.normalisation import add_statistics, fold, measure, unfold
from workers.kernels.signals import (
    LANES,
    START,
    ZERO,
    add,
    add_band,
    add_samples,
    clear_lanes,
    helper,
    inner_product,
    inner_product_lanes,
    inner_product_samples,
    merge_backward,
    merge_forward,
    roll,
    unroll,
    used_lanes,
)

#: Columns of the edge table: one row per edge that can carry something, sorted by source. EDGE is the row of the
#: mix. The learned maps and the columns of the mix are -1 where the edge has no such operation.
SOURCE, TARGET, EDGE, LG_MAP, NET_MAP, LG, NET, ROLL, NOISE, SLOT = range(10)

ONE = np.float32(1)
#: Stands for a weight of 0 in the mix, so that a map's inner product can be divided by it.
LEAST = np.float32(1e-20)


@helper
def _parts(weights: Any, M: int, C: int) -> Any:
    """Views of the flat weights: conv1, gamma, beta, conv2, bias, and the rest (the merging convolutions)."""
    a = M * C
    return (
        weights[: 3 * a].reshape(M, C, 3),
        weights[3 * a : 4 * a].reshape(M, C),
        weights[4 * a : 5 * a].reshape(M, C),
        weights[5 * a : 8 * a].reshape(M, C, 3),
        weights[8 * a : 8 * a + M],
        weights[8 * a + M :],
    )


@helper
def _mixed(mix: Any, row: Any, column: int) -> Any:
    """The weight of an operation of the edge; 0 if it has no such operation."""
    return mix[row[EDGE], row[column]] if row[column] >= 0 else ZERO


@helper
def _map_weight(mix: Any, row: Any, m: int, tau: Any) -> Any:
    """The factor of map m in what the edge carries; never 0."""
    weight = ZERO
    if row[LG_MAP] == m:
        weight -= tau * _mixed(mix, row, LG)
    if row[NET_MAP] == m:
        weight += _mixed(mix, row, NET)
    return weight if abs(weight) > LEAST or weight != weight else LEAST


@helper
def _map_range(row: Any) -> Any:
    """First and last + 1 of the edge's learned maps; equal if it has none."""
    first = row[LG_MAP] if row[LG_MAP] >= 0 else row[NET_MAP]
    if first < 0:
        return 0, 0
    return first, max(row[LG_MAP], row[NET_MAP]) + 1


@helper
def _leaving(edges: Any, state: int) -> Any:
    """First and last + 1 of the edges that leave a state, and whether they have maps, and gradient steps."""
    first = 0
    while first < len(edges) and edges[first, SOURCE] < state:
        first += 1
    end = first
    maps = steps = False
    while end < len(edges) and edges[end, SOURCE] == state:
        maps |= edges[end, LG_MAP] >= 0 or edges[end, NET_MAP] >= 0
        steps |= edges[end, LG] >= 0 or edges[end, NOISE] >= 0
        end += 1
    return first, end, maps, steps


def forward(
    edges: Any,  # int64 [E', 10]: see SOURCE to SLOT
    merges: Any,  # int64 [S]: the merging convolution that makes a state of the two before it, or -1
    width: int,  # of the merging convolutions
    weights: Any,  # [P]
    mix: Any,  # [E, O]
    noise: Any,  # [slots, N, B]
    band: Any,  # [N, 2 PAD + 1]: I - tau A'A
    tau: Any,
    sigma: Any,
    shift: int,  # samples that roll shifts by
    running_mean: Any,  # [M, C]
    running_var: Any,  # [M, C]
    training: bool,
    states: Any,  # [S, blocks, ROWS * LANES], kept for the backward pass as all that follow
    steps: Any,  # [S, blocks, ROWS * LANES]: u - tau (A'A u - u0)
    moments: Any,  # float64 [S, 9]
    taps: Any,  # [M * C, TAPS]
    u0: Any,  # [N, B]: A'y
    residual: bool,  # whether u0 is added to the last state
    out: Any,  # [N, B]
) -> None:
    """The whole network; writes ``out`` and what the backward pass needs."""
    N, samples = u0.shape
    M, C = running_mean.shape
    n, blocks = N * LANES, states.shape[1]
    conv1, gamma, beta, conv2, bias, merge = _parts(weights, M, C)
    g = np.zeros((3, n + 2 * LANES), np.float32)
    rolled = np.empty(n, np.float32)
    for state in range(len(states)):
        for block in range(blocks):
            states[state, block, START : START + n] = ZERO
    for block in range(blocks):
        add_samples(u0, block, ONE, states[0, block])

    for state in range(len(states)):
        u = states[state]
        if merges[state] >= 0:
            merge_forward(states[state - 2 : state], merge, merges[state], merges.max() + 1, width, u, n)
        clear_lanes(u, samples, n)
        first, end, maps, step = _leaving(edges, state)
        if maps and training:
            measure(u, samples, n, moments[state])
        for e in range(first, end):
            row = edges[e]
            start, stop = _map_range(row)
            for m in range(start, stop):
                weight = _map_weight(mix, row, m, tau)
                fold(
                    m,
                    weight,
                    (conv1, gamma, beta, conv2),
                    moments[state],
                    running_mean,
                    running_var,
                    training,
                    samples * N,
                    taps,
                )
        for block in range(blocks):
            if step:
                s = steps[state, block]
                s[START : START + n] = ZERO
                add_samples(u0, block, tau, s)
                add_band(band, u[block], ONE, s, n)
            for e in range(first, end):
                row = edges[e]
                target = states[row[TARGET], block][START : START + n]
                start, stop = _map_range(row)
                if stop > start:
                    g[:] = ZERO
                    constant = ZERO
                    for m in range(start, stop):
                        constant += _map_weight(mix, row, m, tau) * bias[m]
                    maps_forward(u[block], taps[start * C : stop * C], g, n)
                    g0, g1, g2 = g[0], g[1], g[2]
                    for i in range(n):
                        target[i] += g0[i] + g1[i + LANES] + g2[i + 2 * LANES] + constant
                if row[LG] >= 0 or row[NOISE] >= 0:
                    add(steps[state, block][START : START + n], _mixed(mix, row, LG) + _mixed(mix, row, NOISE), target)
                if row[NOISE] >= 0:
                    add_samples(noise[row[SLOT]], block, sigma * _mixed(mix, row, NOISE), states[row[TARGET], block])
                if row[ROLL] >= 0:
                    roll(u, block, samples, shift, n, rolled)
                    add(rolled, _mixed(mix, row, ROLL), target)

    last = states[len(states) - 1]
    for q in range(N):
        for b in range(samples):
            value = last[b // LANES, START + q * LANES + b % LANES]
            out[q, b] = value + u0[q, b] if residual else value


def backward(
    edges: Any,  # as for the forward pass, up to taps
    merges: Any,
    width: int,
    weights: Any,
    mix: Any,
    noise: Any,
    band: Any,
    tau: Any,
    sigma: Any,
    shift: int,
    running_mean: Any,
    running_var: Any,
    training: bool,
    states: Any,
    steps: Any,
    moments: Any,
    taps: Any,
    grad_out: Any,  # [N, B]: dL/dx_hat
    grads: Any,  # [S, blocks, ROWS * LANES], scratch: dL/dstate
    sums: Any,  # [M * C, TAPS], scratch
    to_weights: bool,
    to_mix: bool,
    grad_weights: Any,  # [P], written where to_weights
    grad_mix: Any,  # [E, O], written where to_mix
) -> None:
    """The gradients of the weights, of the mix, or of both."""
    N, samples = grad_out.shape
    M, C = running_mean.shape
    n, blocks = N * LANES, states.shape[1]
    conv1, gamma, beta, conv2, bias, merge = _parts(weights, M, C)
    dconv1, dgamma, dbeta, dconv2, dbias, dmerge = _parts(grad_weights, M, C)
    g = np.zeros((3, n + 2 * LANES), np.float32)
    inner = np.zeros(states.shape[2], np.float32)
    rolled = np.empty(n, np.float32)
    gm, gS = np.zeros(3), np.zeros((3, 3))
    dmerge[:] = ZERO
    sums[:] = ZERO
    grad_mix[:] = ZERO
    for state in range(len(states)):
        for block in range(blocks):
            grads[state, block, START : START + n] = ZERO
    for block in range(blocks):
        add_samples(grad_out, block, ONE, grads[len(states) - 1, block])

    for state in range(len(states) - 1, -1, -1):
        u, du = states[state], grads[state]
        first, end, maps, step = _leaving(edges, state)
        to_input = state > 0
        for block in range(blocks):
            if to_input and maps:
                g[:] = ZERO
            if to_input and step:
                inner[START : START + n] = ZERO
            for e in range(first, end):
                row = edges[e]
                d = grads[row[TARGET], block]
                dv = d[START : START + n]
                start, stop = _map_range(row)
                if stop > start:
                    here, total = taps[start * C : stop * C], sums[start * C : stop * C]
                    if to_input and to_weights:
                        backward_all(u[block], d, here, g, total, n)
                    elif to_input:
                        backward_input(u[block], d, here, g, total, n)
                    elif to_weights:
                        backward_weights(u[block], d, here, g, total, n)
                    else:
                        backward_products(u[block], d, here, g, total, n)
                if row[LG] >= 0 or row[NOISE] >= 0:
                    if to_input:
                        add(dv, _mixed(mix, row, LG) + _mixed(mix, row, NOISE), inner[START : START + n])
                    if to_mix:
                        product = inner_product(dv, steps[state, block][START : START + n])
                        if row[LG] >= 0:
                            grad_mix[row[EDGE], row[LG]] += product
                        if row[NOISE] >= 0:
                            product += sigma * inner_product_samples(noise[row[SLOT]], block, d)
                            grad_mix[row[EDGE], row[NOISE]] += product
                if row[ROLL] >= 0 and (to_input or to_mix):
                    unroll(grads[row[TARGET]], block, samples, shift, n, rolled)
                    if to_input:
                        add(rolled, _mixed(mix, row, ROLL), du[block][START : START + n])
                    if to_mix:
                        grad_mix[row[EDGE], row[ROLL]] += inner_product_lanes(
                            rolled, u[block][START : START + n], used_lanes(block, samples)
                        )
            if to_input and maps:
                g0, g1, g2, o = g[0][2 * LANES :], g[1][LANES:], g[2], du[block][START : START + n]
                for i in range(n):
                    o[i] += g0[i] + g1[i] + g2[i]
            if to_input and step:
                add_band(band, inner, ONE, du[block], n)

        gm[:] = 0.0
        gS[:] = 0.0
        for e in range(first, end):
            row = edges[e]
            start, stop = _map_range(row)
            if stop == start:
                continue
            total = 0.0
            for block in range(blocks):
                part = ZERO
                dv = grads[row[TARGET], block][START : START + n]
                for i in range(n):
                    part += dv[i]
                total += float(part)
            for m in range(start, stop):
                weight = _map_weight(mix, row, m, tau)
                product = bias[m] * total + unfold(
                    m, weight, (conv1, gamma, beta, conv2), (dconv1, dgamma, dbeta, dconv2), moments[state],
                    running_mean, running_var, training, taps, sums, to_weights, gm, gS,
                )  # fmt: skip
                if to_weights:
                    dbias[m] = weight * total
                if to_mix and row[LG_MAP] == m:
                    grad_mix[row[EDGE], row[LG]] -= tau * product
                if to_mix and row[NET_MAP] == m:
                    grad_mix[row[EDGE], row[NET]] += product
        if to_input:
            if maps and training:
                add_statistics(u, gm, gS, moments[state], samples, du, n)
            clear_lanes(du, samples, n)
            if merges[state] >= 0:
                merge_backward(
                    states[state - 2 : state], merge, merges[state], merges.max() + 1, width, du,
                    grads[state - 2 : state], dmerge, to_weights, n,
                )  # fmt: skip


def errors(x_hat: Any, x: Any, factor: float, mean_squares: Any, grad: Any) -> None:
    """Of each sample the mean square of x_hat - x [T, N, B] -> [T, B], and ``factor`` times x_hat - x."""
    trials, N, samples = x.shape
    share, scale = np.float32(1 / N), np.float32(factor)
    for trial in range(trials):
        total = mean_squares[trial]
        total[:] = ZERO
        for q in range(N):
            one, other, out = x_hat[trial, q], x[trial, q], grad[trial, q]
            for b in range(samples):
                difference = one[b] - other[b]
                total[b] += share * difference * difference
                out[b] = scale * difference


_GRAPH = "int64[:,::1], int64[::1], int64, float32[::1], float32[:,::1]"  # edges to mix
_OPERATOR = "float32[:,:,::1], float32[:,::1], float32, float32, int64"  # noise to shift
_STATISTICS = "float32[:,::1], float32[:,::1], boolean"
_KEPT = "float32[:,:,::1], float32[:,:,::1], float64[:,::1], float32[:,::1]"

#: What is compiled, with its signature.
SIGNATURES: dict[Callable[..., Any], str] = {
    forward: f"void({_GRAPH}, {_OPERATOR}, {_STATISTICS}, {_KEPT}, float32[:,::1], boolean, float32[:,::1])",
    backward: f"void({_GRAPH}, {_OPERATOR}, {_STATISTICS}, {_KEPT}, float32[:,::1], float32[:,:,::1], "
    "float32[:,::1], boolean, boolean, float32[::1], float32[:,::1])",
    errors: "void(float32[:,:,::1], float32[:,:,::1], float64, float32[:,::1], float32[:,:,::1])",
}
