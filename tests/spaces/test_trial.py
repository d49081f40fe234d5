"""Trial specifications and outcomes: round trips over the wire's types, and what they refuse."""

import dataclasses
import json
from typing import Any

import pytest
import serpent
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.trial import WORST_LOSS, Epoch, TrialOutcome, TrialSpec, to_score

FINITE = st.floats(allow_nan=False, allow_infinity=False)
#: What a database can hold.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
MAYBE = st.none() | FINITE


VALUES = st.dictionaries(
    st.text(max_size=9), st.booleans() | st.integers(-9, 9) | FINITE | st.text(max_size=9), max_size=4
)


def specs() -> st.SearchStrategy[TrialSpec]:
    """Any valid specification."""
    return st.builds(
        TrialSpec,
        task=st.text(min_size=1),
        hyperparameters=VALUES,
        budget=st.floats(1e-3, 1e3),
        seed=st.integers(0, 2**63 - 1),
        retrain=st.booleans(),
        settings=VALUES,
        architecture=st.none() | st.text(),
    )


def epochs() -> st.SearchStrategy[Epoch]:
    """Any point of a learning curve."""
    alpha = st.none() | st.lists(st.tuples(FINITE, FINITE), max_size=3).map(tuple)
    numbers = [MAYBE] * 4
    return st.builds(Epoch, st.sampled_from(["search", "retrain"]), st.integers(1, 50), *numbers, alpha)


def outcomes() -> st.SearchStrategy[TrialOutcome]:
    """Any outcome."""
    return st.builds(
        TrialOutcome,
        status=st.sampled_from(["completed", "diverged"]),
        one_shot_score=MAYBE,
        architecture_score=MAYBE,
        architecture=st.none() | TEXTS,
        parameters=st.none() | st.integers(0, 10**6),
        epochs=st.lists(epochs(), max_size=3, unique_by=lambda epoch: (epoch.phase, epoch.epoch)).map(tuple),
        kernel=st.sampled_from(["torch", "fused"]),
        device=TEXTS,
        search_s=st.floats(0, 1e6),
        retrain_s=st.floats(0, 1e6),
        message=st.none() | TEXTS,
        extras=st.dictionaries(TEXTS, FINITE, max_size=2),
        fingerprint=st.none() | TEXTS,
    )


@given(specs())
def test_spec_round_trip(spec: TrialSpec) -> None:
    """A specification survives serpent and JSON."""
    assert TrialSpec.from_mapping(serpent.loads(serpent.dumps(spec.to_dict()))) == spec
    assert TrialSpec.from_mapping(json.loads(json.dumps(spec.to_dict()))) == spec


@given(outcomes())
def test_outcome_round_trip(outcome: TrialOutcome) -> None:
    """An outcome survives serpent and JSON."""
    assert TrialOutcome.from_mapping(json.loads(json.dumps(outcome.to_dict()))) == outcome
    assert TrialOutcome.from_mapping(serpent.loads(serpent.dumps(outcome.to_dict()))) == outcome


SPEC = TrialSpec("task", {"rate": 0.1}, budget=5, seed=1, settings={"layers": 3})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"budget": 0}, "a budget is a positive number of epochs, got 0"),
        ({"budget": float("nan")}, "a budget is a positive number"),
        ({"seed": -1}, "a seed is an integer"),
        ({"seed": 2**63}, "a seed is an integer"),
        ({"task": ""}, "names its task"),
        ({"hyperparameters": [1]}, "hyperparameters are values by name"),
        ({"settings": {1: 2}}, "settings are values by name"),
    ],
    ids=str,
)
def test_invalid_specs(change: dict[str, Any], match: str) -> None:
    """A trial that cannot be run says what is valid."""
    with pytest.raises(InvalidValueError, match=match):
        dataclasses.replace(SPEC, **change)


def test_unknown_fields_are_refused() -> None:
    """A mapping with a field too many is no trial and no outcome."""
    with pytest.raises(InvalidValueError, match="not a trial"):
        TrialSpec.from_mapping({**SPEC.to_dict(), "gpu": 1})
    with pytest.raises(InvalidValueError, match="not an outcome"):
        TrialOutcome.from_mapping({"one_shot_score": 1.0})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "good", 20], ids=str)
