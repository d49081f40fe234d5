"""Whether each of the paper's findings holds in our trials, fails, or is undecided.

Each finding has a rule that was fixed before the trials were looked at. A rule is an interval or a test, never a
point estimate alone, corrected (Holm) over all that a finding looks at. A diverged trial is worse than
every other. Where there is nothing to find, at least 95 of 100 databases leave a finding undecided.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from das_hpo.analysis.reproduction.paper import DATA, OPERATIONS, RANDOM_SEARCH_DRAWS, TABLE3_PRESETS, Cell
from das_hpo.analysis.statistics import (
    Comparison,
    Correlation,
    Interval,
    Trials,
    compare,
    correlation,
    holm,
    jackknife_interval,
)
from das_hpo.analysis.statistics.decisions import MARGIN
from das_hpo.analysis.statistics.intervals import leave_one_out
from das_hpo.analysis.statistics.samples import FloatArray, as_values, finite
from das_hpo.output import Table

if TYPE_CHECKING:
    import pandas

HOLDS = "holds"
FAILS = "does not hold"
OPEN = "undecided"
NO_DATA = "no trials"

#: The evidence where there are trials, but too few of each case to judge by.
TOO_FEW = "too few trials of each case for an interval"

#: Confidence level of intervals and tests: some questions have two wrong answers, and together they get 5 %.
LEVEL = 0.98

#: Fewer trials than this have no interval of their standard deviation.
LEAST_TRIALS = 10

#: A standard deviation of trials above this, in dB, is called large: it exceeds what separates the paper's methods.
LARGE_SD = 0.5

#: Below this share of explained variance a correlation is called weak.
WEAK_SHARE = 0.25

Frames = Mapping[Cell, "pandas.DataFrame"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of the paper, tested on our trials.

    Attributes:
        claim: What the paper says.
        verdict: :data:`HOLDS`, :data:`FAILS`, :data:`OPEN` or :data:`NO_DATA` (none of the trials it is about).
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
        values = _diverged_at(as_values(frames[cell]["architecture_psnr"]))
        interval = _deviation_interval(values)
        if interval.defined:
            low.append(interval.low)
            # A diverged trial is at least as far off as the worst that did not: the deviation has no upper end.
            high.append(interval.high if len(finite(frames[cell]["architecture_psnr"])) == len(values) else np.inf)
            parts.append(f"{_short(cell)} {np.std(values, ddof=1):.2f} {interval}")
    if not parts:
        return _without_numbers(claim, [cell for cell in frames if cell.method == "das"])
    verdict = HOLDS if min(low) > LARGE_SD else FAILS if max(high) < LARGE_SD else OPEN
    return Finding(claim, verdict, "; ".join(parts))


def hyperparameters_matter(frames: Frames) -> Finding:
    """Section 5.3: performance depends strongly on the hyperparameters."""
    claim = f"hyperparameters matter: the trials of two presets differ by more than {MARGIN} dB"
    pairs, parts = [], []
    for operations, data in itertools.product(OPERATIONS, DATA):
        cells = [cell for p in TABLE3_PRESETS if (cell := Cell("sequential", operations, data, "das", p)) in frames]
        here = [_Pair.of(frames, a, b) for a, b in itertools.combinations(cells, 2)]
        here = [pair for pair in here if pair.known]
        if here:
            pairs += here
            largest = max(here, key=lambda pair: abs(pair.found.difference))
            parts.append(f"{operations} {data}: {largest.text}")
    if not parts:
        return Finding(claim, NO_DATA, "")
    corrected = holm([pair.p_beyond_margin for pair in pairs])
    evidence = f"largest differences: {'; '.join(parts)}; beyond {MARGIN} dB with p = {min(corrected):.2g}"
    beyond = min(corrected) < 1 - LEVEL
    alike = all(pair.within_margin for pair in pairs)
    return Finding(claim, HOLDS if beyond else FAILS if alike else OPEN, evidence)


def weak_correlation(frames: Frames) -> Finding:
    """Section 5.3: one-shot and architecture PSNR are weakly correlated."""
    claim = f"one-shot PSNR explains less than {WEAK_SHARE:.0%} of the variance of the architecture PSNR in most cases"
    weak, strong, parts = 0, 0, []
    limit = WEAK_SHARE**0.5
    for cell, found in _correlations(frames):
        weak += -limit < found.interval.low and found.interval.high < limit
        strong += found.interval.low > limit or found.interval.high < -limit
        parts.append(f"{_short(cell)} r = {found.coefficient:+.2f} {found.interval:+.2f}")
    if not parts:
        return _without_numbers(claim, [cell for cell in frames if cell.method == "das"])
    verdict = HOLDS if weak > len(parts) / 2 else FAILS if strong > len(parts) / 2 else OPEN
    return Finding(claim, verdict, "; ".join(parts))


def signs_differ(frames: Frames) -> Finding:
    """Sections 5.3 and 5.5: the sign of the correlation differs between settings."""
    claim = "the correlation of one-shot and architecture PSNR is positive in some settings and negative in others"
    there = _correlations(frames)
    if not there:
        return _without_numbers(claim, [cell for cell in frames if cell.method == "das"])
    corrected = holm([found.p_value for _, found in there])
    positive: list[str] = []
    negative: list[str] = []
    for (cell, found), p in zip(there, corrected, strict=True):
        if p < 1 - LEVEL:
            (positive if found.coefficient > 0 else negative).append(f"{_short(cell)} {found.coefficient:+.2f}")
    evidence = (
        f"of {len(there)} settings positive: {', '.join(positive) or 'none'}; "
        f"negative: {', '.join(negative) or 'none'}; smallest p = {min(corrected):.2g}"
    )
    return Finding(claim, HOLDS if positive and negative else OPEN, evidence)


def random_search_on_good(frames: Frames) -> Finding:
    """Section 5.2: random search outperforms DAS on good operations at an equal time budget."""
    claim = f"on good operations the best of {RANDOM_SEARCH_DRAWS} random architectures is better than a DAS run"
    return _pairwise(claim, frames, [_random_search_and_das("good", data) for data in DATA])


def das_beats_random_on_all(frames: Frames) -> Finding:
    """Section 5.2: DAS clearly outperforms random search on all operations at an equal time budget."""
    claim = f"on all operations a DAS run is better than the best of {RANDOM_SEARCH_DRAWS} random architectures"
    return _pairwise(claim, frames, [_random_search_and_das("all", data)[::-1] for data in DATA])


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
    claim = (
        f"hyperparameters tuned on the one-shot PSNR give no architectures that are more than {MARGIN} dB better than "
        "those of H1 and H2 on the same data"
    )
    pairs, names = [], []
    for preset, data in (("BOHB-one-shot-Blur", "blur"), ("BOHB-one-shot-DS", "downsampling")):
        for operations, by_hand in itertools.product(OPERATIONS, ("H1", "H2")):
            tuned, hand = (Cell("sequential", operations, data, "das", name) for name in (preset, by_hand))
            pair = _Pair.of(frames, tuned, hand)
            if pair.known:
                pairs.append(pair)
                names.append(f"{operations} {data} against {by_hand}")
    if not pairs:
        return Finding(claim, NO_DATA, "")
    corrected = holm([pair.p_beyond_margin for pair in pairs])
    better = any(pair.found.direction > 0 and p < 1 - LEVEL for pair, p in zip(pairs, corrected, strict=True))
    # "No better" needs intervals that exclude a gain above the margin; a test that is not significant shows nothing.
    excluded = all(pair.found.difference_interval.high < MARGIN for pair in pairs)
    evidence = "; ".join(
        f"{name} {pair.found.difference:+.2f} dB {pair.found.difference_interval:+.2f}"
        for name, pair in zip(names, pairs, strict=True)
    )
    return Finding(claim, FAILS if better else HOLDS if excluded else OPEN, evidence)


def single_is_steadier(frames: Frames) -> Finding:
    """Section 5.4: DAS-single is more robust against outliers than DAS."""
    claim = "DAS-single varies less than DAS, outliers and diverged trials counted (each with its own BOHB)"
    cells = [
        Cell("sequential", "all", "blur", "das-single", "BOHB-DAS-single"),
        Cell("sequential", "all", "blur", "das", "BOHB-one-shot-Blur"),
    ]
    if not all(cell in frames for cell in cells):
        return Finding(claim, NO_DATA, "")
    samples = [as_values(frames[cell]["architecture_psnr"]) for cell in cells]
    completed = np.concatenate([finite(sample) for sample in samples])
    if min(len(finite(sample)) for sample in samples) < 3 or len(np.unique(completed)) < 2:
        return _without_numbers(claim, cells)
    single, das = (_diverged_at(sample, float(completed.min())) for sample in samples)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = float(stats.levene(single, das, center="median").pvalue)
    deviations = float(np.std(single, ddof=1)), float(np.std(das, ddof=1))
    diverged = [len(sample) - len(finite(sample)) for sample in samples]
    evidence = (
        f"standard deviations {deviations[0]:.2f} and {deviations[1]:.2f} dB, {diverged[0]} and {diverged[1]} diverged "
        f"(counted as the worst trial), Brown-Forsythe p = {p:.2g}"
    )
    verdict = OPEN if not p < 1 - LEVEL else HOLDS if deviations[0] < deviations[1] else FAILS
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two cells compared, and whether they differ by more than the margin.

    Attributes:
        found: The comparison.
        p_beyond_margin: Of a difference that is no larger than the margin in the direction found.
    """

    found: Comparison
    p_beyond_margin: float

    @classmethod
    def of(cls, frames: Frames, a: Cell, b: Cell) -> _Pair:
        first, second = _trials(frames, a), _trials(frames, b)
        found = compare(first, second, level=LEVEL)
        shifted = replace(first, values=as_values(first.values) - found.direction * MARGIN)
        beyond = compare(shifted, second, level=LEVEL)
        p = beyond.p_value if beyond.direction == found.direction != 0 else 1.0
        return cls(found, p)

    @property
    def known(self) -> bool:
        """Whether both cells have trials."""
        return not np.isnan(self.found.p_value)

    @property
    def within_margin(self) -> bool:
        """Whether the whole interval of the difference lies within the margin."""
        interval = self.found.difference_interval
        return interval.defined and interval.low > -MARGIN and interval.high < MARGIN

    @property
    def text(self) -> str:
        """The difference in words."""
        found = self.found
        return f"{found.first} against {found.second} {found.difference:+.2f} dB {found.difference_interval:+.2f}"


