"""How long an evaluation may take, from the durations of those before it."""

from __future__ import annotations

import math

from das_hpo.service.deadlines import Deadlines


def test_deadlines():
    """None before three were seen; then ten times the slowest per epoch, and never less than the least."""
    deadlines = Deadlines(factor=10.0, least_s=60.0)
    assert deadlines.timeout_s(50.0) == math.inf
    for seconds in (10.0, 20.0, 5.0):
        deadlines.add(5.0, seconds)
    assert deadlines.timeout_s(50.0) == 10 * 20.0 / 5.0 * 50.0
    assert deadlines.timeout_s(50.0, together=4) == 4 * 10 * 20.0 / 5.0 * 50.0
    assert deadlines.timeout_s(0.1) == 60.0


def test_the_users_limit_holds_always():
    """Before anything was seen, and after."""
    deadlines = Deadlines(7.0)
    assert deadlines.timeout_s(50.0) == 7.0
    for _ in range(3):
        deadlines.add(1.0, 100.0)
    assert deadlines.timeout_s(50.0) == 7.0
