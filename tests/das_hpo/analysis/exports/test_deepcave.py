"""DeepCAVE's folder, by its format's definition: DeepCAVE itself does not install on this Python."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ConfigSpace import Configuration, ConfigurationSpace

from das_hpo.analysis.exports.deepcave import FORMAT
from das_hpo.analysis.exports.source import ExportedRun
from das_hpo.analysis.exports.writing import export_run

#: The fields of a trial, an objective and the statuses, as DeepCAVE 1.3 declares them (deepcave/runs).
TRIAL = ("config_id", "budget", "seed", "costs", "start_time", "end_time", "status", "additional")
OBJECTIVE = {"name", "lower", "upper", "lock_lower", "lock_upper", "optimize"}
SUCCESS, CRASHED, ABORTED = 1, 4, 5


def test_the_folder_is_as_the_recorder_writes_it(exported: Callable[[str], ExportedRun], target: Path) -> None:
    """All files that DeepCAVE asks for; numbers as keys, costs in the objectives' order, points of the space."""
    run = exported("lab")
    assert export_run(run, FORMAT, target) == ""
    meta, configs, origins = (
        json.loads((target / f"{name}.json").read_text()) for name in ("meta", "configs", "origins")
    )
    history = [
        dict(zip(TRIAL, json.loads(line), strict=True)) for line in (target / "history.jsonl").read_text().splitlines()
    ]
    assert (meta["budgets"], meta["seeds"]) == ([1.0, 3.0, 9.0], [0])
    assert [set(objective) for objective in meta["objectives"]] == [OBJECTIVE] * 3
    assert [(each["name"], each["lower"], each["upper"], each["optimize"]) for each in meta["objectives"]] == [
        ("one-shot PSNR (dB)", 15.0, 20.5, "upper"),
        ("architecture PSNR (dB)", 14.0, 21.0, "upper"),
        ("time", 1.5, 1.5, "lower"),
    ]
    space = ConfigurationSpace.from_json(target / "configspace.json")
    assert space == run.space
    for values in configs.values():
        Configuration(space, values=values)  # raises if it is no point of the space
    assert list(configs) == list(origins) == ["0", "1", "2", "3"]
    found = {(each["config_id"], each["budget"]): (each["costs"], each["status"]) for each in history}
    assert found[1, 9.0] == ([20.25, 21.0, 1.5], SUCCESS)
    assert found[2, 1.0] == ([None, None, 1.5], CRASHED)
    assert found[3, 1.0] == ([None, None, None], ABORTED)
    assert len(history) == 7
    assert all(0 <= each["start_time"] <= each["end_time"] for each in history)
    assert next(each for each in history if each["status"] == ABORTED)["additional"]["traceback"] == "its lease ran out"
    # A trial is found by configuration, budget and seed.
    assert len({(each["config_id"], each["budget"], each["seed"]) for each in history}) == 7


def test_deepcave_reads_it_where_it_installs(exported: Callable[[str], ExportedRun], target: Path) -> None:
    """By its own class."""
    runs = pytest.importorskip("deepcave.runs.converters.deepcave", reason="DeepCAVE needs Python 3.10 or older")
    export_run(exported("lab"), FORMAT, target)
    assert len(runs.DeepCAVERun.from_path(target).history) == 7