def test_a_score_is_finite(value: object) -> None:
    """An outcome whose score is not a finite float is refused."""
    good = TrialOutcome("completed", 20.0, None, None, None).to_dict()
    with pytest.raises(InvalidValueError, match="a score is a finite number or None"):
        TrialOutcome.from_mapping({**good, "one_shot_score": value})


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": ["search"]},
        {"epochs": [{"phase": "search", "epoch": 1}, {"phase": "search", "epoch": 1}]},
        {"epochs": [{"phase": "search", "epoch": "1", "training_loss": 1.0, "training_score": 1.0}]},
        {"epochs": [{"phase": "search", "epoch": 1, "training_loss": "low", "training_score": 1.0}]},
        {"epochs": 2 * [{"phase": "search", "epoch": 1, "training_loss": 1.0, "training_score": 1.0}]},
        {"architecture": ["net"]},
        {"parameters": 2**63},
        {"parameters": True},
        {"kernel": None},
        {"search_s": "long"},
        {"extras": {"entropy": float("nan")}},
        {"extras": {"entropy": "low"}},
        {"extras": [1.0]},
        {"fingerprint": 7},
    ],
    ids=str,
)
def test_an_outcome_is_what_a_database_can_hold(change: dict[str, Any]) -> None:
    """Fields of another type, and an epoch that comes twice, are refused and not found out by the database."""
    good = TrialOutcome("completed", 20.0, None, None, None).to_dict()
    with pytest.raises(InvalidValueError, match="not an outcome"):
        TrialOutcome.from_mapping({**good, **change})


def test_unknown_status() -> None:
    """An outcome has one of two states."""
    with pytest.raises(UnknownNameError, match="valid are completed, diverged"):
        TrialOutcome.from_mapping(TrialOutcome("lost", None, None, None, None).to_dict())


def test_shape_ignores_seed_and_hyperparameters_only() -> None:
    """Trials share a batch if they differ in seed and hyperparameters; every other field parts them."""
    assert dataclasses.replace(SPEC, seed=2, hyperparameters={"rate": 0.2}).shape == SPEC.shape
    changes: list[dict[str, Any]] = [
        {"budget": 6.0},
        {"task": "other"},
        {"settings": {"layers": 4}},
        {"retrain": False},
        {"architecture": "net"},
    ]
    for change in changes:
        assert dataclasses.replace(SPEC, **change).shape != SPEC.shape


def test_loss_has_the_sign_of_the_metric() -> None:
    """An optimiser minimises: a score is negated where larger is better; without one there is no loss."""
    outcome = TrialOutcome("completed", 20.0, 15.0, None, None)
    assert outcome.loss("one-shot") == -20.0
    assert outcome.loss("architecture") == -15.0
    assert outcome.loss("one-shot", larger_is_better=False) == 20.0
    assert to_score(outcome.loss("one-shot", False), False) == to_score(outcome.loss("one-shot"), True) == 20.0
    assert TrialOutcome("diverged", None, None, None, None).loss("one-shot") is None
    # Its search went well, its retraining did not: it is a diverged trial.
    assert TrialOutcome("diverged", 20.0, None, None, None).loss("one-shot") is None
    with pytest.raises(UnknownNameError, match="unknown objective 'speed': valid are one-shot, architecture"):
        outcome.loss("speed")


def test_worst_loss_is_worse_than_any_psnr_of_float32() -> None:
    """The largest error float32 holds still has a lower loss than what a diverged trial is told."""
    import math

    assert 10 * math.log10(3.5e38) < WORST_LOSS


def test_plugins_cross_the_wire_where_there_are_some() -> None:
    """A trial of built-in parts has the message that it always had; other trials name the code of their plug-ins."""
    plain = TrialSpec("inverse-1d", {}, 1.0, 0)
    assert "plugins" not in plain.to_dict()
    assert TrialSpec.from_mapping(plain.to_dict()) == plain
    own = TrialSpec("inverse-1d", {}, 1.0, 0, plugins="0123456789abcdef")
    assert own.to_dict()["plugins"] == "0123456789abcdef"
    assert TrialSpec.from_mapping(own.to_dict()) == own
    assert own.shape != plain.shape
    with pytest.raises(InvalidValueError, match="the fingerprint of plug-ins is text, got 3"):
        TrialSpec.from_mapping({**plain.to_dict(), "plugins": 3})