def _pairwise(claim: str, frames: Frames, pairs: list[tuple[Cell, Cell]]) -> Finding:
    """Holds if the first is better in every pair, and fails if it is worse in one; undecided if a pair is missing."""
    compared = [(a, compare(_trials(frames, a), _trials(frames, b), level=LEVEL)) for a, b in pairs]
    compared = [(a, found) for a, found in compared if not np.isnan(found.p_value)]
    corrected = holm([found.p_value for _, found in compared])
    verdicts = [
        OPEN if not p < 1 - LEVEL else HOLDS if found.direction > 0 else FAILS
        for (_, found), p in zip(compared, corrected, strict=True)
    ]
    parts = [
        f"{_short(a)}: {c.difference:+.2f} dB {c.difference_interval:+.2f}, better with probability "
        f"{c.improvement:.2f}, p = {p:.2g}"
        for (a, c), p in zip(compared, corrected, strict=True)
    ]
    return Finding(claim, _joint(verdicts, len(pairs)), "; ".join(parts))


def _trials(frames: Frames, cell: Cell) -> Trials:
    """The trials of a cell; those of random search are the bests of its random architectures, in order of seed."""
    if cell.source not in frames:
        return Trials(cell.label, [])
    frame = frames[cell.source].sort_values("seed", kind="stable")
    values = as_values(frame["architecture_psnr"])
    if cell.source == cell:
        return Trials(cell.label, values, [int(seed) for seed in frame["seed"]])
    runs = len(values) // RANDOM_SEARCH_DRAWS
    draws = np.nan_to_num(values[: runs * RANDOM_SEARCH_DRAWS], nan=-np.inf).reshape(runs, RANDOM_SEARCH_DRAWS)
    best = draws.max(axis=1)
    return Trials(cell.label, np.where(np.isfinite(best), best, np.nan))


