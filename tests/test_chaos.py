"""The short form of the chaos test (`make chaos` is the long one)."""

from __future__ import annotations

import pytest

from tests.chaos.trial import chaos


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_monkey_costs_attempts_and_nothing_else() -> None:
    """Kills, freezes and partitions of everything leave each evaluation exactly once, with a calm run's numbers."""
    verdict = chaos(seed=2, minutes=0.5)
    assert verdict.problems == []
    assert len(verdict.events) >= 4
