"""Groups of runs in ``python -m benchmarks.coverage --only runs``: are objectives told apart that do not differ?

Runs differ by a standard deviation of ``between``, trials of an incumbent by 0.7 dB, of which a share is common to all
trials of one seed. The last rows are of runs that are not normal: the sample of a few runs says nothing of the rare
ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.populations import Count
from das_hpo.analysis.statistics import Trials, decide
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, MARGIN, UNDECIDED, WORSE
from das_hpo.analysis.statistics.replication import Runs, compare_runs
from das_hpo.analysis.statistics.samples import FloatArray

#: Standard deviation of the trials of one incumbent.
WITHIN = 0.7

DrawRuns = Callable[[np.random.Generator, int], FloatArray]


def normal_runs(between: float) -> DrawRuns:
    """Runs whose incumbents are normally good."""
    return lambda rng, n: rng.normal(0, between, n)


def two_kinds_of_runs(rng: np.random.Generator, n: int) -> FloatArray:
    """Three runs in ten find something 2 dB better."""
    return 2 * ((rng.random(n) < 0.3) - 0.3)


def skewed_runs(rng: np.random.Generator, n: int) -> FloatArray:
    """Most runs are about equally good, and a few are much worse."""
    return 1 - rng.exponential(1, n)


@dataclass(frozen=True, slots=True)
class World:
    """Two groups of runs; A is better by ``difference``, and trials of a seed share so much of their variance."""

    first: DrawRuns
    second: DrawRuns
    difference: float = 0.0
    shared: float = 0.0
    single: bool = False


WORLDS: dict[str, World] = {
    **{f"equal: runs differ by {sd:g} dB": World(normal_runs(sd), normal_runs(sd)) for sd in (0.0, 0.3, 1.0)},
    "equal: by 0.3 dB, seeds share half": World(normal_runs(0.3), normal_runs(0.3), shared=0.5),
    "equal: by 1 and by 0.1 dB": World(normal_runs(1.0), normal_runs(0.1)),
    "0.5 better: runs differ by 0.3 dB": World(normal_runs(0.3), normal_runs(0.3), difference=0.5),
    "equal: runs against one configuration": World(normal_runs(0.3), normal_runs(0.0), single=True),
    "equal: 3 of 10 runs are 2 dB better": World(two_kinds_of_runs, two_kinds_of_runs),
    "equal: runs are skewed": World(skewed_runs, skewed_runs),
}

#: Runs of A and of B, and trials of each incumbent.
SIZES = ((3, 3, 5), (3, 3, 75), (3, 10, 20), (5, 5, 20), (10, 10, 20))


def over_runs(replications: int) -> Iterator[tuple[str, ...]]:
    """The table: of each world and size."""
    yield "runs", "A, B, trials", "test rejects", "difference covers", "better", "as good", "worse", "wrong"
    for name, world in WORLDS.items():
        for n, m, trials in SIZES:
            rng = np.random.default_rng(8)
            verdicts = dict.fromkeys((BETTER, AS_GOOD, WORSE, UNDECIDED), 0)
            covers, rejected, wrong = Count(), 0, 0
            others = 1 if world.single else m
            for _ in range(replications):
                found = compare_runs(*_drawn(world, rng, n, others, trials))
                rejected += found.p_value < 0.05
                covers.add(found.difference_interval, world.difference)
                verdict = decide(found).verdict
                verdicts[verdict] += 1
                wrong += (
                    (verdict == BETTER and world.difference <= 0)
                    or (verdict == WORSE and world.difference >= 0)
                    or (verdict == AS_GOOD and abs(world.difference) >= MARGIN)
                )
            shares = [f"{verdicts[word] / replications:.1%}" for word in (BETTER, AS_GOOD, WORSE)]
            size = f"{n}, {others}, {trials}"
            yield name, size, f"{rejected / replications:.1%}", str(covers), *shares, f"{wrong / replications:.1%}"


def _drawn(world: World, rng: np.random.Generator, n: int, m: int, trials: int) -> tuple[Runs, Runs]:
    """Two groups, all of whose trials have the same seeds."""
    luck = rng.normal(0, WITHIN * np.sqrt(world.shared), trials)
    own = WITHIN * np.sqrt(1 - world.shared)
    groups = []
    for name, draw, count, mean in (("A", world.first, n, world.difference), ("B", world.second, m, 0.0)):
        rows = 20 + mean + draw(rng, count)[:, None] + luck + rng.normal(0, own, (count, trials))
        groups.append(Runs(name, [Trials(f"{name}{i}", row, range(trials)) for i, row in enumerate(rows)]))
    return groups[0], groups[1]