def _random_search_and_das(operations: str, data: str) -> tuple[Cell, Cell]:
    return Cell("sequential", operations, data, "random-search"), Cell("sequential", operations, data)


def _correlations(frames: Frames) -> list[tuple[Cell, Correlation]]:
    """Of all DAS cells with enough trials for an interval."""
    found = [
        (cell, correlation(frames[cell]["one_shot_psnr"], frames[cell]["architecture_psnr"], level=LEVEL))
        for cell in _das(frames)
    ]
    return [(cell, each) for cell, each in found if each.interval.defined]


def _without_numbers(claim: str, cells: list[Cell]) -> Finding:
    """Undecided where the cells have trials, but none has enough; no trials else."""
    return Finding(claim, OPEN, TOO_FEW) if cells else Finding(claim, NO_DATA, "")


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


def _diverged_at(values: FloatArray, worst: float | None = None) -> FloatArray:
    """The values with the worst of them, or another, for diverged trials: at least so bad."""
    return np.nan_to_num(values, nan=float(np.nanmin(values)) if worst is None else worst)


def _deviation_interval(values: FloatArray) -> Interval:
    """Of the standard deviation, by the jackknife of its logarithm."""
    if len(values) < LEAST_TRIALS:
        return Interval.undefined(LEVEL)
    without = np.std(values[leave_one_out(len(values))], axis=1, ddof=1)
    estimate = float(np.std(values, ddof=1))
    return jackknife_interval(estimate, without, level=LEVEL, scale=(np.log, np.exp))[0]
