"""Proposals and fits of BOHB's model, against stock hpbandster's.

    python -m benchmarks.sampler [ROUNDS]

Both have the same results of the real search space at one budget. Measured alternately on one pinned
core, in the process's own time: a model-based proposal, and taking one more result in with the fit that
follows it. Median and quartiles.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from hpbandster.core.dispatcher import Job
from hpbandster.optimizers.config_generators.bohb import BOHB as STOCK

from das_hpo.optimisers.points import native
from das_hpo.optimisers.protocol import Proposal
from das_hpo.optimisers.sampler import SeededBohb
from das_hpo.optimizer_settings import OptimizerSettings
from spaces.hyperparameters import configuration_space
from spaces.identity import ConfigurationId

OBSERVATIONS = (50, 1_000, 10_000)

#: Milliseconds that a proposal may take.
TARGETS_MS = {1_000: 3.0, 10_000: 20.0}


def main(arguments: list[str] | None = None) -> None:
    """Prints one line for each number of observations."""
    given = sys.argv[1:] if arguments is None else arguments
    rounds = int(given[0]) if given else 11
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{'observations':>12}  {'what':<10}{'stock ms':>18}{'das-hpo ms':>18}{'ratio':>8}  target ms")
    for count in OBSERVATIONS:
        for what, stock, ours in measure(count, rounds):
            target = TARGETS_MS.get(count) if what == "proposal" else None
            ratio = statistics.median(stock) / statistics.median(ours)
            print(
                f"{count:>12,}  {what:<10}{shown(stock):>18}{shown(ours):>18}{ratio:>7.0f}x  "
                f"{'' if target is None else f'{target:g}'}",
                flush=True,
            )


def measure(count: int, rounds: int) -> list[tuple[str, list[float], list[float]]]:
    """Milliseconds of each round, for proposals and for fits: stock's and ours."""
    space = configuration_space()
    space.seed(count)
    generator = np.random.default_rng(count)
    jobs = [job(native(dict(sample)), generator) for sample in space.sample_configuration(count + 2 * rounds)]
    stock = STOCK(space, random_fraction=0.0)
    ours = SeededBohb(space, 0, OptimizerSettings(random_fraction=0.0))
    for number, one in enumerate(jobs[:count]):
        stock.new_result(one, update_model=number == count - 1)
        ours.observe(*observed(one))
    ours.model(1.0)
    np.random.seed(0)
    proposals: tuple[list[float], list[float]] = ([], [])
    fits: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        proposals[0].append(milliseconds(lambda: stock.get_config(1.0)))
        proposals[1].append(milliseconds(lambda number=number: ours.propose(1.0, ConfigurationId(0, 0, number))))
        more = jobs[count + number]
        fits[0].append(milliseconds(lambda more=more: stock.new_result(more)))

        def fit(more: Job = more) -> None:
            ours.observe(*observed(more))
            ours.model(1.0)

        fits[1].append(milliseconds(fit))
    return [("proposal", *proposals), ("fit", *fits)]


def job(configuration: dict[str, Any], generator: np.random.Generator) -> Job:
    """A finished job with a random loss."""
    made = Job((0, 0, 0), config=configuration, budget=1.0)
    made.result = {"loss": float(generator.normal()), "info": {}}
    return made


def observed(made: Job) -> tuple[Proposal, float]:
    """The same result as an optimiser of das-hpo is told it."""
    return Proposal(ConfigurationId(0, 0, 0), made.kwargs["budget"], made.kwargs["config"]), made.result["loss"]


def milliseconds(act: Callable[[], object]) -> float:
    """The processor time that it takes: both are single-threaded, and others may use the core as well."""
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1e3


def shown(values: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    main()
