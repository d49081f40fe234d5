"""Populations of which the truth is known, from which :mod:`benchmarks.coverage` draws trials."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from das_hpo.analysis.statistics.samples import FloatArray, Interval

Draw = Callable[[np.random.Generator, int], FloatArray]


def normal(mean: float = 20.0, sd: float = 1.0) -> Draw:
    """Normal trials."""
    return lambda rng, n: rng.normal(mean, sd, n)


def two_kinds(share: float, mean: float = 20.0) -> Draw:
    """A share of the trials is 10 dB worse."""
    return lambda rng, n: rng.normal(mean, 1, n) - 10 * (rng.random(n) < share)


def tied(rng: np.random.Generator, n: int) -> FloatArray:
    """Whole numbers."""
    return np.round(rng.normal(20, 1, n))


def skewed(rng: np.random.Generator, n: int) -> FloatArray:
    """A sharp upper end and a long lower tail."""
    return 20 - rng.exponential(2, n)


def diverging(share: float, mean: float = 20.0, sd: float = 1.0) -> Draw:
    """A share of the trials has no value."""
    return lambda rng, n: np.where(rng.random(n) < share, np.nan, rng.normal(mean, sd, n))


def narrow_kinds(mean: float) -> Draw:
    """A third of the trials is 1 dB worse, and within a kind they hardly differ."""
    return lambda rng, n: rng.normal(mean, 0.3, n) - (rng.random(n) < 1 / 3)


@dataclass(frozen=True, slots=True)
class Contest:
    """Two populations; ``shared`` is the correlation of trials of equal seed (normal populations alone)."""

    first: Draw
    second: Draw
    equal: bool = False
    shared: float = 0.0

    def draw(self, rng: np.random.Generator, m: int, n: int) -> tuple[FloatArray, FloatArray]:
        """So many trials of each."""
        a, b = self.first(rng, m), self.second(rng, n)
        if self.shared:  # b takes a share of a's luck
            luck = a - (20.0 if self.equal else 20.5)
            b = 20 + self.shared * luck + math.sqrt(1 - self.shared**2) * rng.normal(0, 1, n)
        return a, b


CONTESTS: dict[str, Contest] = {
    "equal: normal": Contest(normal(), normal(), equal=True),
    "equal: two kinds": Contest(two_kinds(0.5), two_kinds(0.5), equal=True),
    "equal: tied": Contest(tied, tied, equal=True),
    "equal: spread 5 to 1": Contest(normal(20, 5), normal(), equal=True),
    "equal: 30 % diverge": Contest(diverging(0.3), diverging(0.3), equal=True),
    "equal: 97 % diverge": Contest(diverging(0.97), diverging(0.97), equal=True),
    "equal: seeds correlated 0.7": Contest(normal(), normal(), equal=True, shared=0.7),
    "0.5 better: normal": Contest(normal(20.5), normal()),
    "0.5 better: seeds correlated 0.7": Contest(normal(20.5), normal(), shared=0.7),
    "10 better: spread 5 to 1": Contest(normal(30, 5), normal()),
    "0.5 better, but 40 % diverge": Contest(diverging(0.4, 20.5), normal()),
}


class Count:
    """Coverage counted: how many intervals there were, and how many held the truth."""

    def __init__(self) -> None:
        self.there = self.held = self.asked = 0

    def add(self, interval: Interval, truth: float) -> None:
        """One more interval."""
        self.asked += 1
        self.there += interval.defined
        self.held += interval.defined and truth in Interval(interval.low - 1e-9, interval.high + 1e-9, 0, "")

    def __str__(self) -> str:
        """Share of the intervals shown that held the truth; how many were shown, unless all."""
        if not self.there:
            return "none"
        share = f"{self.held / self.there:.1%}"
        return share if self.there == self.asked else f"{share} ({self.there / self.asked:.0%} shown)"
