"""The arguments of the Python functions as options of the commands."""

from __future__ import annotations

import pytest

from das_hpo.arguments import arguments, database_url, door_and_settings, parted, watched, who_computes
from das_hpo.commands import evaluate
from das_hpo.progress import Snapshot
from spaces.errors import InvalidValueError, TaskError, UnknownNameError
from workers.inverse_1d import TASK, Inverse1D


def test_options_have_the_defaults_of_the_command() -> None:
    """What is given takes their place; epochs are the budget, and one value of a list needs no list."""
    args = arguments(evaluate.configure, ["H1"], {"epochs": 2.0, "data": "blur", "time_limit_s": "2h"})
    assert (args.names, args.trials, args.budget, args.data, args.time_limit_s) == (["H1"], None, 2.0, ["blur"], 7200.0)
    with pytest.raises(UnknownNameError, match=r"unknown option .epoch.: valid are .*epochs"):
        arguments(evaluate.configure, ["H1"], {"epoch": 2.0})
    for wrong in ("--trials", "", 1):
        with pytest.raises(InvalidValueError, match="names of presets and runs are needed"):
            arguments(evaluate.configure, [wrong], {})  # type: ignore[list-item]


def test_settings_are_told_from_who_computes() -> None:
    """Each option is one of both."""
    of_run, of_service = parted({"iterations": 2, "data": "blur", "workers": 1, "lease": "1m"})
    assert (of_run, of_service) == ({"iterations": 2, "data": "blur"}, {"workers": 1, "lease": "1m"})
    with pytest.raises(UnknownNameError, match="unknown option 'given'"):
        parted({"given": ()})


def test_who_computes(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations may be text; without a key on loopback only."""
    monkeypatch.setenv("DAS_HPO_KEY_FILE", f"{tmp_path}/key")
    service = who_computes({"workers": 3, "lease": "1m", "kernel": "torch"})
    assert (service.workers, service.lease_s, service.kernel, service.device) == (3, 60.0, "torch", "auto")
    assert service.keys is not None
    assert who_computes({"insecure": True}).keys is None
    with pytest.raises(InvalidValueError, match="insecure is for loopback only"):
        who_computes({"insecure": True, "nameserver": "example.org:9090"})


def test_the_database_is_that_of_the_environment_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And else a file in the current folder."""
    monkeypatch.delenv("DAS_HPO_DB", raising=False)
    assert database_url(None) == "sqlite:///das-hpo.db"
    monkeypatch.setenv("DAS_HPO_DB", "sqlite:///lab.db")
    assert database_url(None) == "sqlite:///lab.db"
    assert database_url("sqlite:///mine.db") == "sqlite:///mine.db"
    with pytest.raises(InvalidValueError, match=r"url takes a URL such as sqlite:///das-hpo.db .* got 'mine.db'"):
        database_url("mine.db")


def test_a_task_has_a_door() -> None:
    """The name of its object in its module, or of its class; its settings are kept, and others go over them."""
    assert door_and_settings("inverse-1d", None) == {"task": "inverse-1d", "settings": {}}
    assert door_and_settings(TASK, None) == {"task": "workers.inverse_1d:TASK", "settings": TASK.settings}
    found = door_and_settings(Inverse1D(data="downsampling"), {"space": "cell"})
    assert found["task"] == "workers.inverse_1d:Inverse1D"
    assert (found["settings"]["data"], found["settings"]["space"]) == ("downsampling", "cell")
    with pytest.raises(TaskError, match=r"a task is a door such as package.module:object, or an object of it, got 3"):
        door_and_settings(3, None)  # type: ignore[arg-type]


def test_progress_is_told_to_a_function_or_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """True shows it on stderr; nothing is told by default."""
    told: list[Snapshot] = []
    now = Snapshot("first", "one-shot", finished=1, expected=4)
    with watched(None, told.append) as (_, tell):
        assert tell is not None
        tell(now)
    assert told == [now]
    with watched(None, False) as (stop, tell):
        assert tell is None
        assert not stop.is_set()
    with watched(None, True) as (_, tell):
        assert tell is not None
        tell(now)
    assert "first: 1/4 evaluations" in capsys.readouterr().err
