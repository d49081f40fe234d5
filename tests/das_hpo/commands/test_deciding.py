"""``das-hpo evaluate --until-decided``: real processes, on a task whose trials are known."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import das_hpo as package
from das_hpo.analysis.statistics import Trials, compare
from das_hpo.analysis.statistics.sequential import any_time_p
from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.cli import main
from das_hpo.commands.deciding import to_decide
from spaces.errors import InvalidValueError
from storage import queries
from storage.engine import open_database
from tests.das_hpo.commands.noise import DOOR

ROOT = Path(__file__).parents[3]
HERE = ("--task", DOOR, "--workers", "1", "--device", "cpu", "--quiet")


def environment_of(folder: Path) -> dict[str, str]:
    """A database and a key in the folder; workers find the task."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    database = {"DAS_HPO_DB": f"sqlite:///{folder}/x.db", "DAS_HPO_KEY_FILE": str(folder / "key")}
    return {**database, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def decisions(compared: dict[str, Any]) -> dict[tuple[str, str], str]:
    """What is decided of each two."""
    return {(one["first"], one["second"]): one["decision"] for one in compared["comparisons"]}


def trials_of(folder: Path) -> dict[str, int]:
    """Finished evaluations of each campaign."""
    with closing(sqlite3.connect(f"file:{folder}/x.db?mode=ro", uri=True)) as database:
        return dict(
            database.execute("select run, count(*) from results where status in ('completed', 'diverged') group by run")
        )


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a decision between three, of one of which 16 trials were there before."""
    folder = tmp_path_factory.mktemp("decided")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(folder).items():
            patch.setenv(name, value)
        common: dict[str, Any] = {"task": DOOR, "workers": 1, "device": "cpu"}
        package.evaluate("first", trials=16, **common)
        frame = package.evaluate(["first", "alike", "poor"], until_decided=True, max_trials=18, **common)
        assert dict(zip(frame["campaign"], frame["trials"], strict=True)) == SIZES
        yield folder


#: What is alike gets trials up to the most; what is 10 dB worse, those of the second look.
SIZES = {"first-noise": 18, "alike-noise": 18, "poor-noise": 15}


def test_trials_go_where_it_is_undecided(decided: Path) -> None:
    """A fixed sample that is there counts from its own size, and says so; nothing is computed twice."""
    assert trials_of(decided) == SIZES
    with open_database(f"sqlite:///{decided}/x.db") as database:
        settings = {name: queries.run(database, name).settings for name in SIZES}
    assert {name: values["looked_from"] for name, values in settings.items()} == {
        "first-noise": 16,
        "alike-noise": 0,
        "poor-noise": 0,
    }
    assert package.compare(list(SIZES)).tests["decision"].tolist() == ["undecided", "better", "better"]


@pytest.mark.parametrize(
    "words", [("first-noise", "poor-noise"), ("first", "poor", "--task", DOOR)], ids=["campaigns", "presets"]
)
def test_compare_says_how_the_trials_were_gathered(
    decided: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    """Plain compare has no p value of a fixed sample for them, and says why."""
    assert main(["compare", *words, "-f", "json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    (one,) = compared["comparisons"]
    assert (one["test"], one["decision"]) == ("brunner-munzel, any time", "better")
    assert any("trials were added until a comparison was decided" in said for said in compared["verdict"])
    assert any("valid whenever one stops" in said for said in compared["verdict"])
    frames = [package.load_results(run=name) for name in ("first-noise", "poor-noise")]
    fixed = compare(*(Trials("x", frame["architecture_score"], list(frame["seed"])) for frame in frames))
    assert one["p_value"] == pytest.approx(any_time_p(fixed.p_value, 18, 15))
    assert one["p_value"] > 10 * fixed.p_value
    assert one["difference_low"] < fixed.difference_interval.low < one["median_difference"]


def test_a_killed_decision_goes_on(tmp_path: Path) -> None:
    """Killed with -9 in the middle of a round and given again, it comes to the verdict of one that was left alone."""
    calm, harsh = tmp_path / "calm", tmp_path / "harsh"
    calm.mkdir()
    harsh.mkdir()
    command = [sys.executable, "-m", "das_hpo", "evaluate", "alike", "better", "--until-decided", "--max-trials", "40"]
    command += [*HERE, "-f", "json", "--set", "wait_s=0.03"]
    killed = False
    process = subprocess.Popen(command, env=os.environ | environment_of(harsh), start_new_session=True)
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if sum(counted(harsh)) >= 26:  # in the round after the first look, which is at 12 of each
            os.killpg(process.pid, signal.SIGKILL)
            killed = True
            break
        time.sleep(0.01)
    process.wait(timeout=60)
    assert killed
    printed = []
    for folder in (harsh, calm):
        ended = subprocess.run(
            command, env=os.environ | environment_of(folder), capture_output=True, text=True, timeout=120, check=True
        )
        assert ended.stderr.endswith("every comparison is decided\n")
        printed.append(json.loads(ended.stdout))
    assert decisions(printed[0]) == decisions(printed[1]) == {("alike-noise", "better-noise"): "worse"}
    assert trials_of(harsh) == trials_of(calm)
    assert printed[0]["comparisons"] == printed[1]["comparisons"]


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
def test_what_cannot_be_decided_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    """Before anything is computed, in one line."""
    for name, value in environment_of(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert main(["evaluate", *words, *HERE]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert not (tmp_path / "x.db").exists()


def test_one_problem_is_decided_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several values of an option make several problems."""
    monkeypatch.setenv("DAS_HPO_DB", f"sqlite:///{tmp_path}/x.db")
    assert main(["evaluate", "H1", "H2", "--data", "blur", "downsampling", "--until-decided"]) == 2
    assert not (tmp_path / "x.db").exists()


def campaign(label: str, **changes: Any) -> CampaignSettings:
    """A campaign of the task."""
    return CampaignSettings(
        name=label, label=label, task=DOOR, **{"hyperparameters": {"mean": 20.0, "stream": 0}, **changes}
    )


def test_two_names_of_the_same_trials_are_refused() -> None:
    """As of two runs that found the same configuration; and so are campaigns of different epochs."""
    with pytest.raises(InvalidValueError, match="a and b mean the same trials"):
        to_decide([campaign("a"), campaign("b")])
    other = {"mean": 21.0, "stream": 1}
    with pytest.raises(InvalidValueError, match=r"different problems or epochs \(--epochs 50 and --epochs 9\)"):
        to_decide([campaign("a"), campaign("b", hyperparameters=other, budget=9.0)])
    assert [one.trials for one in to_decide([campaign("a"), campaign("b", hyperparameters=other)])] == [12, 12]
