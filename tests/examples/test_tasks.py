"""Foreign tasks through the command line: over the network, interrupted and resumed, evaluated, compared, reported."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import das_hpo as package
from spaces.errors import DatabaseMissingError, RunMissingError
from storage import queries
from storage.engine import open_database
from tests.das_hpo.command import assert_one_line_error, das_hpo

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

#: A task that takes no time; what stands in the places of BODY and TOP makes it odd.
PROBE = """
from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter
from spaces.task import Labels, Metric, Task
from spaces.trial import TrialOutcome
TOP

class Probe(Task):
    name = "probe"
    metric = Metric("error", "%", larger_is_better=False)
    labels = Labels("none", "none", "none", "none")
    presets = {"middle": {"x": 0.5}}

    def configuration_space(self):
        space = ConfigurationSpace()
        space.add(UniformFloatHyperparameter("x", 0.0, 1.0))
        return space

    def run_trials(self, specs, device):
        return [self.run_trial(spec) for spec in specs]

    def run_trial(self, spec):
        x = spec.hyperparameters["x"]
        error = 100 * (x - 0.25) ** 2 + 10 / spec.budget
BODY
        return TrialOutcome(one_shot_score=error, architecture_score=error + 1, architecture=f"x={x:.3f}",
                            extras={"distance": abs(x - 0.25)})

