"""How long a worker may live, and how long evaluations take here: what cannot end in time is not begun."""

from __future__ import annotations

import math
from collections import defaultdict

from spaces import clock


class TimeLimit:
    """The time that is left, and the durations of the evaluations seen until now.

    Args:
        max_time_s: The worker ends after this many seconds; None for no limit.
    """

    def __init__(self, max_time_s: float | None = None) -> None:
        self.max_time_s = max_time_s
        self._until = math.inf if max_time_s is None else clock.monotonic() + max_time_s
        self._longest: dict[str, dict[float, float]] = defaultdict(dict)
        self._now: tuple[str, float, float] | None = None

    @property
    def left_s(self) -> float:
        """Seconds until the limit; infinite without one."""
        return self._until - clock.monotonic()

    @property
    def too_late(self) -> bool:
        """Whether nothing that was ever computed here would end in time."""
        shortest = min((seconds for seen in self._longest.values() for seconds in seen.values()), default=0.0)
        return self.left_s <= shortest

    def refusal(self, run: str, budget: float) -> str | None:
        """Why an evaluation is not begun, in one line; None if it can end in time, or nobody knows."""
        seconds = self.estimate(run, budget)
        if seconds is None or seconds <= self.left_s:
            return None
        return (
            f"an evaluation of {budget:g} epochs takes about {seconds:.0f} s here, and this worker ends in "
            f"{max(0.0, self.left_s):.0f} s (--max-time)"
        )

    def estimate(self, run: str, budget: float) -> float | None:
        """Seconds that an evaluation of a run takes, by those seen; None before the first.

        One of at least as many epochs took no shorter; where there is none, the largest one seen is scaled up.
        """
        seen = self._longest.get(run)
        if not seen:
            return None
        larger = [seconds for epochs, seconds in seen.items() if epochs >= budget]
        if larger:
            return min(larger)
        most = max(seen)
        return seen[most] * budget / most

    def begin(self, run: str, budget: float) -> None:
        """A computation begins: of one evaluation, or of several of equal budget at once."""
        self._now = run, budget, clock.monotonic()

    def end(self, *, whole: bool) -> None:
        """It has ended; its duration counts if it was not interrupted."""
        if self._now is None:
            return
        run, budget, began = self._now
        self._now = None
        if whole:
            seen = self._longest[run]
            seen[budget] = max(seen.get(budget, 0.0), clock.monotonic() - began)

    def rest_s(self) -> float:
        """Seconds until the present computation ends, by the durations seen; infinite if nobody knows."""
        now = self._now
        if now is None:
            return 0.0
        run, budget, began = now
        seconds = self.estimate(run, budget)
        return math.inf if seconds is None else max(0.0, began + seconds - clock.monotonic())
