"""The settings of a run: what is valid, what is refused, and that they survive the database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from das_hpo.optimizer_settings import OptimizerSettings
from das_hpo.settings import RunSettings, check_run_name
from spaces.errors import InvalidValueError, UnknownNameError, UsageError
from spaces.hyperparameters import PRESETS
from spaces.inverse_1d.registries import METHODS


def settings(**changes: Any) -> RunSettings:
    """Valid settings with changes."""
    return RunSettings.from_mapping({"name": "run", "objective": "one-shot", **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "cannot name a run"),
        ({"name": "-run"}, "cannot name a run"),
        ({"name": "a/b"}, "cannot name a run"),
        ({"name": "a" * 65}, "cannot name a run"),
        ({"objective": "psnr"}, "one-shot, architecture"),
        ({"space": "tree"}, "sequential, cell"),
        ({"operations": "bad"}, "good, all"),
        ({"data": "inpainting"}, "blur, downsampling"),
        ({"method": "unheard-of"}, ", ".join(METHODS)),
        ({"method": "das-single", "space": "cell"}, "sequential"),
        ({"optimizer": "smac"}, "bohb, hyperband, random"),
        ({"iterations": 0}, "iterations must be a whole number of 1 or more, got 0"),
        ({"iterations": 1.5}, "iterations"),
        ({"repeats": 0}, "repeats"),
        ({"parallel": 0}, "parallel"),
        ({"min_budget": 0.0}, "min_budget"),
        ({"max_budget": float("nan")}, "max_budget"),
        ({"min_budget": 9.0, "max_budget": 3.0}, "min_budget 9 is above max_budget 3"),
        ({"eta": 1.0}, "eta must be a number of 2 or more, got 1"),
        ({"eta": float("inf")}, "eta"),
        ({"retrain": "never"}, "auto, always"),
        ({"aggregate": "min"}, "mean, median, max"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"time_limit_s": 0.0}, "time-limit is a time of 1s to 365d, got 0s"),
        ({"evaluation_timeout_s": -1.0}, "evaluation-timeout"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_not_valid_is_refused(changes: dict[str, Any], message: str) -> None:
    """A wrong setting is a usage error that says what is valid."""
    with pytest.raises(UsageError, match=message):
        settings(**changes)


@given(
    iterations=st.integers(1, 1000),
    budgets=st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)).map(sorted),
    eta=st.floats(2, 10),
    seed=st.integers(0, 2**63 - 1),
    repeats=st.integers(1, 9),
    limit=st.none() | st.floats(1, 1e6),
    channels=st.integers(1, 64),
    brackets=st.sampled_from(["floor", "ceiling"]),
)
def test_settings_survive_json(
    iterations: int,
    budgets: list[float],
    eta: float,
    seed: int,
    repeats: int,
    limit: float | None,
    channels: int,
    brackets: str,
) -> None:
    """What is stored of a run reads back as the same settings."""
    asked = settings(
        iterations=iterations,
        min_budget=budgets[0],
        max_budget=budgets[1],
        eta=eta,
        seed=seed,
        repeats=repeats,
        time_limit_s=limit,
        choices={"channels": channels},
        decisions=OptimizerSettings(brackets=brackets),
    )
    assert RunSettings.from_mapping(json.loads(json.dumps(asked.to_dict()))) == asked


def test_times_may_be_text() -> None:
    """Durations are read as people write them."""
    read = RunSettings.from_mapping(
        {"name": "run", "objective": "one-shot", "time_limit_s": "2h", "evaluation_timeout_s": "90s"}
    )
    assert (read.time_limit_s, read.evaluation_timeout_s) == (7200.0, 90.0)


def test_unknown_and_missing_settings_are_named() -> None:
    """A setting that does not exist, or one that is missing, is named in the error."""
    with pytest.raises(UnknownNameError, match="'colour'"):
        RunSettings.from_mapping({"name": "run", "objective": "one-shot", "colour": "red"})
    with pytest.raises(InvalidValueError, match="objective"):
        RunSettings.from_mapping({"name": "run"})


@pytest.mark.parametrize(
    ("objective", "retrain", "expected"),
    [("one-shot", "auto", False), ("one-shot", "always", True), ("architecture", "auto", True)],
)
def test_trials_retrain_where_the_objective_needs_it(objective: str, retrain: str, expected: bool) -> None:
    """``auto`` retrains for the architecture objective alone, ``always`` for both."""
    asked = settings(objective=objective, retrain=retrain, space="cell", data="downsampling")
    spec = asked.spec(PRESETS["H1"].to_dict(), 5.0, 3)
    assert (spec.task, spec.retrain, spec.budget, spec.seed) == ("inverse-1d", expected, 5.0, 3)
    assert (spec.settings["space"], spec.settings["data"], spec.settings["channels"]) == ("cell", "downsampling", 8)


def test_names_of_runs() -> None:
    """Names that can be part of a file name and of a nameserver's entry are taken."""
    for name in ("run", "H1-blur_2.0", "0"):
        check_run_name(name)
