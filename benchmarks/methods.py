"""The time of a step of every method of DAS, relative to DARTS, side by side.

    python -m benchmarks.methods [ROUNDS] [METHOD ...]

Each round runs one epoch (19 steps) of every method in turn with the fused kernels (H1, all operations, 8 channels,
sequential space, blur), in the process's own time on one core, so that the load of the machine is the same for all.
Median of the ratios to DARTS in the same round. What a method does at the end (a ranking, a projection, running
statistics that are estimated again) is a second column: in steps of DARTS, for a search of 50 epochs.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from spaces.hyperparameters import preset
from spaces.inverse_1d.registries import METHODS
from spaces.inverse_1d.trial import BATCHES_PER_EPOCH, InverseTrial
from spaces.references import resolve
from workers.methods.fresh import fresh_weights
from workers.methods.pieces import Start, Update
from workers.methods.state import SearchState
from workers.trials.group import TrialGroup
from workers.trials.search import initial_alpha, settle

#: What all are compared with.
REFERENCE = "darts"

EPOCHS = 50


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each method."""
    given = sys.argv[1:] if arguments is None else arguments
    rounds = int(given[0]) if given else 9
    names = given[1:] or list(METHODS)
    torch.set_num_threads(1)
    searches = {name: Search(name) for name in dict.fromkeys([REFERENCE, *names])}
    for search in searches.values():
        search.epoch()
    times: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(rounds):
        for name, search in searches.items():
            times[name].append(taken(search.epoch))
    step = statistics.median(times[REFERENCE]) / BATCHES_PER_EPOCH
    print("| method | step, of DARTS' | at the end, steps of DARTS |\n|---|---|---|")
    for name in names:
        ratios = [ours / theirs for ours, theirs in zip(times[name], times[REFERENCE], strict=True)]
        print(f"| `{name}` | {statistics.median(ratios):.2f} | {taken(searches[name].end) / step:.0f} |", flush=True)


def taken(work: Callable[[], object]) -> float:
    """Processor seconds of the work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


class Search:
    """A search of one trial by a method."""

    def __init__(self, name: str) -> None:
        self._method = METHODS[name]
        spec = InverseTrial(preset("H1", name), budget=EPOCHS, seed=0, operations="all", method=name)
        group = TrialGroup.of([spec], kernel="fused")
        network = group.relaxed()
        forward, _ = group.forward_of(network)
        # Of DAS-single too: the step takes as long with other weights.
        weights = fresh_weights(Start(group, network.layout))
        self._state = SearchState(
            [spec],
            (network, forward),
            resolve(self._method.relaxation)(),
            weights,
            initial_alpha([spec], network.layout),
            lambda stream: group.batches(stream, network.layout),
            "cpu",
        )
        if self._method.regulariser is not None:
            self._state.regulariser = resolve(self._method.regulariser)
        self._update: Update = resolve(self._method.update)(self._state)
        self._batches = [self._state.batches(name) for name in ("training", "validation")]

    def epoch(self) -> None:
        """One epoch of steps."""
        pairs = zip(*(batches.draw(BATCHES_PER_EPOCH) for batches in self._batches), strict=True)
        for training, validation in pairs:
            self._update.step(
                training if self._update.sees_training else None, validation if self._update.sees_validation else None
            )
            self._state.step += 1

    def end(self) -> None:
        """What comes after the last step, less the one-shot validation."""
        self._state.step = self._state.specs[0].steps - 1
        self._update.finish()
        settle(self._state)
        resolve(self._method.selection)(self._state)


if __name__ == "__main__":
    main()
