"""Runs take turns, and are left alone when they said so."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from workers.transport.messages import DONE, REFUSED, WAIT, WORK, Answer
from workers.worker.round_robin import RETRY_S, RoundRobin


@given(st.sets(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=6))
def test_every_run_has_its_turn_before_any_has_two(runs: set[str]) -> None:
    """In the order of their names, round and round, whatever order they come in."""
    turns = RoundRobin()
    taken = [turns.take(runs) for _ in range(2 * len(runs))]
    assert taken == sorted(runs) * 2
    assert RoundRobin().take([]) is None


def test_a_run_that_said_wait_is_passed_over_until_it_appears_again() -> None:
    """No answer, nothing to do and a refusal leave a run alone; work does not."""
    for answer in (None, Answer(WAIT, wait_s=60.0), Answer(DONE, wait_s=60.0), Answer(REFUSED, message="another")):
        turns = RoundRobin()
        turns.note("a", answer)
        assert [turns.take(["a", "b"]) for _ in range(3)] == ["b"] * 3
        assert turns.take(["a"]) is None
        assert math.isfinite(turns.due(["a"]))
        assert turns.due(["a"]) > turns.due(["b"])
        turns.appeared(["a"])
        assert turns.take(["a", "b"]) == "a"
    turns = RoundRobin()
    turns.note("a", Answer(WORK))
    assert turns.take(["a"]) == "a"
    assert turns.due([]) == math.inf


def test_a_run_that_does_not_answer_is_left_alone_for_longer_each_time() -> None:
    """It is news once, and once more when it answers again."""
    turns = RoundRobin()
    assert [(turns.heard("a", answered=False), turns.retry_s("a")) for _ in range(6)] == [
        (number == 0, pause_s) for number, pause_s in enumerate((*RETRY_S, RETRY_S[-1]))
    ]
    assert [turns.heard("a", answered=True) for _ in range(2)] == [True, False]
    assert turns.heard("a", answered=False)
    assert turns.retry_s("a") == RETRY_S[0]
