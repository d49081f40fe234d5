"""``das-hpo evaluate --until-decided``: real processes, on a task whose trials are known."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import das_hpo as package
from storage import queries
from storage.engine import open_database
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.commands.noise import DOOR

ROOT = Path(__file__).parents[3]
HERE = ("--task", DOOR, "--workers", "2", "--device", "cpu", "--quiet")


def environment_of(folder: Path) -> dict[str, str]:
    """A database and a key in the folder; workers find the task."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    database = {"DAS_HPO_DB": f"sqlite:///{folder}/x.db", "DAS_HPO_KEY_FILE": str(folder / "key")}
    return {**database, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def evaluated(folder: Path, *arguments: str) -> dict[str, Any]:
    """What the verb prints as JSON."""
    process = das_hpo("evaluate", *arguments, *HERE, "-f", "json", environment=environment_of(folder))
    assert process.returncode == 0, process.stderr
    printed: dict[str, Any] = json.loads(process.stdout)
    return {**printed, "stderr": process.stderr}


def decisions(printed: dict[str, Any]) -> dict[tuple[str, str], str]:
    """What is decided of each two."""
    return {(one["first"], one["second"]): one["decision"] for one in printed["comparisons"]}


def trials_of(folder: Path) -> dict[str, int]:
    """Finished evaluations of each campaign."""
    with closing(sqlite3.connect(folder / "x.db")) as database:
        return dict(
            database.execute("select run, count(*) from results where status in ('completed', 'diverged') group by run")
        )


def test_trials_go_where_it_is_undecided(tmp_path: Path) -> None:
    """What differs by 10 dB needs the first look alone; what is alike gets trials up to the most, and stays open."""
    printed = evaluated(tmp_path, "first", "alike", "poor", "--until-decided", "--max-trials", "20")
    assert decisions(printed) == {
        ("first-noise", "alike-noise"): "undecided",
        ("first-noise", "poor-noise"): "better",
        ("alike-noise", "poor-noise"): "better",
    }
    trials = trials_of(tmp_path)
    assert trials["first-noise"] == trials["alike-noise"] == 20
    assert trials["poor-noise"] < 20
    assert "not decided, as there are 20 trials of each already" in printed["stderr"]
    assert "first-noise against alike-noise" in printed["stderr"]
    # A larger limit goes on from there.
    evaluated(tmp_path, "first", "alike", "--until-decided", "--max-trials", "25")
    assert trials_of(tmp_path) == {"first-noise": 25, "alike-noise": 25, "poor-noise": trials["poor-noise"]}


def test_compare_says_how_the_trials_were_gathered(tmp_path: Path) -> None:
    """Plain compare gives p values that hold whenever one stops; further trials of a fixed number change nothing."""
    printed = evaluated(tmp_path, "first", "better", "--until-decided")
    assert decisions(printed) == {("first-noise", "better-noise"): "worse"}
    environment = environment_of(tmp_path)
    das_hpo("evaluate", "first", "--trials", "30", *HERE, environment=environment)
    for names in (("first-noise", "better-noise"), ("first", "better", "--task", DOOR)):
        compared = json.loads(das_hpo("compare", *names, "-f", "json", environment=environment).stdout)
        (one,) = compared["comparisons"]
        assert (one["test"], one["decision"]) == ("brunner-munzel, any time", "worse")
        assert any("trials were added until a comparison was decided" in said for said in compared["verdict"])
        assert any("valid whenever one stops" in said for said in compared["verdict"])
    assert trials_of(tmp_path)["first-noise"] == 30


def test_a_killed_decision_goes_on(tmp_path: Path) -> None:
    """Killed with -9 in the middle of a round and given again, it comes to the verdict of one that was left alone."""
    calm, harsh = tmp_path / "calm", tmp_path / "harsh"
    calm.mkdir()
    harsh.mkdir()
    words = ("first", "alike", "better", "--until-decided", "--max-trials", "18")
    undisturbed = evaluated(calm, *words)
    command = [sys.executable, "-m", "das_hpo", "evaluate", *words, *HERE, "--set", "wait_s=0.05"]
    environment = {**os.environ, **environment_of(harsh)}
    killed = 0
    for limit in (6, 20, 40):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, start_new_session=True)
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            if (harsh / "x.db").exists() and sum(counted(harsh)) >= limit:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.02)
        process.communicate(timeout=60)
    assert killed >= 2
    printed = evaluated(harsh, *words, "--set", "wait_s=0.05")
    assert decisions(printed) == decisions(undisturbed)
    assert trials_of(harsh) == trials_of(calm)
    numbers = [[one["median_difference"] for one in each["comparisons"]] for each in (printed, undisturbed)]
    assert numbers[0] == numbers[1]


def counted(folder: Path) -> list[int]:
    """Finished evaluations, while another process writes them."""
    try:
        return list(trials_of(folder).values())
    except sqlite3.OperationalError:  # not made yet
        return []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("first", "--until-decided"), "compares two or more"),
        (("first", "first", "--until-decided"), "compares two or more"),
        (("first", "better", "--until-decided", "--trials", "5"), "--max-trials instead of --trials"),
        (("first", "better", "--until-decided", "--max-trials", "11"), "takes that many or more, got 11"),
        (("first", "better", "--until-decided", "--max-trials", "0"), "1 or more"),
        (("first", "better", "--until-decided", "--margin", "-1"), "a number from 0 on"),
        (("first", "better", "--until-decided", "--level", "1"), "between 0 and 1"),
        (("first", "better", "--max-trials", "20"), "--max-trials belongs to --until-decided"),
        (("first", "better", "--margin", "0.5"), "--margin belongs to --until-decided"),
        (("first", "better", "--level", "0.9"), "--level belongs to --until-decided"),
        (("first", "nothing", "--until-decided"), "no preset"),
        (
            ("first", "better", "--until-decided", "--retrain", "auto", "--objective", "one-shot"),
            "leave out --retrain",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_decided_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """Before anything is computed, in one line."""
    process = das_hpo("evaluate", *words, *HERE, environment=environment_of(tmp_path))
    assert_one_line_error(process, 2, said)
    assert not (tmp_path / "x.db").exists()


def test_one_problem_is_decided_on(tmp_path: Path) -> None:
    """Several values of an option make several problems, and two names may not mean the same trials."""
    environment = environment_of(tmp_path)
    words = ("evaluate", "H1", "H2", "--data", "blur", "downsampling", "--until-decided")
    assert_one_line_error(das_hpo(*words, environment=environment), 2, "on one problem", "--data")


def test_python_has_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame has the campaigns, and compare their verdict; a fixed sample counts from its own size."""
    for name, value in environment_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    common: dict[str, Any] = {"task": DOOR, "workers": 1, "device": "cpu"}
    package.evaluate("first", trials=16, **common)
    frame = package.evaluate(["first", "poor"], until_decided=True, max_trials=30, **common)
    assert list(frame["campaign"]) == ["first-noise", "poor-noise"]
    assert dict(zip(frame["campaign"], frame["trials"], strict=True)) == {"first-noise": 16, "poor-noise": 12}
    assert package.compare(list(frame["campaign"])).tests["decision"].tolist() == ["better"]
    with open_database(environment_of(tmp_path)["DAS_HPO_DB"]) as database:
        settings = {name: queries.run(database, name).settings for name in frame["campaign"]}
    assert {name: values["looked_from"] for name, values in settings.items()} == {"first-noise": 16, "poor-noise": 0}
