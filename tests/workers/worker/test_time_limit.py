"""What a worker believes of the time that is left, by the durations that it has seen."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from spaces import clock
from workers.worker.time_limit import TimeLimit


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the time."""
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])

    def set_to(seconds: float) -> None:
        now[0] = seconds

    return set_to


def seen(limit: TimeLimit, at: Callable[[float], None], run: str, budget: float, began: float, ended: float) -> None:
    """An evaluation was computed."""
    at(began)
    limit.begin(run, budget)
    at(ended)
    limit.end(whole=True)


def test_what_was_never_seen_is_begun(at: Callable[[float], None]) -> None:
    """Nobody knows how long it takes."""
    limit = TimeLimit(10.0)
    assert (limit.left_s, limit.too_late, limit.refusal("a", 50.0)) == (10.0, False, None)
    at(10.0)
    assert limit.too_late


@pytest.mark.parametrize(
    ("budget", "seconds"), [(1.0, 3.0), (2.0, 8.0), (3.0, 8.0), (9.0, 24.0)], ids=["as seen", "less", "most", "more"]
)
def test_durations_are_those_of_the_next_larger_one_or_scaled(
    at: Callable[[float], None], budget: float, seconds: float
) -> None:
    """The longest of each budget counts."""
    limit = TimeLimit()
    for budget_seen, duration in ((1.0, 2.0), (1.0, 3.0), (3.0, 8.0)):
        seen(limit, at, "a", budget_seen, 0.0, duration)
    assert limit.estimate("a", budget) == seconds
    assert limit.estimate("another run", budget) is None
    assert limit.refusal("a", budget) is None  # there is no limit


def test_what_cannot_end_in_time_is_refused(at: Callable[[float], None]) -> None:
    """With the numbers; what can is not, until nothing can."""
    limit = TimeLimit(100.0)
    seen(limit, at, "a", 1.0, 0.0, 10.0)
    at(60.0)
    assert limit.refusal("a", 4.0) is None
    said = limit.refusal("a", 5.0)
    assert said == "an evaluation of 5 epochs takes about 50 s here, and this worker ends in 40 s (--max-time)"
    assert not limit.too_late
    at(91.0)
    assert limit.too_late


def test_an_interrupted_computation_teaches_nothing(at: Callable[[float], None]) -> None:
    """And what is left of the present one follows from those before."""
    limit = TimeLimit()
    assert limit.rest_s() == 0.0
    limit.begin("a", 1.0)
    assert limit.rest_s() == math.inf
    at(5.0)
    limit.end(whole=False)
    assert limit.estimate("a", 1.0) is None
    seen(limit, at, "a", 1.0, 0.0, 10.0)
    limit.begin("a", 1.0)
    at(13.0)
    assert limit.rest_s() == 7.0
