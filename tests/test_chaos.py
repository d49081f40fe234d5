"""The short form of the chaos test (`make chaos` is the long one)."""

from __future__ import annotations

import pytest

from tests.chaos.monkey import TRICKS
from tests.chaos.trial import chaos

#: Those after which a run goes on within seconds.
QUICK = {
    key: weight
    for key, weight in TRICKS.items()
    if key[0] in ("kill", "freeze within a transaction", "lose the answer to", "close")
}


@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_monkey_costs_attempts_and_nothing_else(kind: str) -> None:
    """Each evaluation is there once, with a calm run's numbers, on two workers on which some evaluations raise."""
    verdict = chaos(seed=2, minutes=0.1, kind=kind, trivial=True, tricks=QUICK, most=5)
    assert verdict.problems == []
    assert len(verdict.events) >= 2
    assert verdict.attempts["error"] > 0
