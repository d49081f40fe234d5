"""Answers of a dispatcher whose work names what this process does not know."""

from __future__ import annotations

import pytest

from spaces.hyperparameters import preset
from spaces.trial import TrialSpec
from workers.transport.messages import WORK, Answer, UnknownWorkError


def test_unknown_work_keeps_its_tokens() -> None:
    """So that the attempts can be handed back; the message says what to do."""
    spec = {**TrialSpec(preset("H1"), 1.0, 0).to_dict(), "operations": "own"}
    work = [{"token": token, "spec": spec, "lease_s": 30.0} for token in ("first", "second")]
    with pytest.raises(UnknownWorkError, match=r"unknown operations 'own'.* start it with the same --plugin") as caught:
        Answer.from_mapping({"status": WORK, "work": work})
    assert caught.value.tokens == ("first", "second")
