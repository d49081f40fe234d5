"""Options that are made from declarations of settings."""

from __future__ import annotations

import argparse
from dataclasses import fields
from typing import Any

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.commands.command import Parser
from das_hpo.commands.options import add_setting, given
from das_hpo.declaration import declarations
from das_hpo.settings import RunSettings
from spaces.errors import UsageError


def parsed(cls: type, *words: str, **changes: Any) -> argparse.Namespace:
    """Those words, read by a parser that has every option of the dataclass."""
    parser = Parser()
    for name, declared in declarations(cls).items():
        if declared.option is not None:
            add_setting(parser, cls, name, **changes)
    return parser.parse_args(words)


@pytest.mark.parametrize("cls", [RunSettings, CampaignSettings])
def test_without_options_every_setting_has_its_default(cls: Any) -> None:
    """What the command line gives and what the dataclass has by itself are the same settings."""
    words = ("--objective", "architecture", "--name", "a")
    assert cls.from_mapping(given(parsed(cls, *words), cls)) == cls(name="a", objective="architecture")


def test_every_option_reaches_its_setting() -> None:
    """As its own type; what may be repeated adds up."""
    words = (
        "--objective one-shot --name a --task inverse-1d --set tau=0.5 --set channels=4 --optimizer tpe --iterations 3 "
        "--min-budget 1 --max-budget 9.5 --eta 2.5 --retrain always --repeats 2 --aggregate max --seed 7 --parallel 4 "
        "--range alpha_learning_rate=1e-3:0.1 --fix alpha-optimizer=adam --decide brackets=ceiling --init presets "
        "--init a.csv --time-limit 2h --evaluation-timeout 90"
    )
    assert given(parsed(RunSettings, *words.split()), RunSettings) == {
        "name": "a",
        "objective": "one-shot",
        "task": "inverse-1d",
        "settings": {"tau": "0.5", "channels": "4"},
        "optimizer": "tpe",
        "iterations": 3,
        "min_budget": 1.0,
        "max_budget": 9.5,
        "eta": 2.5,
        "retrain": "always",
        "repeats": 2,
        "aggregate": "max",
        "seed": 7,
        "parallel": 4,
        "ranges": {"alpha_learning_rate": (1e-3, 0.1)},
        "fixed": {"alpha_optimizer": "adam"},
        "decisions": {"brackets": "ceiling"},
        "given": ["presets", "a.csv"],
        "time_limit_s": 7200.0,
        "evaluation_timeout_s": 90.0,
    }


def test_the_help_has_valid_values_unit_and_default() -> None:
    """Of a time what is valid; of the rest the default, in words where it is no plain value."""
    parser = Parser(formatter_class=argparse.RawTextHelpFormatter)
    add_setting(parser, RunSettings, "time_limit_s")
    add_setting(parser, RunSettings, "parallel")
    add_setting(parser, RunSettings, "iterations", help="other words", default_in_words="as many as it has")
    text = parser.format_help()
    assert "--time-limit TIME" in text
    assert "(1s to 365d; default: none)" in text
    assert "(default: as many as workers ask for)" in text
    assert "other words (default: as many as it has)" in text
    assert parser.parse_args([]).iterations is None


def test_a_wrong_value_names_its_option() -> None:
    """In one line."""
    with pytest.raises(UsageError, match=r"^--repeats: a whole number of 1 or more is needed, got '0' \(see"):
        parsed(RunSettings, "--objective", "one-shot", "--repeats", "0")


def test_a_setting_without_an_option_gets_none() -> None:
    """It is a mistake to ask for one."""
    with pytest.raises(ValueError, match="the setting label has no option"):
        add_setting(Parser(), CampaignSettings, "label")


def test_nothing_that_is_not_declared_is_stored() -> None:
    """Fields without a declaration follow from the settings, and are made with them."""
    undeclared = {field.name for field in fields(RunSettings)} - declarations(RunSettings).keys()
    assert undeclared == {"_task", "_space"}
    assert RunSettings(name="a", objective="one-shot").to_dict().keys() == declarations(RunSettings).keys()
