"""What a worker holds, by run and token."""

from __future__ import annotations

from spaces.trial import TrialSpec
from workers.transport.messages import Work
from workers.worker.assignments import Assignments

SPEC = TrialSpec("digits", {}, 1.0, 0)


def test_tokens_are_held_by_run_until_they_are_dropped() -> None:
    """A run of which nothing is held is not named any more."""
    held = Assignments()
    held.add("a", [Work("1", SPEC, 30.0), Work("2", SPEC, 30.0)])
    held.add("b", [Work("3", SPEC, 30.0)])
    assert held.by_run() == {"a": ("1", "2"), "b": ("3",)}
    held.drop("a", ["1", "unknown"])
    held.drop("c", ["1"])
    assert held.tokens("a") == ("2",)
    held.drop("a", ["2"])
    assert held.by_run() == {"b": ("3",)}
    assert held.tokens("a") == ()


def test_the_shortest_lease_says_how_often_to_beat() -> None:
    """Three times in it; never if nothing is held."""
    held = Assignments()
    assert held.beat_s() is None
    held.add("a", [Work("1", SPEC, 30.0)])
    held.add("b", [Work("2", SPEC, 6.0)])
    assert held.beat_s() == 2.0
    held.drop("b", ["2"])
    assert held.beat_s() == 10.0
