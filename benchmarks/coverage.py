"""``python -m benchmarks.coverage``: how often the intervals hold the truth, and how often the verdicts are wrong.

Trials are drawn from populations of which the truth is known: normal, of two kinds, tied, of unequal spread,
diverging. Each number and verdict of ``das_hpo.analysis.statistics`` is computed from them, and each finding of
``das-hpo reproduce findings`` in worlds in which there is nothing to find. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pandas

from benchmarks.populations import CONTESTS, Contest, Count, Draw, diverging, normal, skewed, tied, two_kinds
from benchmarks.replication import over_runs
from benchmarks.stopping import stopping
from benchmarks.worlds import sentences
from das_hpo.analysis.reproduction import findings
from das_hpo.analysis.reproduction.paper import DATA, OPERATIONS, Cell
from das_hpo.analysis.statistics import (
    Trials,
    best_of_k,
    compare,
    correlation,
    decide,
    draws_to_beat,
    median_best,
    regression_line,
    summarise,
    variance_split,
)
from das_hpo.analysis.statistics.decisions import AS_GOOD, BETTER, MARGIN, UNDECIDED, WORSE
from das_hpo.analysis.statistics.samples import FloatArray, Interval

DrawPairs = Callable[[np.random.Generator, int], tuple[FloatArray, FloatArray]]

#: Draws from which the truth is computed where there is no formula.
MANY = 1_000_000


SAMPLES: dict[str, Draw] = {
    "normal": normal(),
    "two kinds, 50 %": two_kinds(0.5),
    "two kinds, 30 %": two_kinds(0.3),
    "two kinds, 10 %": two_kinds(0.1),
    "tied": tied,
    "skewed": skewed,
    "20 % diverge": diverging(0.2),
}


SIZES = ((5, 5), (5, 75), (10, 75), (20, 20), (75, 75))


def _correlated(slope: float) -> DrawPairs:
    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        x = rng.normal(0, 1, n)
        return x, slope * x + math.sqrt(1 - slope**2) * rng.normal(0, 1, n)

    return draw


def _spreading(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
    x = rng.normal(0, 1, n)
    return x, x * rng.normal(0, 1, n)


def _failing(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
    x, fails = rng.normal(0, 1, n), rng.random(n) < 0.05
    return x - 3 * fails, 0.3 * x + rng.normal(0, 1, n) - 8 * fails


CLOUDS: dict[str, DrawPairs] = {
    "normal, r = 0": _correlated(0.0),
    "normal, r = 0.5": _correlated(0.5),
    "y spreads more where x is far off, r = 0": _spreading,
    "5 % of trials fail": _failing,
}


def contests(replications: int) -> Iterator[tuple[str, ...]]:
    """Comparisons of two samples."""
    yield (
        "populations",
        "trials",
        "test rejects",
        "P covers",
        "difference covers",
        "better",
        "as good",
        "worse",
        "wrong",
    )
    for name, contest in CONTESTS.items():
        probability, difference = (0.5, 0.0) if contest.equal else truth_of(contest)
        for m, n in SIZES:
            if contest.shared and m != n:
                continue
            rng = np.random.default_rng(1)
            rejected, wrong, covers, bounds = 0, 0, Count(), Count()
            verdicts = dict.fromkeys((BETTER, AS_GOOD, WORSE, UNDECIDED), 0)
            for _ in range(replications):
                a, b = contest.draw(rng, m, n)
                seeds = range(m) if contest.shared else None
                found = compare(Trials("a", a, seeds), Trials("b", b, seeds))
                rejected += found.p_value < 0.05
                covers.add(found.improvement_interval, probability)
                bounds.add(found.difference_interval, difference)
                verdict = decide(found).verdict
                verdicts[verdict] += 1
                wrong += (
                    (verdict == BETTER and difference <= 0)
                    or (verdict == WORSE and difference >= 0)
                    or (verdict == AS_GOOD and abs(difference) >= MARGIN)
                )
            shares = [f"{verdicts[word] / replications:.1%}" for word in (BETTER, AS_GOOD, WORSE)]
            yield (
                name, f"{m}, {n}", f"{rejected / replications:.1%}", str(covers), str(bounds), *shares,
                f"{wrong / replications:.1%}",
            )  # fmt: skip


def truth_of(contest: Contest) -> tuple[float, float]:
    """Probability of superiority and median difference of two populations, from 3,000 trials each."""
    rng = np.random.default_rng(9)
    a, b = (np.nan_to_num(draw(rng, 3000), nan=-np.inf) for draw in (contest.first, contest.second))
    with np.errstate(invalid="ignore"):
        differences = np.subtract.outer(a, b).ravel()
    both = np.isnan(differences)
    probability = (float((differences > 0).sum()) + float((differences == 0).sum() + both.sum()) / 2) / len(differences)
    return probability, float(np.median(differences[~both]))


def single_samples(replications: int) -> Iterator[tuple[str, ...]]:
    """Intervals of one sample."""
    yield "population", "trials", "mean", "median", "best of k", "k", "median best of 5", "draws to beat"
    big = np.random.default_rng(4)
    for name, draw in SAMPLES.items():
        everything = draw(big, MANY)
        values = everything[np.isfinite(everything)]
        ranked = np.nan_to_num(everything, nan=-np.inf)
        median = float(np.median(ranked))
        best5 = float(np.median(ranked.reshape(-1, 5).max(axis=1)))
        threshold = float(np.quantile(values, 0.8))
        draws = 1 / float((ranked > threshold).mean())
        for n in (5, 10, 20, 40, 75):
            k = max(1, n // 10)
            groups = ranked[: MANY // k * k].reshape(-1, k).max(axis=1)
            expected = float(groups[np.isfinite(groups)].mean())
            counts = [Count() for _ in range(5)]
            rng = np.random.default_rng(2)
            for _ in range(replications):
                sample = draw(rng, n)
                summary = summarise(sample)
                curve = best_of_k(sample, [k])
                counts[0].add(summary.mean_interval, float(values.mean()))
                counts[1].add(summary.median_interval, median)
                counts[2].add(Interval(curve.low[0], curve.high[0], 0.95, ""), expected)
                counts[3].add(median_best(sample, 5)[1], best5)
                counts[4].add(draws_to_beat(sample, threshold).interval, draws)
            yield name, str(n), str(counts[0]), str(counts[1]), str(counts[2]), str(k), str(counts[3]), str(counts[4])


def correlated(replications: int) -> Iterator[tuple[str, ...]]:
    """Correlations and the regression line."""
    yield "cloud", "pairs", "Pearson", "Spearman", "Kendall", "slope", "r = 0 is rejected"
    for name, draw in CLOUDS.items():
        big = np.random.default_rng(5)
        x, y = draw(big, 200_000)
        truth = [correlation(x[:many], y[:many], kind).coefficient for kind, many in
                 (("pearson", MANY), ("spearman", MANY), ("kendall", 20_000))]  # fmt: skip
        slope = regression_line(x, y).slope
        if name.endswith("r = 0"):
            truth, slope = [0.0, 0.0, 0.0], 0.0
        for n in (10, 20, 40, 75):
            counts, rng, rejected = [Count() for _ in range(4)], np.random.default_rng(3), 0
            for _ in range(replications):
                x, y = draw(rng, n)
                for count, kind, right in zip(counts, ("pearson", "spearman", "kendall"), truth, strict=False):
                    found = correlation(x, y, kind)
                    count.add(found.interval, right)
                    rejected += kind == "spearman" and found.p_value < 0.05
                counts[3].add(regression_line(x, y).slope_interval, slope)
            yield name, str(n), *(str(count) for count in counts), f"{rejected / replications:.1%} (Spearman)"


def variance_shares(replications: int) -> Iterator[tuple[str, ...]]:
    """The share of variance that lies between architectures, of four retrainings each."""
    yield "architectures", "number", "share covers", "F test rejects"
    for name, spread, failing in (
        ("differ as much as retrainings", 1.0, 0.0),
        ("do not differ", 0.0, 0.0),
        ("10 % fail", 1.0, 0.1),
    ):
        between = spread**2 + 100 * failing * (1 - failing)
        for number in (15, 40, 75):
            count, rng, rejected = Count(), np.random.default_rng(6), 0
            for _ in range(replications):
                means = rng.normal(20, spread, number) - 10 * (rng.random(number) < failing)
                split = variance_split(list(means[:, None] + rng.normal(0, 1, (number, 4))))
                count.add(split.share_interval, between / (between + 1))
                rejected += split.p_value < 0.05
            yield name, str(number), str(count), f"{rejected / replications:.1%}"


def frame_of(values: FloatArray, one_shot: FloatArray | None = None, first_seed: int = 0) -> pandas.DataFrame:
    """Trials of a cell as the view ``results`` has them, as far as findings look."""
    seeds = np.arange(first_seed, first_seed + len(values))
    scores = values if one_shot is None else one_shot
    return pandas.DataFrame({"seed": seeds, "architecture_psnr": values, "one_shot_psnr": scores})


def null_world(finding: str, rng: np.random.Generator, trials: int, draw: Draw) -> dict[Cell, pandas.DataFrame]:
    """Trials among which there is nothing to find: neither what the finding says nor the contrary."""

    def sequential(operations: str, data: str, method: str = "das", preset: str = "H1") -> Cell:
        return Cell("sequential", operations, data, method, preset)

    def alike(cells: list[Cell]) -> dict[Cell, pandas.DataFrame]:
        return {cell: frame_of(draw(rng, trials), first_seed=1000 * i) for i, cell in enumerate(cells)}

    operations = "good" if finding == "random_search_on_good" else "all"
    if finding in ("random_search_on_good", "das_beats_random_on_all"):
        bests = [np.nan_to_num(draw(rng, 5 * trials), nan=-np.inf).reshape(-1, 5).max(axis=1) for _ in DATA]
        das = [np.where(np.isfinite(best), best, np.nan) for best in bests]
        cells = {sequential(operations, data): frame_of(values) for data, values in zip(DATA, das, strict=True)}
        return cells | {sequential(operations, d, "random"): frame_of(draw(rng, trials), first_seed=500) for d in DATA}
    if finding == "sequential_beats_cell":
        return alike([Cell(space, o, d) for space in ("sequential", "cell") for o in OPERATIONS for d in DATA])
    if finding == "hyperparameters_matter":
        return alike([sequential("good", "blur", preset=preset) for preset in ("H1", "H2", "BOHB-Blur")])
    if finding == "one_shot_tuning_is_no_better":
        cells = alike([sequential(o, "blur", preset=p) for o in OPERATIONS for p in ("H1", "BOHB-one-shot-Blur")])
        for cell in cells:  # as much better as the margin
            cells[cell]["architecture_psnr"] += MARGIN * (cell.preset != "H1")
        return cells
    if finding == "single_is_steadier":
        return alike([sequential("all", "blur", m, p) for m, p in
                      (("das-single", "BOHB-DAS-single"), ("das", "BOHB-one-shot-Blur"))])  # fmt: skip
    slope = (
        1 / math.sqrt(3) if finding == "weak_correlation" else 0.0
    )  # r = 0.5, at which a correlation is weak no more
    world = {}
    for cell in (sequential(o, d) for o in OPERATIONS for d in DATA):
        values = draw(rng, trials)
        if finding == "large_variance":  # exactly so large as is called large
            values = 20 + findings.LARGE_SD * (values - 20)
        one_shot = slope * (values - 20) + rng.normal(0, 1, trials)
        world[cell] = frame_of(values, one_shot)
    return world


#: The populations of null worlds; what is said of variance and correlation needs normal ones to be at its limit.
NULL_POPULATIONS: dict[str, Draw] = {"normal": normal(20, 1), "two kinds": two_kinds(0.3), "diverging": diverging(0.15)}


def null_findings(replications: int) -> Iterator[tuple[str, ...]]:
    """Findings where there is nothing to find."""
    yield "finding", "trials a cell", *(f"undecided: {name}" for name in NULL_POPULATIONS)
    for rule in findings.RULES:
        for trials in (20, 75):
            shares = []
            for name, draw in NULL_POPULATIONS.items():
                if name != "normal" and rule.__name__ in ("large_variance", "weak_correlation"):
                    shares.append("-")
                    continue
                rng, undecided = np.random.default_rng(8), 0
                for _ in range(replications):
                    verdict = rule(null_world(rule.__name__, rng, trials, draw)).verdict
                    undecided += verdict in (findings.OPEN, findings.NO_DATA)
                shares.append(f"{undecided / replications:.1%}")
            yield rule.__name__.replace("_", " "), str(trials), *shares


SECTIONS: dict[str, tuple[str, Callable[[int], Iterator[tuple[str, ...]]]]] = {
    "contests": ("Two samples compared (level 95 %, margin 0.25)", contests),
    "sentences": ("What das-hpo compare says of two campaigns in a database", sentences),
    "stopping": ("Trials added until it is decided (level 95 %, margin 0.25, at most 300 trials of each)", stopping),
    "runs": ("Groups of runs compared (level 95 %, margin 0.25; trials of an incumbent differ by 0.7 dB)", over_runs),
    "samples": ("One sample", single_samples),
    "correlations": ("Correlations and regression", correlated),
    "variance": ("Variance between architectures", variance_shares),
    "findings": ("The paper's findings in worlds where there is nothing to find", null_findings),
}


def main(arguments: list[str]) -> int:
    """Prints the tables in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--replications", type=int, default=1000, help="samples per row (default: 1000)")
    parser.add_argument("--quick", action="store_true", help="60 samples per row: coarse, in two minutes")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="these tables alone")
    options = parser.parse_args(arguments)
    replications = 60 if options.quick else options.replications
    if replications < 1:
        parser.error(f"--replications is 1 or more, got {replications}")
    print(
        f"{replications} samples per row; an estimate of 95 % is good to {1.96 * math.sqrt(0.0475 / replications):.1%}"
    )
    for name in options.only or SECTIONS:
        title, rows = SECTIONS[name]
        print(f"\n### {title}\n", flush=True)
        divisor = 4 if name in ("findings", "sentences") else 1  # each is a whole database
        for index, row in enumerate(rows(max(1, replications // divisor))):
            print(f"| {' | '.join(row)} |", flush=True)
            if index == 0:
                print("|" + "---|" * len(row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
