"""Plug-ins on the command line: real runs, real workers, and workers that lack what a run needs."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.frames import load_results
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.test_end_to_end import Lab, until

TINY = ("--objective", "one-shot", "--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.3")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A folder of a user, with the plug-ins in it."""
    for path in Path(__file__).parent.glob("own_*.py"):
        shutil.copy(path, tmp_path)
    made = Lab(tmp_path)
    yield made
    made.close()


def test_a_run_takes_its_plugins_to_its_workers(lab: Lab) -> None:
    """Local workers get the same plug-ins, from options and from the environment; all is stored by name."""
    lab.environment["DAS_HPO_PLUGINS"] = "own_data, own_operations"
    options = ("--plugin", "own_method", "--plugin", "own_space", "--method", "gumbel-one-level", "--space", "skip")
    lab.run("run", *TINY, *options, "--operations", "own", "--data", "dense", "--name", "own", "--workers", "1")
    rows = lab.rows("select * from results where run = 'own'")
    assert {(row["status"], row["kernel"], row["space"]) for row in rows} == {("completed", "torch", "skip")}
    assert {(row["operations"], row["data"], row["method"]) for row in rows} == {("own", "dense", "gumbel-one-level")}


def test_a_database_with_foreign_parts_is_read_without_them(lab: Lab) -> None:
    """Other commands need no plug-in to show what is stored, and go on with trials of their own."""
    options = ("--plugin", "own_operations", "--operations", "own", "--space", "cell", "--workers", "1")
    lab.run("evaluate", "H1", *options, "--trials", "1", "--epochs", "0.1", "--quiet")
    (name,) = lab.rows("select name from runs")[0]
    for verb in (("runs",), ("show", name), ("results",), ("incumbent", name), ("compare", name)):
        lab.run(*verb)
    lab.run("report", "-o", "page.html")
    out, _ = lab.run("evaluate", "H1", "--trials", "1", "--epochs", "0.1", "--workers", "1", "--quiet")
    assert "H1-sequential-good-blur" in out
    _, err = lab.run("evaluate", "H1", *options[2:], status=2)
    assert "unknown operations 'own': valid are good, all; others are registered by a --plugin" in err


def test_a_worker_that_lacks_a_plugin_leaves_the_run_to_others(lab: Lab) -> None:
    """It says what to do and hands the evaluation back, which another worker computes; nothing has failed."""
    nameserver = lab.nameserver()
    poor = lab.start("worker", "--nameserver", nameserver)
    options = ("--plugin", "own_operations", "--operations", "own", "--nameserver", nameserver, "--quiet")
    run = lab.start("run", *TINY, *options, "--name", "own")
    assert poor.stderr is not None
    lines: list[str] = []
    while "left to other workers" not in "".join(lines[-1:]):
        lines.append(poor.stderr.readline())
        assert lines[-1], lines
    assert "unknown operations 'own'" in lines[-1]
    assert "start it with the same --plugin as the run" in lines[-1]
    until(lambda: lab.rows("select * from attempts where status = 'handed-back'") or None)
    rich = lab.start("worker", "--nameserver", nameserver, "--plugin", "own_operations")
    lab.end(run)
    statuses = {row["status"] for row in lab.rows("select status from results")}
    assert statuses == {"completed"}
    assert rich.poll() is None
    assert poor.poll() is None


def test_a_worker_for_one_run_ends_where_it_lacks_a_plugin(lab: Lab) -> None:
    """There is nothing else for it to do, so it says what to do and fails."""
    nameserver = lab.nameserver()
    options = ("--plugin", "own_operations", "--operations", "own", "--nameserver", nameserver, "--quiet")
    lab.start("run", *TINY, *options, "--name", "own")
    until(lambda: lab.rows("select * from runs where status = 'running'") or None)
    _, err = lab.run("worker", "--nameserver", nameserver, "--run", "own", status=1)
    assert "start it with the same --plugin as the run" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ("'broken' cannot be imported: ModuleNotFoundError", "current folder or in PYTHONPATH")),
        ("import nowhere\n", ("No module named 'nowhere' (broken.py, line 1)",)),
        ("def f(:\n", ("SyntaxError",)),
        ("raise SystemExit(3)\n", ("SystemExit: 3 (broken.py, line 1)",)),
        (
            "from spaces.inverse_1d.registries import DATA_FORMATIONS as D\nD['blur'] = print\n",
            ("changes the data formation 'blur'", "choose another name"),
        ),
        (
            "from spaces.inverse_1d.registries import OPERATION_SETS as S\nS['few'] = ('net', 'gone')\n",
            ("unknown operation of the set few 'gone'",),
        ),
    ],
    ids=["missing", "import", "syntax", "exit", "changes", "invalid"],
)
@pytest.mark.parametrize("verb", ["run", "worker"])
def test_a_broken_plugin_is_one_line(tmp_path: Path, verb: str, text: str | None, words: tuple[str, ...]) -> None:
    """What came, where, and what to do; the exit status is that of wrong usage, and nothing is left behind."""
    if text is not None:
        (tmp_path / "broken.py").write_text(text)
    given = {"run": ("--objective", "one-shot"), "worker": ("--nameserver", "127.0.0.1:1")}[verb]
    process = das_hpo(verb, *given, "--plugin", "broken", cwd=tmp_path)
    assert_one_line_error(process, 2, "the plug-in 'broken'", *words)
    assert not list(tmp_path.glob("*.db"))


