"""Trials of inverse-1d: what they refuse, their steps, and the way to a specification and back."""

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import PRESETS, preset
from spaces.inverse_1d.architecture import Architecture
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.trial import InverseTrial


@st.composite
def trials(draw: st.DrawFn) -> InverseTrial:
    """Any valid specification."""
    space = draw(st.sampled_from(["sequential", "cell"]))
    methods = ["das", "das-single"] if space == "sequential" else ["das"]
    architecture = str(Architecture.random(space, "all", random.Random(draw(st.integers()))))
    return InverseTrial(
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


@given(trials())
def test_a_trial_crosses_the_wire_as_a_specification(trial: InverseTrial) -> None:
    """And comes back as it was."""
    assert InverseTrial.of(trial.spec) == trial
    assert trial.spec.task == "inverse-1d"


SPEC = InverseTrial(preset("H1"), budget=5, seed=1)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"budget": 0}, InvalidValueError, "a budget is a positive number of epochs, got 0"),
        ({"budget": float("nan")}, InvalidValueError, "a budget is a positive number"),
        ({"seed": -1}, InvalidValueError, "a seed is an integer"),
        ({"space": "tree"}, UnknownNameError, "unknown space 'tree'"),
        ({"operations": "bad"}, UnknownNameError, "unknown operations 'bad'"),
        ({"data": "motion"}, UnknownNameError, "unknown data formation 'motion': valid are blur, downsampling"),
        ({"method": "unheard-of"}, UnknownNameError, "unknown method 'unheard-of'"),
        ({"method": "das-single", "space": "cell"}, InvalidValueError, "das-single needs the sequential space"),
        ({"architecture": str(Architecture.uniform("cell", "net"))}, InvalidValueError, "none of the sequential space"),
    ],
    ids=["zero", "nan", "seed", "space", "operations", "data", "method", "das-single", "architecture"],
)
def test_invalid_specs(change: dict[str, Any], error: type[Exception], match: str) -> None:
    """A trial that cannot be run says what is valid."""
    with pytest.raises(error, match=match):
        dataclasses.replace(SPEC, **change)


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
