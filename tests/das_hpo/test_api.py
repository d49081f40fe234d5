"""What `import das_hpo` offers, with real workers and real, very short searches: the same as the commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

import das_hpo
from spaces.errors import (
    DatabaseMissingError,
    InvalidValueError,
    RunExistsError,
    RunMissingError,
    TaskError,
    UnknownNameError,
)
from spaces.task import Labels, Metric, Task
from tests.das_hpo.command import das_hpo as command

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder with a key of its own, in which processes start, and in which Python finds the examples."""
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DAS_HPO_KEY_FILE", str(folder / "key"))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.delenv("DAS_HPO_DB", raising=False)
        yield folder


@pytest.fixture(scope="module")
def url(folder: Path) -> str:
    """A database with a run, and trials of its incumbent and of a preset."""
    url = f"sqlite:///{folder}/lab.db"
    result = das_hpo.run(
        "one-shot", url=url, name="first", iterations=1, min_budget=0.1, max_budget=0.3, retrain="always", workers=2
    )
    assert (result.name, result.url, result.status, result.message) == ("first", url, "completed", None)
    assert (result.evaluations, result.failed) == (4, 0)
    table = das_hpo.evaluate(["first", "H1"], url=url, trials=3, epochs=0.3, workers=2)
    assert list(table["campaign"]) == ["first-sequential-good-blur", "H1-sequential-good-blur"]
    assert list(table["completed"]) == [3, 3]
    return url


def test_a_run_gives_its_best_configuration_and_its_rows(url: str) -> None:
    """As `das-hpo incumbent` and load_results have them; a completed run is resumed only with more iterations."""
    extended = das_hpo.resume("first", url=url, iterations=2, workers=1)
    assert (extended.status, extended.evaluations) == ("completed", 6)
    assert extended.best is not None
    printed = json.loads(command("incumbent", "first", "--db", url, "-f", "json").stdout)[0]
    assert extended.best.score == printed["score"]
    assert str(extended.best.configuration_id) == printed["configuration"]
    pd.testing.assert_frame_equal(extended.results(), das_hpo.load_results(url, "first"))
    with pytest.raises(InvalidValueError, match="has 2 iterations"):
        das_hpo.resume("first", url=url, iterations=1)
    with pytest.raises(RunExistsError, match="'first'"):
        das_hpo.run("one-shot", url=url, name="first", workers=1)
    same = {"url": url, "name": "first", "iterations": 2, "min_budget": 0.1, "max_budget": 0.3, "retrain": "always"}
    assert das_hpo.run("one-shot", resume=True, **same) == extended  # type: ignore[arg-type]
    with pytest.raises(RunExistsError, match="--seed is 0 there, 1 was asked for"):
        das_hpo.run("one-shot", resume=True, seed=1, **same)  # type: ignore[arg-type]


def test_a_trial_in_this_process_has_the_numbers_of_a_worker(url: str) -> None:
    """Of the same hyperparameters, budget and seed; the fused kernel is the worker's default, too."""
    row = das_hpo.load_results(url, "H1-sequential-good-blur").iloc[0]
    outcome = das_hpo.run_trial("H1", budget=0.3, seed=int(row["seed"]))
    assert outcome.status == "completed"
    assert outcome.architecture == row["architecture"]
    assert outcome.one_shot_score == pytest.approx(row["one_shot_score"], abs=1e-4)
    assert outcome.architecture_score == pytest.approx(row["architecture_score"], abs=1e-4)
    assert (
        das_hpo.run_trial("H1", budget=0.1, retrain=False, settings={"data": "downsampling"}).architecture_score is None
    )


def test_a_comparison_is_that_of_the_command(url: str) -> None:
    """The same numbers, the same sentences, the same text."""
    found = das_hpo.compare(["first", "H1"], url=url, settings={"data": "blur"}, epochs=0.3)
    process = command("compare", "first", "H1", "--db", url, "-f", "json")
    printed = json.loads(process.stdout)
    assert list(found.verdict) == printed["verdict"]
    assert list(found.subjects["name"]) == ["first", "H1"]
    assert list(found.subjects["mean"]) == [subject["mean"] for subject in printed["subjects"]]
    assert found.tests["p_value"].iloc[0] == printed["comparisons"][0]["p_value"]
    assert str(found) == command("compare", "first", "H1", "--db", url).stdout


def test_every_figure_is_drawn(url: str, tmp_path: Path) -> None:
    """Of one run, and those that take several of several; each is a matplotlib figure that can be saved."""
    for name in das_hpo.figure_names():
        figure = das_hpo.figure(name, "first", url=url)
        assert isinstance(figure, Figure)
        figure.savefig(tmp_path / f"{name}.png")
    both = das_hpo.figure("distributions", ["first", "H1-sequential-good-blur"], url=url)
    assert len(both.axes[0].get_yticks()) == 2
    with pytest.raises(InvalidValueError, match="'rungs' shows one run, got first, second"):
        das_hpo.figure("rungs", ["first", "second"], url=url)
    with pytest.raises(UnknownNameError, match="unknown figure 'pie': valid are best-so-far, scatter"):
        das_hpo.figure("pie", "first", url=url)
    with pytest.raises(RunMissingError, match="'second'"):
        das_hpo.figure("scatter", "second", url=url)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"iteration": 1}, UnknownNameError, "unknown option 'iteration': valid are .*iterations"),
        ({"iterations": 0}, InvalidValueError, "iterations must be"),
        ({"url": "lab.db"}, InvalidValueError, "url takes a URL .* got 'lab.db'"),
        ({"settings": {"data": "noise"}}, UnknownNameError, "unknown data"),
        ({"task": "nowhere:TASK"}, TaskError, "'nowhere:TASK' cannot be loaded"),
        ({"task": 1}, TaskError, "got 1"),
        ({"workers": 0}, InvalidValueError, "0"),
        ({"nameserver": "nowhere"}, InvalidValueError, "nowhere"),
    ],
    ids=["unknown", "value", "url", "setting", "task", "no task", "no workers", "address"],
)
def test_what_is_not_valid_is_refused(
    folder: Path, options: dict[str, object], error: type[Exception], words: str
) -> None:
    """Before anything is done: no database is made."""
    url = f"sqlite:///{folder}/refused.db"
    with pytest.raises(error, match=words):
        das_hpo.run("one-shot", **{"url": url, **options})  # type: ignore[arg-type]
    assert not (folder / "refused.db").exists()


