"""Whether each of the paper's findings holds in our trials, fails, or is undecided.

Each finding has a rule that was fixed before the trials were looked at. A rule is an interval or a test at 95 %,
never a point estimate alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from das_hpo.analysis.reproduction.paper import DATA, OPERATIONS, RANDOM_SEARCH_DRAWS, TABLE3_PRESETS, Cell
from das_hpo.analysis.statistics import Comparison, Trials, compare, correlation, holm
from das_hpo.analysis.statistics.best_of_k import order_weights
from das_hpo.analysis.statistics.intervals import bootstrap_interval
from das_hpo.analysis.statistics.samples import FloatArray, finite
from das_hpo.output import Table

if TYPE_CHECKING:
    import pandas

HOLDS = "holds"
FAILS = "does not hold"
OPEN = "undecided"
NO_DATA = "no trials"

ALPHA = 0.05

#: A standard deviation of trials above this, in dB, is called large: it exceeds what separates the paper's methods.
LARGE_SD = 0.5

#: Below this share of explained variance a correlation is called weak.
WEAK_SHARE = 0.25

#: Random search is as good as DAS if it is at most this much worse, in dB.
MARGIN = 0.25

Frames = Mapping[Cell, "pandas.DataFrame"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of the paper, tested on our trials.

    Attributes:
        claim: What the paper says.
        verdict: :data:`HOLDS`, :data:`FAILS`, :data:`OPEN` or :data:`NO_DATA`.
        evidence: The numbers behind it.
    """

    claim: str
    verdict: str
    evidence: str


def findings(frames: Frames) -> list[Finding]:
    """All findings, in the order in which the paper comes to them."""
    return [rule(frames) for rule in RULES]


def findings_table(frames: Frames) -> Table:
    """The same as a table."""
    return Table.of(
        [{"claim": f.claim, "verdict": f.verdict, "evidence": f.evidence} for f in findings(frames)],
        ("claim", "verdict", "evidence"),
    )


def large_variance(frames: Frames) -> Finding:
    """Section 5.2: the results show a large variance in all test cases."""
    claim = f"large variance: a standard deviation of trials above {LARGE_SD} dB in every case"
    parts, low, high = [], [], []
    for cell in _das(frames):
        psnr = finite(frames[cell]["architecture_psnr"])
        interval = bootstrap_interval(psnr, statistic=_deviation)
        if interval.defined:
            low.append(interval.low)
            high.append(interval.high)
            parts.append(f"{_short(cell)} {_deviation(psnr):.2f} {interval}")
    if not parts:
        return Finding(claim, NO_DATA, "")
    verdict = HOLDS if min(low) > LARGE_SD else FAILS if min(high) < LARGE_SD else OPEN
    return Finding(claim, verdict, "; ".join(parts))


def hyperparameters_matter(frames: Frames) -> Finding:
    """Section 5.3: performance depends strongly on the hyperparameters."""
    claim = "hyperparameters matter: the presets' trials differ (Kruskal-Wallis, Holm)"
    p_values, parts = [], []
    for operations, data in itertools.product(OPERATIONS, DATA):
        cells = [cell for p in TABLE3_PRESETS if (cell := Cell("sequential", operations, data, "das", p)) in frames]
        samples = [finite(frames[cell]["architecture_psnr"]) for cell in cells]
        samples = [sample for sample in samples if len(sample) > 1]
        if len(samples) < 2 or len(np.unique(np.concatenate(samples))) < 2:
            continue
        p_values.append(float(stats.kruskal(*samples).pvalue))
        medians = [float(np.median(sample)) for sample in samples]
        parts.append(f"{operations} {data}: medians {min(medians):.2f} to {max(medians):.2f} dB")
    if not parts:
        return Finding(claim, NO_DATA, "")
    corrected = holm(p_values)
    evidence = "; ".join(f"{text}, p = {p:.2g}" for text, p in zip(parts, corrected, strict=True))
    return Finding(claim, HOLDS if any(p < ALPHA for p in corrected) else OPEN, evidence)


