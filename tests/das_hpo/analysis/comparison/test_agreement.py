"""Which trials agree, and what differs, as the options that name it."""

from __future__ import annotations

import pytest

from das_hpo.analysis.comparison.agreement import (
    SETTING,
    agreeing,
    criteria_in,
    differing,
    differing_settings,
    option,
    options,
)
from spaces.inverse_1d.choices import Choices
from tests.das_hpo import frames


def test_only_rows_with_the_values_are_left() -> None:
    """A column that the rows do not have says nothing."""
    frame = frames.campaign("c", [1.0, 2.0, 3.0])
    frame["data"] = ["blur", "downsampling", "blur"]
    assert list(agreeing(frame, {"data": "blur", "no column": 1})["architecture_score"]) == [1, 3]
    assert agreeing(frame, {"data": "blur", "budget": 5.0}).empty


def test_what_differs_is_said_with_who_has_it() -> None:
    """Each value with the samples that have it; nothing if all agree."""
    a, b = frames.campaign("a", [1.0]), frames.campaign("b", [1.0])
    assert differing({"a": a, "b": b}) == ""
    a[f"{SETTING}channels"], b[f"{SETTING}channels"] = 8, 4
    b["budget"] = 5.0
    said = "--epochs 50 (a) or --epochs 5 (b); --set channels=8 (a) or --set channels=4 (b)"
    assert differing({"a": a, "b": b}) == said
    assert differing_settings({"a": a, "b": b}) == "--set channels=8 (a) or --set channels=4 (b)"
    assert criteria_in(a) == ["task", "space", "operations", "data", "method", "budget", f"{SETTING}channels"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("budget", 50.0, "--epochs 50"),
        ("data", "blur", "--data blur"),
        (f"{SETTING}residual", True, "--set residual=true"),
        (f"{SETTING}tau", 0.5, "--set tau=0.5"),
    ],
)
def test_a_value_is_named_by_its_option(column: str, value: object, said: str) -> None:
    """As the command line takes it."""
    assert option(column, value) == said


def test_choices_at_their_defaults_need_no_option() -> None:
    """They are what is meant without one."""
    channels = Choices().channels
    assert options({"data": "blur", f"{SETTING}channels": channels}) == "--data blur"
    assert options({f"{SETTING}channels": channels + 1}) == f"--set channels={channels + 1}"