TASK = Probe()
"""


def probe(folder: Path, top: str = "", body: str = "") -> Path:
    """Writes the probe into a folder."""
    folder.mkdir(exist_ok=True)
    path = folder / "probe.py"
    path.write_text(PROBE.replace("TOP", top).replace("BODY", body and f"        {body}"))
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A database and a key of the test's own, and one thread."""
    return {
        "DAS_HPO_DB": f"sqlite:///{tmp_path}/lab.db",
        "DAS_HPO_KEY_FILE": str(tmp_path / "key"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }


def run(*options: str, task: str = "probe:TASK", name: str = "first") -> tuple[str, ...]:
    """A small run."""
    budgets = ("--iterations", "1", "--min-budget", "1", "--max-budget", "3", "--seed", "1", "--quiet")
    return ("run", "--objective", "one-shot", "--task", task, "--name", name, *budgets, *options)


def rows(environment: dict[str, str], name: str = "first") -> list[Any]:
    """What the database has of a run; nothing before it has begun."""
    try:
        with open_database(environment["DAS_HPO_DB"]) as database:
            return queries.results(database, name)
    except (DatabaseMissingError, RunMissingError):
        return []


@contextmanager
def processes(cwd: Path, environment: dict[str, str]) -> Iterator[Any]:
    """Starts das-hpo in the background, and ends what was started."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **more: str) -> subprocess.Popen[str]:
        with (cwd / f"log-{len(started)}").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "das_hpo", *words],
                cwd=cwd,
                env={**os.environ, **environment, **more},
                stdout=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        process.log = cwd / f"log-{len(started)}"  # type: ignore[attr-defined]
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Any, seconds: float = 120.0) -> None:
    """Waits until it is true; fails if it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def nameserver(start: Any, port: int) -> str:
    """A nameserver in the background."""
    process = start("nameserver", "--host", "127.0.0.1", "--port", str(port))
    until(lambda: f"127.0.0.1:{port}" in process.log.read_text())
    return f"127.0.0.1:{port}"


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("door", "metric", "hyperparameter"),
    [
        ("examples.digits:TASK", "accuracy", "weight_decay"),
        ("examples.deblurring:TASK", "PSNR", "sharpness"),
    ],
    ids=["digits", "deblurring"],
)
def test_an_example_is_run_over_the_network_resumed_evaluated_and_compared(
    door: str, metric: str, hyperparameter: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Everything that works on the paper's task works on a foreign one."""
    with processes(tmp_path, environment) as start:
        address = nameserver(start, free_port())
        start("worker", "--nameserver", address, "--task", door, "--device", "cpu", "--wait", "60s")
        master = start(*run("--nameserver", address, "--retrain", "always", "--iterations", "2", task=door))
        until(lambda: any(row.status == "completed" for row in rows(environment)))
        master.send_signal(signal.SIGINT)
        assert master.wait(60) == 130
        early = {(row.number, row.budget): row.one_shot_score for row in rows(environment) if row.sequence}
        resumed = das_hpo("resume", "first", "--nameserver", address, "--quiet", cwd=tmp_path, environment=environment)
        assert resumed.returncode == 0, resumed.stderr
    found = rows(environment)
    assert {row.status for row in found} <= {"completed", "diverged"}
    assert len(found) == 6
    assert {key: score for key, score in _scores(found).items() if key in early} == early
    assert {(row.metric, row.kernel, len(row.fingerprint)) for row in found} == {(metric, "torch", 16)}
    assert all(hyperparameter in row.hyperparameters for row in found)
    for words in (
        ("evaluate", "first", "--trials", "2", "--workers", "1", "--quiet"),
        ("evaluate", "usual", "--task", door, "--trials", "2", "--epochs", "3", "--workers", "1", "--quiet"),
        ("compare", "first", "usual", "--task", door),
        ("report", "-o", "report.html"),
        ("show", "first"),
        ("results", "first"),
        ("runs",),
    ):
        done = das_hpo(*words, cwd=tmp_path, environment=environment, timeout_s=280)
        assert done.returncode == 0, done.stderr
        if metric != "PSNR":
            assert "psnr" not in done.stdout.lower()
            assert " dB" not in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert metric in page
    frame = package.load_results(environment["DAS_HPO_DB"], "first")
    assert frame[hyperparameter].notna().all()


def _has(environment: dict[str, str]) -> bool:
    return Path(environment["DAS_HPO_DB"].removeprefix("sqlite:///")).exists()


def _scores(found: list[Any]) -> dict[tuple[int, float], float | None]:
    return {(row.number, row.budget): row.one_shot_score for row in found}


def test_the_smallest_score_wins_where_smaller_is_better(tmp_path: Path, environment: dict[str, str]) -> None:
    """The incumbent, the loss and what advances; and every number of a trial is a column."""
    folder = probe(tmp_path / "here").parent
    done = das_hpo(*run("--workers", "1", "-f", "json"), cwd=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    found = rows(environment)
    largest = [row for row in found if row.budget == 3]
    best = min(largest, key=lambda row: row.one_shot_score)
    shown = json.loads(done.stdout)[0]
    assert (shown["score"], shown["metric"], "psnr" in shown) == (best.one_shot_score, "error", False)
    small = sorted((row for row in found if row.budget == 1), key=lambda row: row.one_shot_score)
    assert {row.number for row in largest} == {row.number for row in small[: len(largest)]}
    assert all(row.loss == row.one_shot_score and row.one_shot_psnr is None for row in found)
    frame = package.load_results(environment["DAS_HPO_DB"])
    assert (frame["distance"] == (frame["x"] - 0.25).abs()).all()


def test_a_score_that_is_not_finite_is_a_diverged_trial(tmp_path: Path, environment: dict[str, str]) -> None:
    """Recorded as such, with a message; the run goes on."""
    folder = probe(tmp_path / "here", body="if x > 0.3: error = float('nan')").parent
    done = das_hpo(*run("--workers", "1", "--iterations", "2"), cwd=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    found = rows(environment)
    assert {row.status for row in found} == {"completed", "diverged"}
    for row in found:
        assert (row.status == "diverged") == (row.hyperparameters["x"] > 0.3)
        assert row.status == "completed" or (row.message == "one shot score: nan" and row.loss is None)


def test_what_a_task_prints_does_not_disturb(tmp_path: Path, environment: dict[str, str]) -> None:
    """stdout is for data: at import, in a trial, and in a thread of its own."""
    folder = probe(tmp_path / "here", top="print('imported')", body="print('a trial')").parent
    done = das_hpo(*run("--workers", "1", "-f", "json"), cwd=folder, environment=environment)
    assert json.loads(done.stdout)[0]["rank"] == 1
    assert "imported" in done.stderr


@pytest.mark.parametrize(
    ("top", "message"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
    ids=["missing", "syntax", "exit"],
)
def test_a_broken_import_is_one_line(top: str, message: str, tmp_path: Path, environment: dict[str, str]) -> None:
    """Of a run and of a worker alike, before anything is done: exit status 2."""
    folder = probe(tmp_path / "here", top=top).parent
    assert_one_line_error(das_hpo(*run(), cwd=folder, environment=environment), 2, "probe:TASK", message)
    worker = das_hpo(
        "worker", "--nameserver", "127.0.0.1:1", "--task", "probe:TASK", cwd=folder, environment=environment
    )
    assert_one_line_error(worker, 2, "probe:TASK", message)
    assert not _has(environment)


@pytest.mark.parametrize(
    ("door", "message"),
    [
        ("probe", "unknown task 'probe': valid are inverse-1d"),
        ("probe:NONE", "has no attribute 'NONE'"),
        ("probe:PROBE", "no task"),
        ("os:path", "no task"),
        (":TASK", "package.module:object"),
    ],
)
def test_a_door_that_leads_nowhere_is_refused(
    door: str, message: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """In one line that says what is valid."""
    folder = probe(tmp_path / "here", top="PROBE = 1").parent
    assert_one_line_error(das_hpo(*run(task=door), cwd=folder, environment=environment), 2, message)


@pytest.mark.slow
def test_workers_that_lack_the_task_or_have_other_code_get_no_work(tmp_path: Path, environment: dict[str, str]) -> None:
    """Both say so in a line; a worker that has it computes everything, and no attempt is burnt."""
    here = probe(tmp_path / "here").parent
    other = probe(tmp_path / "other", top="# other code").parent
    with processes(tmp_path, environment) as start:
        address = nameserver(start, free_port())
        without = start("worker", "--nameserver", address, "--device", "cpu")
        words = ("worker", "--nameserver", address, "--device", "cpu", "--task", "probe:TASK")
        stale = start(*words, PYTHONPATH=f"{ROOT}{os.pathsep}{other}")
        master = start(*run("--nameserver", address), PYTHONPATH=f"{ROOT}{os.pathsep}{here}")
        until(lambda: "was not told of" in without.log.read_text() and "has the code" in stale.log.read_text())
        assert not [row for row in rows(environment) if row.attempts]
        start(*words, PYTHONPATH=f"{ROOT}{os.pathsep}{here}")
        assert master.wait(120) == 0
        assert master.log.read_text().count("was not told of") == 1
    found = rows(environment)
    assert {(row.status, row.attempts) for row in found} == {("completed", 1)}
    assert len({row.worker for row in found}) == 1


def test_a_run_is_not_resumed_with_other_code(tmp_path: Path, environment: dict[str, str]) -> None:
    """It says what to do; with the old code it goes on, and trials of other code are other campaigns."""
    folder = probe(tmp_path / "here", body="import time; time.sleep(0.3)").parent
    words = run("--workers", "1", "--time-limit", "1s", "--iterations", "20")
    done = das_hpo(*words, cwd=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    before = (folder / "probe.py").read_text()
    (folder / "probe.py").write_text(before + "# changed\n")
    resumed = das_hpo("resume", "first", "--workers", "1", cwd=folder, environment=environment)
    assert_one_line_error(resumed, 2, "other code of the task probe", "put that code back", "--accept-code-change")
    (folder / "probe.py").write_text(before)
    evaluate = ("evaluate", "middle", "--task", "probe:TASK", "--trials", "1", "--epochs", "1", "--workers", "1")
    for text, names in ((before, {"middle-probe"}), (before + "#\n", {"middle-probe", "middle-probe-2"})):
        (folder / "probe.py").write_text(text)
        assert das_hpo(*evaluate, cwd=folder, environment=environment).returncode == 0
        with open_database(environment["DAS_HPO_DB"]) as database:
            assert {found.run.name for found in queries.runs(database)} - {"first"} == names


def test_a_code_change_may_be_accepted(tmp_path: Path, environment: dict[str, str]) -> None:
    """The run goes on and says so; every evaluation has the fingerprint of its code, the run that of the last one."""
    folder = probe(tmp_path / "here", body="import time; time.sleep(0.3)").parent
    with processes(folder, environment) as start:
        begun = start(*run("--workers", "1", "--iterations", "9"))
        until(lambda: any(row.status == "completed" for row in rows(environment)))
        begun.send_signal(signal.SIGTERM)
        assert begun.wait(60) == 130
    old = {row.fingerprint for row in rows(environment) if row.fingerprint is not None}
    finished = {(row.number, row.budget, row.finished_at) for row in rows(environment) if row.finished_at is not None}
    assert len(old) == 1
    probe(folder, body="pass")
    resume = ("resume", "first", "--workers", "1", "--quiet")
    assert_one_line_error(das_hpo(*resume, cwd=folder, environment=environment), 2, "other code of the task probe")
    resumed = das_hpo(*resume, "--accept-code-change", cwd=folder, environment=environment)
    assert resumed.returncode == 0, resumed.stderr
    assert "first goes on with other code of the task probe" in resumed.stderr
    found = rows(environment)
    new = {row.fingerprint for row in found} - old
    assert len(new) == 1
    assert finished <= {(row.number, row.budget, row.finished_at) for row in found if row.fingerprint in old}
    assert {row.status for row in found} == {"completed"}
    with open_database(environment["DAS_HPO_DB"]) as database:
        record = queries.run(database, "first")
    assert (record.status, {record.fingerprint}) == ("completed", new)


def test_hyperparameters_are_narrowed_and_fixed(tmp_path: Path, environment: dict[str, str]) -> None:
    """What is proposed lies in the range, and what is fixed is given to every trial."""
    folder = probe(tmp_path / "here").parent
    narrow = run("--workers", "1", "--range", "x=0.6:0.7")
    assert das_hpo(*narrow, cwd=folder, environment=environment).returncode == 0
    assert all(0.6 <= row.hyperparameters["x"] <= 0.7 for row in rows(environment))
    for words, message in (
        (("--range", "y=0:1"), "unknown hyperparameter 'y': valid are x"),
        (("--range", "x=1:0"), "LOW is the smaller"),
        (("--fix", "x=0.5"), "nothing is left to search"),
        (("--fix", "x=much"), "x takes a number"),
        (("--set", "layers=3"), "has no settings"),
        (("--space-file", "nowhere.json"), "cannot be read"),
    ):
        assert_one_line_error(das_hpo(*run(*words, name="n"), cwd=folder, environment=environment), 2, message)


def test_a_space_file_adds_a_hyperparameter(tmp_path: Path, environment: dict[str, str]) -> None:
    """ConfigSpace's own JSON; the task is given what the file has, and older points stay readable."""
    from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter, UniformIntegerHyperparameter

    folder = probe(tmp_path / "here").parent
    assert das_hpo(*run("--workers", "1"), cwd=folder, environment=environment).returncode == 0
    space = ConfigurationSpace()
    space.add(UniformFloatHyperparameter("x", 0.0, 0.5), UniformIntegerHyperparameter("layers", 1, 3))
    space.to_json(folder / "space.json")
    words = run("--workers", "1", "--space-file", "space.json", name="second")
    done = das_hpo(*words, cwd=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    assert {row.hyperparameters["layers"] for row in rows(environment, "second")} <= {1, 2, 3}
    frame = package.load_results(environment["DAS_HPO_DB"])
    assert frame.loc[frame["run"] == "first", "layers"].isna().all()
    assert frame.loc[frame["run"] == "second", "layers"].notna().all()


@pytest.mark.slow
def test_the_wrapped_script_of_the_page_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    """docs/own-task.md's file, as it stands there, beside the script that it wraps."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "own-task.md").read_text(), re.DOTALL)
    (tmp_path / "wine.py").write_text(blocks[0])
    shutil.copy(EXAMPLES / "somebody_elses_das.py", tmp_path)
    done = das_hpo(*run("--workers", "2", task="wine:TASK"), cwd=tmp_path, environment=environment, timeout_s=280)
    assert done.returncode == 0, done.stderr
    found = rows(environment)
    assert {row.status for row in found} == {"completed"}
    assert all(0 <= row.one_shot_score <= 1 and 0 <= row.architecture_score <= 1 for row in found)


@pytest.mark.parametrize("name", ["digits.py", "deblurring.py"])
def test_an_example_is_one_short_file(name: str) -> None:
    """Of less than 200 lines, as the README says."""
    assert len((EXAMPLES / name).read_text().splitlines()) < 200
