"""What a computation gives: an outcome that the dispatcher takes, or a text that says why there is none."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from spaces.hyperparameters import preset
from spaces.texts import is_clean
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from workers.transport.messages import MAX_MESSAGE_LENGTH
from workers.worker.computation import Computation

SPEC = TrialSpec("inverse-1d", preset("H1").to_dict(), budget=1.0, seed=0)
GOOD = TrialOutcome("completed", 20.0, None, None, None)


def computed(result: Any) -> TrialOutcome | str:
    """What the worker reports of a computation that returns this, or raises it."""

    def compute(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
        if isinstance(result, BaseException):
            raise result
        return [result for _ in specs]

    (found,) = Computation(compute, lambda: False).results([SPEC], frozenset({"token"}))
    return found


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("no outcome", "no attribute 'to_dict'"),
        (TrialOutcome("completed", math.nan, None, None, None), "must be finite"),
        (TrialOutcome("completed", 20.0, None, None, 10**400), "64 bits"),
        (TrialOutcome("completed", 20.0, None, None, None, (Epoch("x" * 100, 1, None, None),)), "phase"),
        (TrialOutcome("completed", 20.0, None, None, None, kernel=object()), "object"),  # type: ignore[arg-type]
        (
            TrialOutcome(
                "completed", 20.0, None, None, None, tuple(Epoch("search", n, 1 / 3, 1 / 3) for n in range(150_000))
            ),
            r"the outcome has \d+ bytes, and at most \d+ cross the wire",
        ),
    ],
    ids=["no outcome", "nan", "400 digits", "a long phase", "another type", "too large"],
)
def test_an_outcome_that_could_not_be_recorded_is_an_error(outcome: Any, reason: str) -> None:
    """It would be refused there, or would never arrive: the evaluation has raised, and says so."""
    found = computed(outcome)
    assert isinstance(found, str)
    assert re.search(reason, found)


def test_numpy_and_odd_texts_are_made_to_cross() -> None:
    """A task of one's own may well return them."""
    found = computed(
        TrialOutcome("completed", np.float32(20.5), None, None, np.int64(7), message="caf\udce9 \0")  # type: ignore[arg-type]
    )
    assert isinstance(found, TrialOutcome)
    assert (found.one_shot_score, found.parameters, found.message) == (20.5, 7, "caf\\udce9 \\x00")
    assert type(found.one_shot_score) is float
    assert computed(GOOD) == GOOD


@pytest.mark.parametrize(
    "error", [ValueError("caf\udce9 \0"), ValueError("\udce9" * 100_000), SystemExit("\0"), KeyError("\ud800")]
)
def test_what_is_raised_is_a_text_that_can_be_stored(error: BaseException) -> None:
    """Of bounded length, with the line that says most at its end."""
    found = computed(error)
    assert isinstance(found, str)
    assert is_clean(found)
    assert len(found) <= MAX_MESSAGE_LENGTH
    assert found.strip().splitlines()[-1].endswith(("\\udce9 \\x00", "\\udce9" * 10, "\\x00", "'\\ud800'"))
