"""One declaration per setting: kinds of values, checks, and what a dataclass declares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.declaration import (
    AnyValue,
    Checked,
    Contents,
    Duration,
    Kind,
    Number,
    Pairs,
    Several,
    Whole,
    Words,
    check_declared,
    declarations,
    listed,
    require_known,
    setting,
    shown,
)
from das_hpo.optimizer_settings import OptimizerSettings
from das_hpo.settings import RunSettings, check_run_name, read_range
from spaces.errors import InvalidValueError, UnknownNameError, UsageError


@dataclass(frozen=True)
class Example:
    """A dataclass with declared settings."""

    name: str = setting(kind=Checked(check_run_name), help="its name")
    size: int = setting(3, Whole(1), help="its size")
    ratio: float | None = setting(None, Number(least=0, most=1), help="its ratio", default_in_words="by size")
    wait_s: float = setting(2.0, Duration("wait"), help="how long to wait")
    hidden: str = setting("", option=None)

    def __post_init__(self) -> None:
        check_declared(self)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (AnyValue(), "x", "x"),
        (Words(("a", "b")), "a", "a"),
        (Whole(1), "12", 12),
        (Whole(1), 12.0, 12),
        (Number(), "-1e-3", -1e-3),
        (Number(least=0, most=1), 1, 1.0),
        (Duration("lease"), "1h30m", 5400.0),
        (Duration("lease"), 90.0, 90.0),
        (Checked(check_run_name), "a.b", "a.b"),
        (Contents(str.upper), "file", "FILE"),
        (Pairs(), "top-n-percent=3", ("top_n_percent", "3")),
        (Pairs("NAME=LOW:HIGH", read_range), "x=1e-3:0.1", ("x", (1e-3, 0.1))),
        (Several(), "presets", "presets"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Kind) else "",
)
def test_a_text_is_read_as_its_kind(kind: Kind, text: Any, value: Any) -> None:
    """And what was read is valid."""
    read = kind.read(text)
    assert (read, type(read)) == (value, type(value))
    kind.require("setting", read)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (Whole(1), "0", "a whole number of 1 or more is needed, got '0'"),
        (Whole(1), "1.5", "got '1.5'"),
        (Whole(1), True, "got True"),
        (Whole(1, 99), "100", "a whole number from 1 to 99 is needed"),
        (Whole(0), str(2**63), "or more is needed"),
        (Number(above=0, unit="epochs"), "0", "a positive number of epochs is needed, got '0'"),
        (Number(), "inf", "a number is needed, got 'inf'"),
        (Number(least=2), "few", "a number of 2 or more is needed, got 'few'"),
        (Duration("lease"), "0.001", "1s to 24h, got 0.001s"),
        (Duration("lease"), "soon", "'soon'"),
        (Checked(check_run_name), "a b", "'a b' cannot name a run"),
        (Pairs(), "channels", "NAME=VALUE is needed, got 'channels'"),
        (Pairs(), "=3", "NAME=VALUE is needed"),
        (Pairs("NAME=LOW:HIGH", read_range), "x=2:1", "NAME=LOW:HIGH is needed, two numbers of which LOW is the sm"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Kind) else "",
)
def test_a_text_that_is_not_valid_says_what_is(kind: Kind, text: Any, message: str) -> None:
    """What is needed, and what came."""
    with pytest.raises(InvalidValueError, match=message):
        kind.read(text)


def test_a_kind_that_a_plug_in_may_add_to_is_checked_later() -> None:
    """The command line is read before plug-ins are imported."""
    late = Checked(check_run_name, late=True)
    assert late.read("a b") == "a b"
    with pytest.raises(InvalidValueError):
        late.require("name", "a b")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "cannot name a run"),
        ({"size": 0}, "size must be a whole number of 1 or more, got 0"),
        ({"size": True}, "size must be a whole number of 1 or more, got True"),
        ({"size": "3"}, "got '3'"),
        ({"size": None}, "got None"),
        ({"ratio": 1.5}, "ratio must be a number from 0 to 1, got 1.5"),
        ({"ratio": math.nan}, "got nan"),
        ({"wait_s": -1.0}, "wait is a time of 0s to 365d"),
    ],
    ids=str,
)
def test_a_dataclass_is_checked_by_what_it_declares(changes: dict[str, Any], message: str) -> None:
    """The setting is named, and what is valid."""
    with pytest.raises(UsageError, match=message):
        Example(**{"name": "a", **changes})


def test_what_is_declared_of_a_setting() -> None:
    """Options are named as fields are; a default of None makes a setting optional."""
    found = declarations(Example)
    assert [each.option for each in found.values()] == ["--name", "--size", "--ratio", "--wait", None]
    assert [name for name, each in found.items() if each.required] == ["name"]
    assert [name for name, each in found.items() if each.optional] == ["ratio"]
    assert (found["size"].default, found["ratio"].default_in_words) == (3, "by size")


@pytest.mark.parametrize("cls", [RunSettings, CampaignSettings, OptimizerSettings], ids=lambda cls: cls.__name__)
def test_every_stored_setting_is_declared(cls: Any) -> None:
    """With a valid default, and a sentence where it has an option of a verb."""
    stored = cls().to_dict() if cls is OptimizerSettings else cls(name="a", objective="architecture").to_dict()
    # Of trials whose number was fixed before, nothing is stored, as before there were others.
    assert stored.keys() == declarations(cls).keys() - {"looked_from"}
    for name, declared in declarations(cls).items():
        assert cls is OptimizerSettings or declared.help, name


def test_an_unknown_setting_is_named() -> None:
    """With those that there are."""
    require_known(Example, {"size": 1}, "setting")
    with pytest.raises(UnknownNameError, match="'colour': valid are name, size, ratio, wait_s, hidden"):
        require_known(Example, {"colour": "red"}, "setting")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none())
def test_a_value_is_shown_as_the_command_line_takes_it(value: Any) -> None:
    """Numbers read back as they were."""
    text = shown(value)
    if value is None or isinstance(value, bool):
        assert text == str(value).lower()
    else:
        assert float(text) == float(value)
    assert listed({"a": value, "b": "x"}) == f"a={text}, b=x"
