"""How long an evaluation may take before its worker is believed to hang."""

from __future__ import annotations

import math


class Deadlines:
    """Deadlines from the durations seen so far.

    An evaluation may take ``factor`` times as long, per epoch, as the slowest one that has finished, but never less
    than ``least_s``. Before ``samples`` evaluations have finished there is no limit but the user's. The factor is large
    because workers differ and first evaluations compile: the deadline is for workers that hang, not for slow ones.

    Args:
        evaluation_timeout_s: The user's limit in seconds for every evaluation; None for no limit.
        factor: How many times longer than the slowest one an evaluation may take.
        least_s: The shortest deadline, in seconds.
        samples: How many evaluations have to finish before there is a deadline.
    """

    def __init__(
        self,
        evaluation_timeout_s: float | None = None,
        *,
        factor: float = 10.0,
        least_s: float = 300.0,
        samples: int = 3,
    ) -> None:
        self._limit_s = math.inf if evaluation_timeout_s is None else evaluation_timeout_s
        self._factor = factor
        self._least_s = least_s
        self._samples = samples
        self._seen = 0
        self._slowest_s = 0.0

    def add(self, budget: float, duration_s: float) -> None:
        """Notes that an evaluation of ``budget`` epochs was completed in ``duration_s`` seconds."""
        self._seen += 1
        self._slowest_s = max(self._slowest_s, duration_s / budget)

    def timeout_s(self, budget: float, together: int = 1) -> float:
        """How many seconds an evaluation of ``budget`` epochs may take if its worker computes ``together`` at once."""
        if self._seen < self._samples:
            return self._limit_s
        usual = max(self._least_s, self._factor * self._slowest_s * budget * together)
        return min(self._limit_s, usual)
