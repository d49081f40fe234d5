"""A DAS step and a retraining step against a plain eager supernet, and against the arithmetic of the core.

    python -m benchmarks.steps [ROUNDS]

Each pair is measured alternately on one pinned core, in the process's own time: the loops of ``workers`` over an
epoch (fresh batches, learning curves and optimiser included), and the loop of ``benchmarks.plain``. Median and
quartiles. The limit is the time that a step's multiply-adds take at the rate of this core's float32 matrix product.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from benchmarks.plain import PlainTraining
from spaces.hyperparameters import preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.data_formation import POSITIONS, data_formation
from spaces.inverse_1d.networks import discrete_network, relaxed_network
from spaces.inverse_1d.registries import LEARNABLE_GRADIENT, NET, SEARCH_SPACES, edge_count
from spaces.inverse_1d.trial import InverseTrial
from workers.kernels import forward_for
from workers.methods.alternating import AlternatingFirstOrder
from workers.methods.softmax import Softmax
from workers.methods.state import SearchState
from workers.trials.batches import Batches
from workers.trials.curves import Curves
from workers.trials.group import TrialGroup
from workers.trials.search import initial_alpha, learn
from workers.trials.training import initial_weights, train

#: How many times faster than the plain supernet a step is to be.
TARGETS = {("sequential", "DAS"): 25, ("cell", "DAS"): 20, ("sequential", "retraining"): 15, ("cell", "retraining"): 15}

#: Multiply-adds per sample, position and channel of a learned map: forward; recomputed and backward to the input and
#: the statistics; and to conv2.
FORWARD, BACKWARD, CONV2 = 6, 13, 3


def main(arguments: list[str] | None = None) -> None:
    """Prints one line for each kind of step, space and width."""
    given = sys.argv[1:] if arguments is None else arguments
    rounds = int(given[0]) if given else 11
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    peak = matrix_peak()
    print(f"float32 matrix product on this core: {peak / 1e9:.0f} GFLOP/s")
    head = f"{'step':<11}{'space':<11}{'C':>3}{'plain ms':>25}{'fused ms':>22}{'ratio':>7}{'target':>8}"
    print(head + f"{'limit ms':>10}{'of it':>7}")
    for space in ("sequential", "cell"):
        for channels in (16, 64):
            for kind, plain, fused, flops in steps(space, channels):
                plain_ms, fused_ms = alternate(plain, fused, rounds)
                ratio, limit = statistics.median(plain_ms) / statistics.median(fused_ms), flops / peak * 1e3
                print(
                    f"{kind:<11}{space:<11}{channels:>3}{shown(plain_ms):>25}{shown(fused_ms):>22}{ratio:>6.0f}x"
                    f"{TARGETS[space, kind]:>7}x{limit:>10.2f}{statistics.median(fused_ms) / limit:>6.1f}x",
                    flush=True,
                )


def steps(space: str, channels: int) -> Iterator[tuple[str, Callable[[], int], Callable[[], int], float]]:
    """Kind, plain and fused loop (each runs some steps and says how many), and floating-point operations a step."""
    choices = Choices(channels=channels)
    formation = data_formation("blur", choices)
    unit = 2.0 * choices.batch_size * POSITIONS * channels
    spec = InverseTrial(preset("H1"), budget=1, seed=0, space=space, operations="all", choices=choices)

    def batches(name: str, slots: int) -> Batches:
        return Batches(formation, [0], name, choices.batch_size, [range(slots)], slots, "cpu")

    network = relaxed_network(space, "all", formation, choices)
    layout = network.layout
    forward, _ = forward_for(network, 1, "cpu", "fused")
    weights, buffers = initial_weights([spec], layout, "weights", "cpu"), layout.initial_buffers(1)
    alpha = initial_alpha([spec], layout)
    plain = PlainTraining(space, "all", formation, choices)

    def search() -> int:
        slots = len(layout.noise_index)
        made = SearchState(
            [spec], (network, forward), Softmax(), (weights, buffers), alpha, lambda name: batches(name, slots), "cpu"
        )
        learn(made, AlternatingFirstOrder(made), Curves(1))
        return spec.steps

    flops = unit * len(layout.maps) * (2 * FORWARD + 2 * BACKWARD + CONV2)
    yield "DAS", repeated(plain.das_step), search, flops

    size = SEARCH_SPACES[space].size
    cell = ((LEARNABLE_GRADIENT, NET) * size)[:size]
    architecture = Architecture.of_edges(space, cell * (edge_count(space) // size))
    discrete = discrete_network(architecture, formation, choices)
    discrete_forward, _ = forward_for(discrete, 1, "cpu", "fused")
    discrete_weights = initial_weights([spec], discrete.layout, "weights", "cpu")
    plain_discrete = PlainTraining(space, str(architecture), formation, choices)

    def retrain() -> int:
        group = TrialGroup([spec], formation, Curves(1))
        train(group, discrete.layout, discrete_forward, discrete_weights, None, batches("batches", 0), "")
        return spec.steps

    flops = unit * len(discrete.layout.maps) * (FORWARD + BACKWARD + CONV2)
    yield "retraining", repeated(plain_discrete.retraining_step), retrain, flops


def repeated(step: Callable[[], None]) -> Callable[[], int]:
    """Two steps of the plain loop."""

    def run() -> int:
        step()
        step()
        return 2

    return run


def alternate(first: Callable[[], int], second: Callable[[], int], rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds a step of each, round by round; the round before the first is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for run, found in zip((first, second), times, strict=True):
            begin = time.process_time()
            count = run()
            found.append((time.process_time() - begin) / count * 1e3)
    return times[0][1:], times[1][1:]


def matrix_peak(size: int = 512) -> float:
    """Floating-point operations a second of a float32 matrix product, best of many."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(50):
        begin = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - begin)
    return 2.0 * size**3 / best


def shown(values: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