def weak_correlation(frames: Frames) -> Finding:
    """Section 5.3: one-shot and architecture PSNR are weakly correlated."""
    claim = f"one-shot PSNR explains less than {WEAK_SHARE:.0%} of the variance of the architecture PSNR in most cases"
    weak, strong, parts = 0, 0, []
    for cell in _das(frames):
        found = correlation(frames[cell]["one_shot_psnr"], frames[cell]["architecture_psnr"])
        if not found.interval.defined:
            continue
        limit = WEAK_SHARE**0.5
        weak += -limit < found.interval.low and found.interval.high < limit
        strong += found.interval.low > limit or found.interval.high < -limit
        parts.append(f"{_short(cell)} r = {found.coefficient:+.2f} {found.interval:+.2f}")
    if not parts:
        return Finding(claim, NO_DATA, "")
    verdict = HOLDS if weak > len(parts) / 2 else FAILS if strong > len(parts) / 2 else OPEN
    return Finding(claim, verdict, "; ".join(parts))


def signs_differ(frames: Frames) -> Finding:
    """Sections 5.3 and 5.5: the sign of the correlation differs between settings."""
    claim = "the correlation of one-shot and architecture PSNR is positive in some settings and negative in others"
    positive, negative, cases = [], [], 0
    for cell in _das(frames):
        found = correlation(frames[cell]["one_shot_psnr"], frames[cell]["architecture_psnr"])
        cases += found.interval.defined
        if found.interval.low > 0:
            positive.append(f"{_short(cell)} {found.coefficient:+.2f}")
        if found.interval.high < 0:
            negative.append(f"{_short(cell)} {found.coefficient:+.2f}")
    if not cases:
        return Finding(claim, NO_DATA, "")
    evidence = (
        f"of {cases} settings positive: {', '.join(positive) or 'none'}; negative: {', '.join(negative) or 'none'}"
    )
    return Finding(claim, HOLDS if positive and negative else OPEN, evidence)


def random_search_on_good(frames: Frames) -> Finding:
    """Section 5.2: random search outperforms DAS on good operations at an equal time budget."""
    claim = f"on good operations the best of {RANDOM_SEARCH_DRAWS} random architectures is as good as a DAS run"
    verdicts, parts = [], []
    for data in DATA:
        cells = [Cell("sequential", "good", data, method) for method in ("random", "das")]
        if not all(cell in frames for cell in cells):
            continue
        random, das = (finite(frames[cell]["architecture_psnr"]) for cell in cells)
        if len(random) < RANDOM_SEARCH_DRAWS or len(das) < 2:
            continue
        interval = bootstrap_interval(random, das, statistic=_search_advantage)
        advantage = float(_search_advantage(random, das))
        parts.append(f"{data}: {advantage:+.2f} dB in the median {interval:+.2f}")
        verdicts.append(HOLDS if interval.low > -MARGIN else FAILS if interval.high < -MARGIN else OPEN)
    return Finding(claim, _joint(verdicts, len(DATA)), "; ".join(parts))


def das_beats_random_on_all(frames: Frames) -> Finding:
    """Section 5.2: DAS clearly outperforms random architectures on all operations."""
    claim = "on all operations a DAS run is better than a random architecture"
    pairs = [(Cell("sequential", "all", data), Cell("sequential", "all", data, "random")) for data in DATA]
    return _pairwise(claim, frames, pairs)


def sequential_beats_cell(frames: Frames) -> Finding:
    """Section 5.2: the cell space is worse than the sequential one."""
    claim = "DAS is better in the sequential space than in the cell space"
    pairs = [
        (Cell("sequential", operations, data), Cell("cell", operations, data))
        for operations, data in itertools.product(OPERATIONS, DATA)
    ]
    return _pairwise(claim, frames, pairs)


def one_shot_tuning_is_no_better(frames: Frames) -> Finding:
    """Section 5.3: hyperparameters tuned for the one-shot PSNR are no better than those chosen by hand."""
    claim = "hyperparameters tuned on the one-shot PSNR give no better architectures than H1 and H2 on the same data"
    compared, names = [], []
    for preset, data in (("BOHB-one-shot-Blur", "blur"), ("BOHB-one-shot-DS", "downsampling")):
        for operations, by_hand in itertools.product(OPERATIONS, ("H1", "H2")):
            tuned, hand = (Cell("sequential", operations, data, "das", name) for name in (preset, by_hand))
            if tuned in frames and hand in frames:
                compared.append(_compare(frames, tuned, hand))
                names.append(f"{operations} {data} against {by_hand}")
    if not compared:
        return Finding(claim, NO_DATA, "")
    better = [c.direction > 0 and p < ALPHA for c, p in zip(compared, holm([c.p_value for c in compared]), strict=True)]
    # "No better" needs intervals that exclude a gain above the margin; a test that is not significant shows nothing.
    excluded = all(c.difference_interval.high < MARGIN for c in compared)
    evidence = "; ".join(
        f"{name} {c.difference:+.2f} dB {c.difference_interval:+.2f}" for name, c in zip(names, compared, strict=True)
    )
    return Finding(claim, FAILS if any(better) else HOLDS if excluded else OPEN, evidence)