def test_other_functions_refuse_in_the_same_way(folder: Path) -> None:
    """Unknown options, presets and hyperparameters, and a database that is not there."""
    url = f"sqlite:///{folder}/none.db"
    with pytest.raises(UnknownNameError, match="unknown option 'trial'"):
        das_hpo.evaluate("H1", url=url, trial=3)
    with pytest.raises(RunMissingError, match="'H9' is no preset of inverse-1d"):
        das_hpo.evaluate("H9", url=url)
    with pytest.raises(UnknownNameError, match="unknown preset of inverse-1d 'H9': valid are H1"):
        das_hpo.run_trial("H9", budget=1)
    with pytest.raises(InvalidValueError, match="missing"):
        das_hpo.run_trial({"alpha_learning_rate": 0.1}, budget=1)
    for read in (
        das_hpo.load_results,
        lambda url: das_hpo.compare("H1", url=url),
        lambda url: das_hpo.resume("first", url=url),
        lambda url: das_hpo.figure("scatter", "first", url=url),
    ):
        with pytest.raises(DatabaseMissingError, match=r"none\.db"):
            read(url)
    with pytest.raises(AttributeError, match="'das_hpo' has no attribute 'tune'"):
        das_hpo.tune  # noqa: B018


class Local(Task):
    """A task that only this module has."""

    name = "local"
    metric = Metric("error", larger_is_better=False)
    labels = Labels("none", "none", "none", "none")

    def configuration_space(self):  # type: ignore[no-untyped-def]
        """One number."""
        from ConfigSpace import ConfigurationSpace

        return ConfigurationSpace({"x": (0.0, 1.0)})

    def run_trials(self, specs, device):  # type: ignore[no-untyped-def]
        """Its square."""
        from spaces.trial import TrialOutcome

        return [TrialOutcome(one_shot_score=spec.hyperparameters["x"] ** 2) for spec in specs]


def test_a_task_is_taken_as_an_object(folder: Path) -> None:
    """A trial takes any; a run one of a module, whose settings are kept; else it says what to do."""
    assert das_hpo.run_trial({"x": 0.5}, budget=1, task=Local()).one_shot_score == 0.25

    class Hidden(Local):
        """Of a function, where no worker finds it."""

    with pytest.raises(TaskError, match="put the task into a module of its own"):
        das_hpo.run("one-shot", task=Hidden(), url=f"sqlite:///{folder}/task.db")
    script = """
        import das_hpo
        from examples.digits import TASK
        result = das_hpo.run("one-shot", task=TASK.configured({"channels": 4}), name="digits", iterations=1,
                             min_budget=0.1, max_budget=0.3, workers=1, retrain="auto")
        print(result.status, set(result.results()["channels"]))
    """
    assert _script(folder, script).stdout == "completed {4}\n"


def test_a_script_needs_no_guard_and_no_torch(folder: Path) -> None:
    """Nothing heavy is imported by `import das_hpo`, and nothing of torch by a run; a name is made up."""
    script = """
        import sys
        import das_hpo
        heavy = {"torch", "pandas", "sqlalchemy", "numpy", "matplotlib", "scipy", "ConfigSpace"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        result = das_hpo.run("one-shot", iterations=1, min_budget=0.1, max_budget=0.3, workers=1)
        assert "torch" not in sys.modules
        print(result.name)
    """
    assert _script(folder, script).stdout.startswith("one-shot-blur-")


def test_ctrl_c_ends_a_run_cleanly(folder: Path) -> None:
    """The script gets a KeyboardInterrupt, the run is interrupted and kept, and can be resumed."""
    script = """
        import das_hpo
        try:
            das_hpo.run("one-shot", name="long", iterations=500, min_budget=0.1, max_budget=0.3, workers=1,
                        progress=lambda now: print(now.finished, flush=True))
        except KeyboardInterrupt as error:
            print(error)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    while int(process.stdout.readline()) < 3:
        pass
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert output.splitlines()[-1].startswith("the run long has ended cleanly")
    database = f"sqlite:///{folder}/das-hpo.db"
    rows = das_hpo.load_results(database, "long")
    assert (rows["status"] == "completed").sum() >= 3
    stop = threading.Event()

    def stop_later(now: object) -> None:
        stop.set()

    again = das_hpo.resume("long", url=database, workers=1, stop=stop, progress=stop_later)
    assert (again.status, again.message) == ("interrupted", "interrupted by a signal")


def test_another_modules_name_is_not_taken_for_our_package(folder: Path, tmp_path: Path) -> None:
    """A storage.py in the current folder is said, and not imported."""
    (tmp_path / "storage.py").write_text("raise SystemExit('imported')")
    process = subprocess.run(
        [sys.executable, "-c", "import das_hpo\ndas_hpo.compare('H1')"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "would be imported in place of das-hpo's own package 'storage'" in process.stderr


def _script(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A script that is run as a user does, from a file without a guard."""
    path = folder / f"script-{time.monotonic_ns()}.py"
    path.write_text(textwrap.dedent(script))
    process = subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert process.returncode == 0, process.stderr
    return process
