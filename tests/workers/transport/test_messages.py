"""Messages cross the network as they are, and what has another form is refused by name."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import WireError
from spaces.trial import TrialSpec
from workers.transport.messages import (
    MAX_CAPACITY,
    RECORDED,
    WAIT,
    WORK,
    Answer,
    Caller,
    Work,
    capacity,
    default_name,
    host_name,
    tokens,
)

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
CALLERS = st.builds(
    Caller,
    name=WORDS,
    host=WORDS,
    pid=st.integers(0, 2**31 - 1),
    device=WORDS,
    version=WORDS,
    session=WORDS,
    holding=st.lists(WORDS, max_size=3).map(tuple),
    tasks=st.dictionaries(WORDS, WORDS, max_size=3),
)
SPECS = st.builds(TrialSpec, WORDS, st.just({"lr": 0.1}), st.floats(0.1, 100), st.integers(0, 2**63 - 1))
ANSWERS = st.builds(
    Answer,
    status=st.sampled_from([WORK, WAIT]),
    work=st.lists(st.builds(Work, WORDS, SPECS, st.floats(0.01, 86400)), max_size=3).map(tuple),
    wait_s=st.floats(0, 3600),
    message=WORDS,
    report=st.just(RECORDED),
)


@given(CALLERS)
def test_a_caller_crosses_unchanged(caller: Caller) -> None:
    """As builtin types, with tuples or lists alike."""
    sent = caller.to_dict()
    assert Caller.from_mapping(sent) == caller
    assert Caller.from_mapping({**sent, "holding": list(caller.holding)}) == caller


@given(ANSWERS)
def test_an_answer_crosses_unchanged(answer: Answer) -> None:
    """With its work."""
    assert Answer.from_mapping(answer.to_dict()) == answer


CALLER: dict[str, Any] = Caller("w", "host", 1, "cpu", "0", "s").to_dict()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "name must be a text"),
        ({"session": None}, "session must be a text"),
        ({"pid": -1}, "pid must be a whole number"),
        ({"pid": True}, "pid must be a whole number"),
        ({"holding": "abc"}, "tokens must be a list"),
        ({"holding": ["x" * 65]}, "a token must be a text of 1 to 64"),
        ({"tasks": ["digits"]}, "the caller's tasks must be a mapping"),
        ({"tasks": {str(n): "f" for n in range(257)}}, "at most 256 tasks"),
    ],
)
def test_a_caller_of_another_form_is_refused(changes: dict[str, Any], words: str) -> None:
    """The field is named."""
    with pytest.raises(WireError, match=words):
        Caller.from_mapping({**CALLER, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "odd"}, "status must be work, wait, done or refused, got 'odd'"),
        ({"work": "abc"}, "work must be a list"),
        ({"work": [{}]}, "work is not a trial"),
        ({"work": [{"token": "t", "spec": {"task": "x"}, "lease_s": 1.0}]}, "work is not a trial"),
        ({"wait_s": -1.0}, "wait_s must be a number"),
    ],
)
def test_an_answer_of_another_form_is_refused(changes: dict[str, Any], words: str) -> None:
    """The field is named."""
    with pytest.raises(WireError, match=words):
        Answer.from_mapping({**Answer(WAIT).to_dict(), **changes})


@pytest.mark.parametrize("value", [-1, MAX_CAPACITY + 1, 1.0, True, None, "1"])
def test_a_capacity_out_of_bounds_is_refused(value: object) -> None:
    """Zero asks for nothing."""
    with pytest.raises(WireError, match="capacity must be a whole number in"):
        capacity(value)
    assert (capacity(0), capacity(MAX_CAPACITY)) == (0, MAX_CAPACITY)


def test_tokens_are_bounded() -> None:
    """A worker holds no more than it may claim."""
    assert tokens(["a", "b"]) == ("a", "b")
    with pytest.raises(WireError, match=f"at most {2 * MAX_CAPACITY}"):
        tokens(["a"] * (2 * MAX_CAPACITY + 1))


def test_a_worker_is_named_after_its_process() -> None:
    """This one's, or another's."""
    assert default_name() == f"{host_name()}.{os.getpid()}"
    assert default_name(7) == f"{host_name()}.7"