def single_is_steadier(frames: Frames) -> Finding:
    """Section 5.4: DAS-single is more robust against outliers than DAS."""
    claim = "DAS-single varies less than DAS (each with its own BOHB; Brown-Forsythe)"
    cells = [
        Cell("sequential", "all", "blur", "das-single", "BOHB-DAS-single"),
        Cell("sequential", "all", "blur", "das", "BOHB-one-shot-Blur"),
    ]
    if not all(cell in frames for cell in cells):
        return Finding(claim, NO_DATA, "")
    single, das = (finite(frames[cell]["architecture_psnr"]) for cell in cells)
    if min(len(single), len(das)) < 3 or not (_deviation(single) + _deviation(das)) > 0:
        return Finding(claim, NO_DATA, "")
    p = float(stats.levene(single, das, center="median").pvalue)
    deviations = float(_deviation(single)), float(_deviation(das))
    evidence = f"standard deviations {deviations[0]:.2f} and {deviations[1]:.2f} dB, p = {p:.2g}"
    verdict = OPEN if p >= ALPHA else HOLDS if deviations[0] < deviations[1] else FAILS
    return Finding(claim, verdict, evidence)


RULES: tuple[Callable[[Frames], Finding], ...] = (
    large_variance,
    random_search_on_good,
    das_beats_random_on_all,
    sequential_beats_cell,
    weak_correlation,
    signs_differ,
    hyperparameters_matter,
    one_shot_tuning_is_no_better,
    single_is_steadier,
)


def _pairwise(claim: str, frames: Frames, pairs: list[tuple[Cell, Cell]]) -> Finding:
    """Holds if the first is better in every pair, and fails if it is worse in one; undecided if a pair is missing."""
    there = [(a, b) for a, b in pairs if a in frames and b in frames]
    compared = [_compare(frames, a, b) for a, b in there]
    corrected = holm([c.p_value for c in compared])
    verdicts = [
        OPEN if not p < ALPHA else HOLDS if c.direction > 0 else FAILS for c, p in zip(compared, corrected, strict=True)
    ]
    parts = [
        f"{_short(a)}: {c.difference:+.2f} dB {c.difference_interval:+.2f}, better with probability "
        f"{c.improvement:.2f}, p = {p:.2g}"
        for (a, _), c, p in zip(there, compared, corrected, strict=True)
    ]
    return Finding(claim, _joint(verdicts, len(pairs)), "; ".join(parts))


def _compare(frames: Frames, a: Cell, b: Cell) -> Comparison:
    first, second = (
        Trials(cell.name, frames[cell]["architecture_psnr"], [int(seed) for seed in frames[cell]["seed"]])
        for cell in (a, b)
    )
    return compare(first, second)


def _joint(verdicts: list[str], cases: int) -> str:
    if not verdicts:
        return NO_DATA
    if FAILS in verdicts:
        return FAILS
    return HOLDS if verdicts == [HOLDS] * cases else OPEN


def _das(frames: Frames) -> list[Cell]:
    """The DAS cells that have at least two finished trials."""
    return [cell for cell in frames if cell.method == "das" and len(finite(frames[cell]["architecture_psnr"])) > 1]


def _short(cell: Cell) -> str:
    space = "" if cell.space == "sequential" else "cell "
    preset = "" if cell.preset == "H1" else f" {cell.preset}"
    return f"{space}{cell.operations} {cell.data}{preset}"


def _deviation(sample: FloatArray, axis: int = -1) -> FloatArray:
    return np.asarray(np.std(sample, axis=axis, ddof=1))


def _search_advantage(random: FloatArray, das: FloatArray, axis: int = -1) -> FloatArray:
    """Median of the best of k random architectures minus the median of DAS."""
    size = random.shape[axis]
    below = np.cumsum(order_weights(size, [min(RANDOM_SEARCH_DRAWS, size)])[0])
    place = int(np.argmax(below >= 0.5 - 1e-9))
    ordered = np.sort(random, axis=axis)
    return np.asarray(np.take(ordered, place, axis=axis) - np.median(das, axis=axis))
