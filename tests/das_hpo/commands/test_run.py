"""``das-hpo run``: what is refused, what is resumed, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from spaces.inverse_1d.registries import METHODS
from storage import queries, writes
from storage.engine import open_database
from tests.das_hpo.command import GOOD, assert_one_line_error, das_hpo


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--objective", "final"), ("'final'", "'one-shot', 'architecture'")),
        (("--space", "mesh"), ("'mesh'", "sequential, cell")),
        (("--operations", "bad"), ("'bad'", "good, all")),
        (("--data", "noise"), ("'noise'", "blur, downsampling")),
        (("--method", "unheard-of"), ("'unheard-of'", ", ".join(METHODS))),
        (
            ("--optimizer", "grid"),
            ("'grid'", "bohb, hyperband, random, screening, tpe, cma-es", "package.module:function"),
        ),
        (("--optimizer", "none.such:make"), ("'none.such:make'", "cannot be imported")),
        (("--optimizer", "random", "--decide", "num_samples=3"), ("random", "num_samples")),
        (("--init", "none.csv"), ("'none.csv'", "no file")),
        (("--init", "older"), ("'older'", "'presets'", ".json", "run")),
        (("--init", "presets"), ("8 given configurations", "iterations")),
        (("--min-budget", "9", "--max-budget", "3"), ("9", "3", "above")),
        (("--min-budget", "0"), ("0", "positive")),
        (("--min-budget", "few"), ("'few'", "number")),
        (("--max-budget", "inf"), ("inf",)),
        (("--iterations", "0"), ("'0'", "1 or more")),
        (("--repeats", "0"), ("'0'", "1 or more")),
        (("--eta", "1"), ("1", "2 or more")),
        (("--seed", "-1"), ("'-1'",)),
        (("--aggregate", "min"), ("'min'", "'mean', 'median', 'max'")),
        (("--name", "my run"), ("'my run'", "letters")),
        (("--name", "../x"), ("'../x'", "letters")),
        (("--time-limit", "soon"), ("'soon'", "1h30m")),
        (("--time-limit", "0"), ("--time-limit", "1s to 365d", "0s")),
        (("--evaluation-timeout", "0.001"), ("--evaluation-timeout", "1s to 365d", "0.001s")),
        (("--lease", "0.001"), ("--lease", "1s to 24h", "0.001s")),
        (("--lease", "25h"), ("--lease", "1s to 24h", "90000s")),
        (("--wait", "9999999999d"), ("--wait", "0s to 365d")),
        (("--set", "chanels=3"), ("'chanels'", "channels")),
        (("--set", "channels=many"), ("channels", "'many'")),
        (("--set", "channels"), ("NAME=VALUE",)),
        (("--decide", "brackets=round"), ("'round'", "floor")),
        (("--method", "das-single", "--space", "cell"), ("sequential",)),
        (("--device", "tpu"), ("'tpu'", "cuda:0")),
        (("--nameserver", "host"), ("HOST:PORT", "'host'")),
        (("--nameserver", "10.0.0.1:9090", "--insecure"), ("loopback",)),
        (("--db", "x.db"), ("'x.db'", "sqlite:///")),
        (("--resume",), ("--name",)),
    ],
    ids=lambda value: " ".join(value) if value and str(value[0]).startswith("-") else "",
)
def test_a_run_that_cannot_be_asked_for_is_refused(
    arguments: Sequence[str], words: Sequence[str], tmp_path: Path
) -> None:
    """Exit 2, and no database."""
    process = das_hpo(*GOOD, *arguments, cwd=tmp_path, environment={"DAS_HPO_KEY_FILE": str(tmp_path / ".key")})
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    last = process.stderr.splitlines()[-1]
    assert last.startswith("das-hpo: error: ")
    for word in words:
        assert word in last
    assert "Traceback" not in process.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != ".key"] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--nameserver", "127.0.0.1:1"), ("no nameserver answers at 127.0.0.1:1", "das-hpo nameserver")),
        (("--device", "cuda:7"), ("cuda:7", "cpu")),
        (("--db", "sqlite:///no/such/folder/x.db"), ("no directory",)),
        (("--db", "sqlite:///notes.db"), ("notes.db", "no SQLite database")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) and value[0].startswith("-") else "",
)
def test_a_run_that_cannot_be_had_here_is_refused(
    arguments: Sequence[str], words: Sequence[str], tmp_path: Path
) -> None:
    """Exit 1 for what is not the user's wording; what was there is as it was."""
    (tmp_path / "notes.db").write_text("notes\n" * 1000)
    process = das_hpo(*GOOD, *arguments, cwd=tmp_path, environment={"DAS_HPO_KEY_FILE": str(tmp_path / ".key")})
    last = process.stderr.splitlines()[-1]
    assert process.returncode == 1, process.stderr
    assert last.startswith("das-hpo: error: ")
    for word in words:
        assert word in last
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    assert (tmp_path / "notes.db").read_text() == "notes\n" * 1000
    assert {path.name for path in tmp_path.iterdir()} <= {"notes.db", ".key"}


