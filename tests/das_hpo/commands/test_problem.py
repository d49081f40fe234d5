"""The options of a run, and the settings that they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.commands import baseline, evaluate
from das_hpo.commands.command import Parser
from das_hpo.commands.problem import add_run_settings, settings, task_of
from das_hpo.declaration import declarations
from das_hpo.settings import RunSettings, check_run_name
from spaces.errors import UsageError
from spaces.hyperparameters import PRESETS


def asked(*words: str, url: str = "sqlite:///none.db") -> RunSettings:
    """The settings that those words mean."""
    parser = Parser()
    add_run_settings(parser)
    return settings(parser.parse_args(["--objective", "one-shot", *words]), url)


def test_options_of_the_task_and_set_are_one_mapping() -> None:
    """``--set`` has the last word, and what is not given has the task's default."""
    found = asked("--data", "downsampling", "--space", "cell", "--set", "channels=4", "--set", "space=sequential")
    assert {name: found.settings[name] for name in ("data", "space", "channels", "operations", "tau")} == {
        "data": "downsampling",
        "space": "sequential",
        "channels": 4,
        "operations": "good",
        "tau": 0.01,
    }


def test_a_run_without_a_name_gets_one() -> None:
    """Of its objective and data, with which it can be stored."""
    found = asked("--data", "downsampling")
    assert found.name.startswith("one-shot-downsampling-")
    check_run_name(found.name)
    assert asked("--name", "mine").name == "mine"


def test_given_configurations_are_part_of_the_settings(tmp_path: Path) -> None:
    """Read from their file, so that the run can be stored as it is."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([PRESETS["H2"].to_dict()]))
    (given,) = asked("--init", str(path)).given
    assert (given.origin, given.label) == ("fixed", "mine.json 1")
    with pytest.raises(UsageError, match=r"there is no file 'other\.csv'"):
        asked("--init", "other.csv")


def test_the_task_is_configured() -> None:
    """With the settings that are given for it."""
    parser = Parser()
    add_run_settings(parser)
    args = parser.parse_args(["--objective", "one-shot"])
    assert task_of(args, {"space": "cell"}).settings["space"] == "cell"
    with pytest.raises(UsageError, match="'mesh'"):
        task_of(args, {"space": "mesh"})


def test_every_declared_setting_has_its_option() -> None:
    """Of a run in ``run``, of campaigns in ``evaluate`` and ``baseline`` together; none is forgotten."""
    for cls, adders in (
        (RunSettings, (add_run_settings,)),
        (CampaignSettings, (evaluate.configure, baseline.configure)),
    ):
        dests = set()
        for add in adders:
            parser = Parser()
            add(parser)
            dests |= {action.dest for action in parser._actions}
        wanted = {name for name, declared in declarations(cls).items() if declared.option is not None}
        assert wanted <= dests
