"""Which optimiser is better over many problems: ranks, Friedman's test with its critical difference, and shares won.

Problems are the sample (Demsar 2006): on each the optimisers are ranked by the median of their runs' scores, and the
ranks are averaged. Scores of different problems are never averaged, as their units differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas
from scipy import stats

#: Draws of problems with replacement, for intervals.
DRAWS = 4000


@dataclass(frozen=True)
class Standing:
    """One optimiser over the problems of a suite.

    Attributes:
        optimizer: Its name.
        rank: Mean of its ranks; 1 is the best.
        rank_interval: 95 %, over draws of problems.
        shares: By another's name, the share of its runs that are better than the other's run of the same seed, ties
            counted half, averaged over problems; 1/2 for the other itself. With 95 %, over draws of problems.
    """

    optimizer: str
    rank: float
    rank_interval: tuple[float, float]
    shares: Mapping[str, tuple[float, tuple[float, float]]]


@dataclass(frozen=True)
class Ranking:
    """All optimisers over the problems of a suite, the best first.

    Attributes:
        standings: One an optimiser.
        problems: How many problems.
        runs: How many runs each optimiser has of each.
        p_value: Of Friedman's test that all are alike; NaN for fewer than 3 optimisers or 2 problems.
        critical: Mean ranks that differ by more differ at 5 %, corrected for all pairs (Nemenyi).
    """

    standings: Sequence[Standing]
    problems: int
    runs: int
    p_value: float
    critical: float

    def lead(self, optimizer: str, other: str) -> float:
        """By how many ranks it is before the other; NaN where one of them has no runs."""
        ranks = {each.optimizer: each.rank for each in self.standings}
        return ranks.get(other, math.nan) - ranks.get(optimizer, math.nan)


def problem_ranks(lines: pandas.DataFrame) -> pandas.DataFrame:
    """Ranks of the optimisers (columns) on each problem (rows), 1 for the least median score; ties share the mean."""
    return lines.groupby(["problem", "optimizer"])["score"].median().unstack().rank(axis=1)


def shares_won(lines: pandas.DataFrame, other: str) -> pandas.DataFrame:
    """On each problem (rows), the share of each optimiser's runs that are better than the other's of the same seed."""
    scores = lines.pivot(index=["problem", "seed"], columns="optimizer", values="score")
    theirs = scores[other].to_numpy()[:, None]
    won = (scores < theirs) + 0.5 * (scores == theirs)
    return won.groupby(level="problem").mean()


def critical_difference(optimizers: int, problems: int, level: float = 0.95) -> float:
    """Nemenyi's: the studentized range's quantile over root 2, times the standard error of a difference of ranks."""
    quantile = float(stats.studentized_range.ppf(level, optimizers, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(optimizers * (optimizers + 1) / (6 * problems))


def rank_optimizers(lines: pandas.DataFrame, others: Sequence[str]) -> Ranking:
    """Ranks all optimisers of those lines, of one suite at one checkpoint each, and holds each against some others.

    Args:
        lines: One a problem, optimiser and seed.
        others: With whom the runs of the same seed are compared; those that have none are left out.
    """
    ranks = problem_ranks(lines)
    shares = {other: shares_won(lines, other) for other in others if other in ranks.columns}
    problems, count = ranks.shape
    medians = lines.groupby(["problem", "optimizer"])["score"].median().unstack()
    p_value = math.nan
    if count >= 3 and problems >= 2:
        p_value = float(stats.friedmanchisquare(*medians.to_numpy().T).pvalue)
    draws = np.random.default_rng(0).integers(problems, size=(DRAWS, problems))
    standings = [
        Standing(
            optimizer=str(name),
            rank=float(ranks[name].mean()),
            rank_interval=_interval(ranks[name].to_numpy(), draws),
            shares={
                other: (float(won[name].mean()), _interval(won[name].to_numpy(), draws))
                for other, won in shares.items()
            },
        )
        for name in ranks.columns
    ]
    standings.sort(key=lambda each: (each.rank, each.optimizer))
    runs = int(lines.groupby(["problem", "optimizer"]).size().min())
    return Ranking(standings, problems, runs, p_value, critical_difference(count, problems))


def _interval(values: np.ndarray, draws: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