def test_an_address_that_is_not_ours_leaves_no_run_behind(tmp_path: Path) -> None:
    """The name is free for the same command with a better address."""
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key"), "DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db"}
    process = das_hpo(*GOOD, "--host", "203.0.113.1", "--name", "a", environment=environment)
    assert process.returncode == 1
    assert "cannot listen on 203.0.113.1" in process.stderr
    with open_database(environment["DAS_HPO_DB"]) as database:
        assert queries.runs(database) == []


def test_a_run_needs_nobody_to_read_stderr(tmp_path: Path) -> None:
    """It ends as it would, with its table on stdout."""
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key"), "DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db"}
    reading, writing = os.pipe()
    os.close(reading)
    arguments = "run --objective one-shot --iterations 1 --min-budget 0.1 --max-budget 0.1 --workers 1 --name a"
    try:
        process = subprocess.run(
            [sys.executable, "-m", "das_hpo", *arguments.split()],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=writing,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(writing)
    assert process.returncode == 0
    assert "one_shot_psnr" in process.stdout
    with open_database(environment["DAS_HPO_DB"]) as database:
        assert [(found.run.name, found.run.status) for found in queries.runs(database)] == [("a", "completed")]


def test_an_optimiser_that_a_plug_in_registers_is_taken(tmp_path: Path) -> None:
    """By its name, which the command line alone does not know."""
    (tmp_path / "my_plug_in.py").write_text(
        "from das_hpo.optimizer_registry import register_optimizer\n"
        "register_optimizer('climber', 'examples.own_optimizer:climb')\n"
    )
    root = Path(__file__).parents[3]
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key"), "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}
    words = (*GOOD[:5], "--min-budget", "0.1", "--max-budget", "0.1", "--workers", "1", "--optimizer", "climber")
    assert_one_line_error(das_hpo(*words, cwd=tmp_path, environment=environment), 2, "unknown optimizer 'climber'")
    done = das_hpo(*words, "--plugin", "my_plug_in", "-f", "json", cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["rank"] == 1


STORED = (
    *("run", "--objective", "one-shot", "--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.1"),
    *("--optimizer", "random", "--workers", "1", "--device", "cpu", "--quiet", "--name", "a", "--resume"),
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database in which a run is completed."""
    folder = tmp_path_factory.mktemp("stored")
    process = das_hpo(*STORED, cwd=folder, environment={"DAS_HPO_KEY_FILE": str(folder / "key")})
    assert process.returncode == 0, process.stderr
    return folder


@pytest.mark.parametrize("status", ["completed", "interrupted"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--iterations", "2"), ("--iterations is 1 there, 2 was asked for",)),
        (("--min-budget", "0.05"), ("--min-budget is 0.1 there, 0.05 was asked for",)),
        (("--optimizer", "bohb", "--seed", "3"), ("--optimizer is random there, bohb", "--seed is 0 there, 3")),
        (("--set", "channels=4"), ("--set channels is 8 there, 4 was asked for",)),
        (
            ("--decide", "brackets=ceiling", "--optimizer", "bohb"),
            ("--decide brackets is floor there, ceiling", "--optimizer is"),
        ),
        (("--data", "downsampling"), ("--data is blur there, downsampling",)),
        (("--parallel", "1"), ("--parallel is none there, 1",)),
        (("--evaluation-timeout", "1h"), ("--evaluation-timeout is none there, 3600",)),
        (("--init", "mine.json"), ("--init is none there, 1 (mine.json 1)",)),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") and "was" not in value[0] else "",
)
def test_a_run_is_not_resumed_with_other_settings(
    arguments: Sequence[str], words: Sequence[str], status: str, stored: Path
) -> None:
    """Each that differs is named with both values; the database stays as it is."""
    with open_database(f"sqlite:///{stored}/das-hpo.db") as database, database.begin() as session:
        writes.set_run_status(session, queries.run(database, "a").id, status)
    (stored / "mine.json").write_text(das_hpo("presets", "-f", "json").stdout.partition("},")[0] + "}]")
    before = das_hpo("results", "-f", "json", cwd=stored).stdout
    process = das_hpo(*STORED, *arguments, cwd=stored, environment={"DAS_HPO_KEY_FILE": str(stored / "key")})
    assert_one_line_error(process, 2, "'a'", "das-hpo resume a", *words)
    assert process.stderr.count(" there, ") == len(words)
    assert das_hpo("results", "-f", "json", cwd=stored).stdout == before
    with open_database(f"sqlite:///{stored}/das-hpo.db") as database:
        assert queries.run(database, "a").status == status


def test_a_run_is_resumed_with_its_own_settings(stored: Path) -> None:
    """The same command again, be it on other workers or under another time limit, is no other run."""
    environment = {"DAS_HPO_KEY_FILE": str(stored / "key")}
    process = das_hpo(*STORED, "--time-limit", "1h", "--workers", "2", cwd=stored, environment=environment)
    assert process.returncode == 0, process.stderr


def test_a_killed_run_is_interrupted_at_once_for_every_verb(tmp_path: Path) -> None:
    """After kill -9 nobody waits for the end of a lease to be told so: runs, show, report and run agree."""
    arguments = ["run", "--objective", "one-shot", "--workers", "1", "--min-budget", "50", "--name", "killed"]
    process = subprocess.Popen(
        [sys.executable, "-m", "das_hpo", *arguments, "--quiet"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )

    def status(*verb: str) -> str:
        found = json.loads(das_hpo(*verb, "-f", "json", cwd=tmp_path).stdout)
        return str((found[0] if isinstance(found, list) else found)["status"])

    try:
        assert process.stderr is not None
        assert "has begun" in process.stderr.readline()
        assert status("runs") == "running"
    finally:
        process.kill()
        process.communicate()
    assert status("runs") == status("show", "killed") == "interrupted"
    assert das_hpo("report", cwd=tmp_path).returncode == 0
    page = (tmp_path / "report.html").read_text()
    assert "interrupted" in page
    assert ">running<" not in page
    assert "(interrupted)" in das_hpo(*arguments, cwd=tmp_path).stderr


@pytest.mark.slow
def test_a_run_of_which_every_evaluation_failed_is_no_success(tmp_path: Path) -> None:
    """It is completed, and stored as such; the exit status says that nothing came of it."""
    arguments = ["run", "--objective", "one-shot", "--iterations", "1", "--min-budget", "9000", "--max-budget", "9000"]
    arguments += ["--evaluation-timeout", "1s", "--workers", "1", "--quiet", "--name", "hopeless"]
    process = das_hpo(*arguments, cwd=tmp_path, timeout_s=200)
    assert process.returncode == 1, process.stderr
    assert "all 1 evaluations have failed: `das-hpo results hopeless --all` says why" in process.stderr
    assert "completed" in das_hpo("runs", cwd=tmp_path).stdout


GROUP = (
    *("run", "--objective", "one-shot", "--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.1"),
    *("--optimizer", "random", "--workers", "1", "--device", "cpu", "--name", "g", "-f", "json"),
)


def test_a_group_is_run_and_continued(tmp_path: Path) -> None:
    """One run a seed, each as if it had been run alone; further seeds are added, and what is short is continued."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    url = environment["DAS_HPO_DB"]
    process = das_hpo(*GROUP, "--seeds", "1,0", environment=environment)
    assert process.returncode == 0, process.stderr
    assert "run 2 of 2: g-seed0" in process.stderr
    assert [row["run"] for row in json.loads(process.stdout)] == ["g-seed1", "g-seed0"]
    alone = das_hpo(*GROUP[:-4], "--name", "alone", "--seed", "1", environment=environment)
    assert alone.returncode == 0, alone.stderr
    with open_database(url) as database:
        first, second = (queries.results(database, name) for name in ("g-seed1", "alone"))
        assert [(row.hyperparameters, row.seed) for row in first] == [(row.hyperparameters, row.seed) for row in second]
        assert queries.run(database, "g-seed1").settings["group"] == "g"
        with database.begin() as session:
            writes.set_run_status(session, queries.run(database, "g-seed0").id, "interrupted")
    assert_one_line_error(das_hpo(*GROUP, "--seeds", "5,0", environment=environment), 2, "'g-seed0'", "--name")
    other = das_hpo(*GROUP, "--seeds", "5,0", "--resume", "--iterations", "2", environment=environment)
    assert_one_line_error(other, 2, "--iterations is 1 there, 2 was asked for")
    with open_database(url) as database:
        assert {found.run.name for found in queries.runs(database)} == {"g-seed0", "g-seed1", "alone"}
    process = das_hpo(*GROUP, "--seeds", "0..2", "--resume", environment=environment)
    assert process.returncode == 0, process.stderr
    assert "all 3 runs of g are completed" in process.stderr
    with open_database(url) as database:
        found = {each.run.name: (each.run.status, len(queries.results(database, each.run.name)))
                 for each in queries.runs(database)}  # fmt: skip
    assert found == dict.fromkeys(("g-seed0", "g-seed1", "g-seed2", "alone"), ("completed", 1))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seeds", "9..0"), ("'9..0'", "0..9 or 0,3,7")),
        (("--seeds", "0", "--seed", "0"), ("--seeds takes the place of --seed",)),
        (("--seeds", "0", "--group", "h"), ("--seeds takes the place of --seed and --group",)),
        (("--seeds", "0", "--name", "g" * 60), ("cannot name a run",)),
        (("--group", "g"), ("a group has another name than its runs, got 'g'",)),
    ],
    ids=lambda value: " ".join(value)[:30],
)
def test_a_group_that_cannot_be_asked_for_is_refused(
    arguments: Sequence[str], words: Sequence[str], tmp_path: Path
) -> None:
    """Exit 2; nothing is left behind."""
    environment = {"DAS_HPO_DB": f"sqlite:///{tmp_path}/x.db", "DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    assert_one_line_error(das_hpo(*GROUP, *arguments, environment=environment), 2, *words)
    assert not (tmp_path / "x.db").exists()
