"""Trial specifications and outcomes: round trips over the wire's types, and what they refuse."""

import dataclasses
import json
import random
from typing import Any

import pytest
import serpent
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import PRESETS, preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.trial import WORST_LOSS, Epoch, TrialOutcome, TrialSpec

FINITE = st.floats(allow_nan=False, allow_infinity=False)
#: What a database can hold.
TEXTS = st.text(st.characters(exclude_characters="\0"))
MAYBE = st.none() | FINITE


@st.composite
def specs(draw: st.DrawFn) -> TrialSpec:
    """Any valid specification."""
    space = draw(st.sampled_from(["sequential", "cell"]))
    methods = ["das", "das-single"] if space == "sequential" else ["das"]
    architecture = str(Architecture.random(space, "all", random.Random(draw(st.integers()))))
    return TrialSpec(
        hyperparameters=draw(st.sampled_from(list(PRESETS.values()))),
        budget=draw(st.floats(1e-3, 1e3)),
        seed=draw(st.integers(0, 2**63 - 1)),
        space=space,
        operations=draw(st.sampled_from(["good", "all"])),
        data=draw(st.sampled_from(["blur", "downsampling"])),
        method=draw(st.sampled_from(methods)),
        retrain=draw(st.booleans()),
        architecture=draw(st.sampled_from([None, architecture])),
        choices=Choices(channels=draw(st.integers(1, 64)), tau=draw(st.floats(1e-3, 1))),
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
        one_shot_psnr=MAYBE,
        architecture_psnr=MAYBE,
        architecture=st.none() | TEXTS,
        parameters=st.none() | st.integers(0, 10**6),
        epochs=st.lists(epochs(), max_size=3, unique_by=lambda epoch: (epoch.phase, epoch.epoch)).map(tuple),
        kernel=st.sampled_from(["torch", "fused"]),
        device=TEXTS,
        search_s=st.floats(0, 1e6),
        retrain_s=st.floats(0, 1e6),
        message=st.none() | TEXTS,
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


SPEC = TrialSpec(preset("H1"), budget=5, seed=1)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"budget": 0}, InvalidValueError, "a budget is a positive number of epochs, 0 came"),
        ({"budget": float("nan")}, InvalidValueError, "a budget is a positive number"),
        ({"seed": -1}, InvalidValueError, "a seed is an integer"),
        ({"space": "tree"}, UnknownNameError, "unknown space 'tree'"),
        ({"operations": "bad"}, UnknownNameError, "unknown operations 'bad'"),
        ({"data": "motion"}, UnknownNameError, "unknown data formation 'motion': valid are blur, downsampling"),
        ({"method": "darts"}, UnknownNameError, "unknown method 'darts'"),
        ({"method": "das-single", "space": "cell"}, InvalidValueError, "das-single needs the sequential space"),
        ({"architecture": str(Architecture.uniform("cell", "net"))}, InvalidValueError, "none of the sequential space"),
    ],
    ids=["zero", "nan", "seed", "space", "operations", "data", "method", "das-single", "architecture"],
)
def test_invalid_specs(change: dict[str, Any], error: type[Exception], match: str) -> None:
    """A trial that cannot be run says what is valid."""
    with pytest.raises(error, match=match):
        dataclasses.replace(SPEC, **change)


def test_unknown_fields_are_refused() -> None:
    """A mapping with a field too many is no trial and no outcome."""
    with pytest.raises(InvalidValueError, match="not a trial"):
        TrialSpec.from_mapping({**SPEC.to_dict(), "gpu": 1})
    with pytest.raises(InvalidValueError, match="not an outcome"):
        TrialOutcome.from_mapping({"status": "completed"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "good", 20], ids=str)
def test_a_psnr_is_finite(value: object) -> None:
    """An outcome whose PSNR is not a finite float is refused."""
    good = TrialOutcome("completed", 20.0, None, None, None).to_dict()
    with pytest.raises(InvalidValueError, match="a PSNR is a finite number or None"):
        TrialOutcome.from_mapping({**good, "one_shot_psnr": value})


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": ["search"]},
        {"epochs": [{"phase": "search", "epoch": 1}, {"phase": "search", "epoch": 1}]},
        {"epochs": [{"phase": "search", "epoch": "1", "training_loss": 1.0, "training_psnr": 1.0}]},
        {"epochs": [{"phase": "search", "epoch": 1, "training_loss": "low", "training_psnr": 1.0}]},
        {"epochs": 2 * [{"phase": "search", "epoch": 1, "training_loss": 1.0, "training_psnr": 1.0}]},
        {"architecture": ["net"]},
        {"parameters": 2**63},
        {"parameters": True},
        {"kernel": None},
        {"search_s": "long"},
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


@pytest.mark.parametrize(("budget", "steps"), [(50, 950), (5, 95), (5.5555, 106), (1, 19), (0.5, 10), (0.001, 1)])
def test_steps(budget: float, steps: int) -> None:
    """A budget of b epochs is round(19 b) steps, and at least one."""
    assert dataclasses.replace(SPEC, budget=budget).steps == steps


def test_shape_ignores_seed_and_hyperparameters_only() -> None:
    """Trials share a batch if they differ in seed and hyperparameters; every other field parts them."""
    assert dataclasses.replace(SPEC, seed=2, hyperparameters=preset("H2")).shape == SPEC.shape
    changes: list[dict[str, Any]] = [
        {"budget": 6.0},
        {"space": "cell"},
        {"operations": "all"},
        {"data": "downsampling"},
        {"method": "das-single"},
        {"retrain": False},
        {"architecture": str(Architecture.uniform("sequential", "net"))},
        {"choices": Choices(tau=0.2)},
    ]
    shapes = {SPEC.shape, *(dataclasses.replace(SPEC, **change).shape for change in changes)}
    assert len(shapes) == len(changes) + 1


def test_loss_is_minus_the_objectives_psnr() -> None:
    """BOHB minimises minus the PSNR; without one there is no loss."""
    outcome = TrialOutcome("completed", 20.0, 15.0, None, None)
    assert outcome.loss("one-shot") == -20.0
    assert outcome.loss("architecture") == -15.0
    assert TrialOutcome("diverged", None, None, None, None).loss("one-shot") is None
    # Its search went well, its retraining did not: it is a diverged trial.
    assert TrialOutcome("diverged", 20.0, None, None, None).loss("one-shot") is None
    with pytest.raises(UnknownNameError, match="unknown objective 'speed': valid are one-shot, architecture"):
        outcome.loss("speed")


def test_worst_loss_is_worse_than_any_psnr_of_float32() -> None:
    """The largest error float32 holds still has a lower loss than what a diverged trial is told."""
    import math

    assert 10 * math.log10(3.5e38) < WORST_LOSS
