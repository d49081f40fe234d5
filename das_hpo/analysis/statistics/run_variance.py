"""Where the uncertainty of a difference between groups of runs comes from, and what would make it smaller.

The variance of the difference has three parts. Each group's runs differ, because an optimiser is lucky or not, and
because the trials of their incumbents are (one mean square over the runs has both). What the trials of one seed have in
common in all runs of a group is not averaged away by more runs: its part is the covariance between runs, as Obuchowski
and Rockette (1995) estimate it for readers who all see the same cases (runs are their readers, seeds their cases).
The quantile is Cochran's (1964): the mean of the parts' t quantiles, weighted with the parts. It is never too small for
normal runs, where Satterthwaite's degrees of freedom reject a true null in 7 % of the cases with 3 runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scipy import optimize, stats

#: More runs or trials than this are called none: nobody computes them.
MOST = 10_000

#: The further runs or trials decide with this probability, if the difference is as estimated.
POWER = 0.8


@dataclass(frozen=True, slots=True)
class RunVariance:
    """The parts of the variance of a difference between two groups of runs, in the unit squared.

    Attributes:
        runs: Runs of A and of B; 1 is a single configuration, which stands for itself alone.
        between: Variance between the scores of A's runs and of B's, the luck of their trials included; 0 of one run.
        within: The share of ``between`` that is the luck of the trials; the variance of the score of one run.
        seeds: Variance of the difference that more runs do not make smaller.
        trials: Trials of the run that has the fewest.
    """

    runs: tuple[int, int]
    between: tuple[float, float]
    within: tuple[float, float]
    seeds: float
    trials: int

    @property
    def total(self) -> float:
        """Variance of the difference."""
        return sum(part for part, _ in self._parts())

    @property
    def between_sd(self) -> tuple[float, float]:
        """Standard deviation between the runs of A and of B, without the luck of their trials."""
        first, second = (math.sqrt(max(0.0, b - w)) for b, w in zip(self.between, self.within, strict=True))
        return first, second

    def quantile(self, level: float) -> float:
        """By how many standard errors the ends of an interval are away from the difference."""
        upper = (1 + level) / 2
        parts = self._parts()
        return sum(part * float(stats.t.ppf(upper, freedom)) for part, freedom in parts) / sum(p for p, _ in parts)

    def p_value(self, statistic: float) -> float:
        """Two-sided: the level that an interval must have to reach 0, taken from 1."""
        if statistic == 0:
            return 1.0

        def excess(log_p: float) -> float:
            return self.quantile(1 - math.exp(log_p)) - abs(statistic)

        least = math.log(1e-12)
        return math.exp(least if excess(least) <= 0 else float(optimize.brentq(excess, least, 0.0)))

    def more_runs(self, difference: float, margin: float, level: float) -> int | None:
        """How many runs each group needs besides, so that it is decided with the probability :data:`POWER`.

        Decided is what the interval says: it excludes 0, or lies within the margin. A single configuration gets no
        further runs. None where nobody runs so many.
        """
        return _least(lambda more: self._with_runs(more)._decides(difference, margin, level))

    def more_trials(self, difference: float, margin: float, level: float) -> int | None:
        """How many trials each incumbent needs besides; as :meth:`more_runs`."""
        return _least(lambda more: self._with_trials(more)._decides(difference, margin, level))

    def swapped(self) -> RunVariance:
        """The same of B and A."""
        return replace(self, runs=self.runs[::-1], between=self.between[::-1], within=self.within[::-1])

    def _parts(self) -> list[tuple[float, int]]:
        """Each part of the variance with its degrees of freedom."""
        groups = [(between / n, n - 1) for n, between in zip(self.runs, self.between, strict=True) if n > 1]
        # A jackknifed variance of a pseudo-median varies more than that of a mean: one degree of freedom fewer.
        return [*groups, (self.seeds, max(1, self.trials - 2))]

    def _decides(self, difference: float, margin: float, level: float) -> bool:
        """Whether an estimate that falls elsewhere by chance decides, too, with the probability :data:`POWER`."""
        room = max(abs(difference), margin - abs(difference))
        return math.sqrt(self.total) * (self.quantile(level) + float(stats.norm.ppf(POWER))) <= room

    def _with_runs(self, more: int) -> RunVariance:
        first, second = (n + more if n > 1 else n for n in self.runs)
        return replace(self, runs=(first, second))

    def _with_trials(self, more: int) -> RunVariance:
        left = self.trials / (self.trials + more)
        between = tuple(max(0.0, b - w) + min(b, w) * left for b, w in zip(self.between, self.within, strict=True))
        within = tuple(w * left for w in self.within)
        return replace(
            self,
            between=(between[0], between[1]),
            within=(within[0], within[1]),
            seeds=self.seeds * left,
            trials=self.trials + more,
        )


def _least(decides: Callable[[int], bool]) -> int | None:
    """The least number from 1 to :data:`MOST` that decides; None if none does."""
    if not decides(MOST):
        return None
    low, high = 0, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high
