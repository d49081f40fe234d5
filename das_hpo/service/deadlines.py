"""How long an evaluation may take before its worker is believed to hang."""

from __future__ import annotations

import math


class Deadlines:
    """Deadlines from the durations seen so far.

    An evaluation may take ``factor`` times as long, per epoch, as the slowest that has finished, and
    ``least_s`` at any rate; before ``samples`` have finished, as long as it likes. Workers differ and
    first evaluations compile, so the factor is generous: the deadline is for what hangs, not for what
    is slow.

    Args:
        evaluation_timeout_s: The user's limit for every evaluation; None for none.
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
        """Notes that an evaluation of so many epochs was completed in so many seconds."""
        self._seen += 1
        self._slowest_s = max(self._slowest_s, duration_s / budget)

    def timeout_s(self, budget: float, together: int = 1) -> float:
        """How long an evaluation may take that shares its worker with ``together - 1`` others."""
        if self._seen < self._samples:
            return self._limit_s
        usual = max(self._least_s, self._factor * self._slowest_s * budget * together)
        return min(self._limit_s, usual)