def test_a_plugin_that_prints_leaves_stdout_to_the_data(tmp_path: Path) -> None:
    """What it prints when it is imported goes to stderr."""
    (tmp_path / "loud.py").write_text("print('hello')\n")
    given = ("--trials", "1", "--epochs", "0.1", "--workers", "1", "--quiet", "--insecure", "-f", "csv")
    process = das_hpo("evaluate", "H1", *given, "--plugin", "loud", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "hello" in process.stderr
    assert process.stdout.startswith("campaign,")


def test_hyperparameters_and_numbers_of_a_method_become_columns(lab: Lab) -> None:
    """A run searches them, options narrow and fix them, presets have the defaults, and load_results shows all."""
    options = ("--plugin", "own_hyperparameters", "--method", "tempered", "--workers", "1", "--quiet")
    lab.run("run", *TINY, *options, "--range", "temperature=0.02:0.05", "--fix", "sign=minus", "--name", "own")
    lab.run("evaluate", "H1", "own", *options, "--trials", "1", "--epochs", "0.1")
    frame = load_results(f"sqlite:///{lab.folder}/das-hpo.db")
    searched = frame[frame["run"] == "own"]
    assert searched["temperature"].between(0.02, 0.05).all()
    assert searched["temperature"].nunique() > 1
    assert set(searched["sign"]) == {"minus"}
    assert set(frame[frame["run"].str.startswith("H1")]["temperature"]) == {1.0}
    assert frame["mixing_entropy"].between(0, math.log(2) + 1e-6).all()
    assert set(frame["status"]) == {"completed"}
    _, err = lab.run("evaluate", "own", *options[:2], "--method", "das", "--trials", "1", status=2)
    assert "unknown hyperparameter 'temperature': valid are parameter_learning_rate" in err


def test_numbers_of_other_code_of_a_plugin_do_not_mix(lab: Lab) -> None:
    """A run does not go on with it, trials are not counted on; runs of built-in parts do not care."""
    options = ("--plugin", "own_set", "--workers", "1", "--quiet")
    given = ("evaluate", "H1", *options, "--trials", "1", "--epochs", "0.1")
    lab.run(*given, "--operations", "noisy", "--name", "mine")
    lab.run(*given, "--name", "plain")
    codes = {row["run"]: row["fingerprint"] for row in lab.rows("select run, fingerprint from results")}
    assert codes["mine"].startswith(codes["plain"] + "+")
    with (lab.folder / "own_set.py").open("a") as file:
        file.write("# changed\n")
    _, err = lab.run(*given, "--operations", "noisy", "--name", "mine", status=2)
    assert "'mine' was begun with other code" in err
    _, err = lab.run("resume", "mine", *options, status=2)
    assert "'mine' was begun with other code" in err
    _, err = lab.run("resume", "plain", *options, status=2)
    assert "is completed: there is nothing to resume" in err
    lab.run(*given, "--operations", "noisy")
    assert len(lab.rows("select distinct fingerprint from results where operations = 'noisy'")) == 2


def test_a_worker_with_other_code_of_a_plugin_leaves_the_run_to_others(lab: Lab) -> None:
    """It says what to do and hands the evaluation back, which a worker with the same file computes."""
    elsewhere = lab.folder / "elsewhere"
    elsewhere.mkdir()
    source = (lab.folder / "own_set.py").read_text()
    (elsewhere / "own_set.py").write_text(source + "# changed\n")
    nameserver = lab.nameserver()
    other = Lab(elsewhere)
    other.environment, other.processes = lab.environment, lab.processes
    poor = other.start("worker", "--nameserver", nameserver, "--plugin", "own_set")
    options = ("--plugin", "own_set", "--operations", "noisy", "--nameserver", nameserver, "--quiet")
    run = lab.start("run", *TINY, *options, "--name", "own")
    assert poor.stderr is not None
    lines: list[str] = []
    while "left to other workers" not in "".join(lines[-1:]):
        lines.append(poor.stderr.readline())
        assert lines[-1], lines
    assert "the plug-ins of this process have other code" in lines[-1]
    assert "use the same files" in lines[-1]
    rich = lab.start("worker", "--nameserver", nameserver, "--plugin", "own_set")
    lab.end(run)
    rows = lab.rows("select results.status, fingerprint from results")
    assert {row["status"] for row in rows} == {"completed"}
    (stored,) = lab.rows("select fingerprint from runs")
    assert {row["fingerprint"] for row in rows} == {stored["fingerprint"]}
    assert rich.poll() is None
