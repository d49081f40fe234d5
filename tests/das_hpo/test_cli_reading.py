"""The verbs that read: real commands on a database that was filled through storage's own writes."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from das_hpo import load_results
from spaces.hyperparameters import HYPERPARAMETERS, preset
from spaces.identity import ConfigurationId
from spaces.inverse_1d.architecture import Architecture
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from storage import writes
from storage.engine import open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome, NewRun, WorkerInfo
from storage.records import RESULT_COLUMNS
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.databases import Run, store, trials

WORKER = WorkerInfo("host-1", "host", 1, "cpu", "0.1.0")
NET = str(Architecture.uniform("sequential", "net"))

#: (number, budget, one-shot PSNR, architecture PSNR); None is a diverged evaluation, "failed" one.
ROWS: list[tuple[int, float, float | str | None, float | None]] = [
    (0, 1.0, 15.25, 14.0),
    (1, 1.0, 18.5, 17.0),
    (2, 1.0, None, None),
    (1, 3.0, 20.123456789, 19.0),
    (0, 3.0, 19.5, 21.5),
    (3, 1.0, "failed", None),
]


def outcome(one_shot: float | None, architecture: float | None) -> TrialOutcome:
    """An outcome with those PSNRs."""
    curve = (Epoch("search", 1, 0.1, 10.0),)
    if one_shot is None:
        return TrialOutcome("diverged", None, None, None, None, curve, message="loss became NaN")
    return TrialOutcome("completed", one_shot, architecture, NET, 1010, curve)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with das-hpo.db in it: the run `lab` with an end, the run `new` with nothing yet."""
    made = tmp_path_factory.mktemp("reading")
    with open_database(f"sqlite:///{made}/das-hpo.db", create=True) as database:
        with database.begin() as session:
            run = writes.create_run(session, new_run("lab"))
            for number, name in enumerate(("H1", "H2", "BOHB-Blur", "BOHB-one-shot-DS")):
                configuration = NewConfiguration(
                    ConfigurationId(0, 0, number), "model" if number == 1 else "random", {}, preset(name).to_dict()
                )
                writes.add_configuration(session, run, configuration)
            for index, (number, budget, one_shot, architecture) in enumerate(ROWS):
                evaluation = writes.queue_evaluation(
                    session,
                    run,
                    NewEvaluation(ConfigurationId(0, 0, number), 0, TrialSpec("inverse-1d", {}, budget, index)),
                )
                writes.start_attempt(session, evaluation, f"token-{index}", WORKER)
                if isinstance(one_shot, str):
                    writes.end_attempt(session, f"token-{index}", "error", "no memory", final=True)
                else:
                    loss = None if one_shot is None else -one_shot
                    found = outcome(one_shot, architecture)
                    writes.record_outcome(session, NewOutcome(f"token-{index}", found, loss, 1.5))
            writes.set_run_status(session, run, "completed")
        with database.begin() as session:
            writes.create_run(session, new_run("new"))
    return made


def new_run(name: str) -> NewRun:
    """A run of that name."""
    settings = {"name": name, "aggregate": "mean", "iterations": 1, "choices": {"tau": 0.1}, "decisions": {}}
    return NewRun(name, "run", "one-shot", "sequential", "good", "blur", "das", "bohb", 7, settings)


def printed(folder: Path, *arguments: str) -> str:
    """What a command that succeeds prints, and that it says nothing else."""
    process = das_hpo(*arguments, cwd=folder)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    return process.stdout


def test_runs_lists_each_run_with_its_status_and_best(folder: Path) -> None:
    """A run without a master is interrupted; the best is that of the largest budget."""
    lab, new = json.loads(printed(folder, "runs", "-f", "json"))
    assert (lab["run"], lab["status"], lab["configurations"], lab["evaluations"]) == ("lab", "completed", 4, 6)
    assert (lab["finished"], lab["diverged"], lab["failed"]) == (6, 1, 1)
    assert lab["best_psnr"] == 20.123456789
    assert (new["run"], new["status"], new["best_psnr"], new["evaluations"]) == ("new", "interrupted", None, 0)
    table = printed(folder, "runs")
    assert "20.12" in table
    assert max(len(line) for line in table.splitlines()) <= 120


def test_show_has_settings_rungs_and_best(folder: Path) -> None:
    """In all three formats; CSV has the rungs."""
    shown = json.loads(printed(folder, "show", "lab", "-f", "json"))
    assert shown["settings"]["iterations"] == 1
    assert shown["rungs"] == [
        {"budget": 1.0, "queued": 0, "running": 0, "completed": 2, "diverged": 1, "failed": 1, "best_psnr": 18.5},
        {
            "budget": 3.0,
            "queued": 0,
            "running": 0,
            "completed": 2,
            "diverged": 0,
            "failed": 0,
            "best_psnr": 20.123456789,
        },
    ]
    assert shown["best"][0]["configuration"] == "0-0-1"
    rows = list(csv.DictReader(io.StringIO(printed(folder, "show", "lab", "-f", "csv"))))
    assert [row["budget"] for row in rows] == ["1.0", "3.0"]
    table = printed(folder, "show", "lab")
    for word in ("completed", "iterations", "tau", "budget", "20.12", "parameter_learning_rate"):
        assert word in table
    assert "interrupted" in printed(folder, "show", "new")


def test_results_in_csv_are_the_view(folder: Path) -> None:
    """Every column, every row, as SQLite itself gives them."""
    rows = list(csv.DictReader(io.StringIO(printed(folder, "results", "lab", "-f", "csv"))))
    connection = sqlite3.connect(folder / "das-hpo.db")
    connection.row_factory = sqlite3.Row
    view = connection.execute("select * from results where run = 'lab'").fetchall()
    connection.close()
    assert tuple(rows[0]) == RESULT_COLUMNS
    key = ("number", "budget", "seed", "status", "one_shot_psnr", "alpha_learning_rate", "worker")
    assert sorted(tuple(row[name] for name in key) for row in rows) == sorted(
        tuple("" if row[name] is None else str(row[name]) for name in key) for row in view
    )


def test_results_in_json_have_null_and_booleans(folder: Path) -> None:
    """Nothing is turned into text."""
    rows = json.loads(printed(folder, "results", "lab", "-f", "json", "--status", "diverged"))
    assert len(rows) == 1
    assert rows[0]["one_shot_psnr"] is None
    assert rows[0]["parameter_warm_up"] is preset("BOHB-Blur").parameter_warm_up


def test_the_table_of_results_fits_a_terminal(folder: Path) -> None:
    """Short by default, everything with --all."""
    short = printed(folder, "results", "lab")
    assert max(len(line) for line in short.splitlines()) <= 110
    assert len(short.splitlines()) == 2 + len(ROWS)
    assert "alpha_optimizer" not in short
    assert "alpha_optimizer" in printed(folder, "results", "lab", "--all")
    assert len(printed(folder, "results", "--budget", "3", "--limit", "1").splitlines()) == 3
    assert "(none)" in printed(folder, "results", "new")


def test_incumbent_prints_the_hyperparameters_under_either_objective(folder: Path) -> None:
    """The run was judged one-shot, and can be read the other way."""
    (best,) = json.loads(printed(folder, "incumbent", "lab", "-f", "json"))
    assert {name: best[name] for name in HYPERPARAMETERS} == preset("H2").to_dict()
    (other,) = json.loads(printed(folder, "incumbent", "lab", "--objective", "architecture", "-f", "json"))
    assert (other["psnr"], other["configuration"]) == (21.5, "0-0-0")
    both = json.loads(printed(folder, "incumbent", "lab", "--top", "5", "-f", "json"))
    assert [one["rank"] for one in both] == [1, 2]
    table = printed(folder, "incumbent", "lab", "--top", "2")
    assert table.splitlines()[0].split() == ["rank", "1", "2"]
    assert "gradient-descent" in table


@pytest.mark.parametrize(
    ("run", "objective", "words"),
    [
        ("new", "architecture", ("'new' retrains nothing", "--objective one-shot", "--retrain always")),
        ("random", "one-shot", ("'random' searches nothing", "--objective architecture")),
    ],
)
def test_an_objective_that_is_never_computed_is_refused(
    run: str, objective: str, words: Sequence[str], folder: Path, tmp_path: Path
) -> None:
    """Waiting does not help; the run's own objective is only not there yet."""
    shutil.copy(folder / "das-hpo.db", tmp_path / "das-hpo.db")
    store(f"sqlite:///{tmp_path}/das-hpo.db", Run("random", trials([20.0, 21.0]), method="random"))
    with sqlite3.connect(tmp_path / "das-hpo.db") as connection:
        connection.execute("update evaluations set one_shot_score = null")
    connection.close()
    for verb in (("incumbent", run), ("evaluate", run)):
        process = das_hpo(*verb, "--objective", objective, cwd=tmp_path)
        assert_one_line_error(process, 2, *words)
    process = das_hpo("incumbent", "new", "--objective", "one-shot", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (0, "")
    assert "no configuration has a score at the largest budget yet" in process.stderr


def test_query_reads_and_cannot_write(folder: Path) -> None:
    """A SELECT prints; anything else is refused in one line, and nothing has changed."""
    before = printed(folder, "results", "-f", "csv")
    rows = json.loads(
        printed(folder, "query", "select status, count(*) as n from results group by status", "-f", "json")
    )
    assert {row["status"]: row["n"] for row in rows} == {"completed": 4, "diverged": 1, "failed": 1}
    for sql in ("delete from evaluations", "select 1; drop table runs", "select nonsense from results"):
        assert_one_line_error(das_hpo("query", sql, cwd=folder), 2)
    twice = "select 1 as a, 2 as a"
    assert_one_line_error(das_hpo("query", twice, "-f", "json", cwd=folder), 2, "two columns are named 'a'")
    assert printed(folder, "query", twice, "-f", "csv").split() == ["a,a", "1,2"]
    assert printed(folder, "results", "-f", "csv") == before


@pytest.mark.parametrize("verb", ["show", "incumbent", "results"])
def test_an_unknown_run_is_named(verb: str, folder: Path) -> None:
    """The user's wording: exit 2."""
    assert_one_line_error(das_hpo(verb, "lbb", cwd=folder), 2, "'lbb'")


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_an_export_holds_what_load_results_gives(ending: str, folder: Path, tmp_path: Path) -> None:
    """Read back with pandas, column by column; nothing but the file is left behind."""
    target = tmp_path / f"out.{ending}"
    process = das_hpo("export", "lab", "-o", str(target), cwd=folder)
    assert process.returncode == 0, process.stderr
    assert process.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    expected = load_results(f"sqlite:///{folder}/das-hpo.db", "lab")
    if ending == "parquet":
        found = pd.read_parquet(target)
        assert str(found["started_at"].dtype) == "datetime64[us, UTC]"
        assert str(found["parameter_warm_up"].dtype) == "bool"
    else:
        found = pd.read_csv(target) if ending == "csv" else pd.DataFrame(json.loads(target.read_text()))
    assert tuple(found.columns) == RESULT_COLUMNS
    point = found["hyperparameters"].iloc[0]
    assert (point if ending == "json" else json.loads(point)) == preset("H1").to_dict()
    for name in ("number", "budget", "seed", "status", "one_shot_psnr", "alpha_weight_decay", "parameter_warm_up"):
        left, right = found[name].astype(object), expected[name].astype(object)
        assert left.where(left.notna(), None).tolist() == right.where(right.notna(), None).tolist(), name


def test_an_export_of_nothing_still_has_its_columns(folder: Path, tmp_path: Path) -> None:
    """Typed ones in parquet."""
    assert das_hpo("export", "new", "-o", str(tmp_path / "out.parquet"), cwd=folder).returncode == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert (tuple(found.columns), len(found)) == (RESULT_COLUMNS, 0)


def test_an_export_that_fails_leaves_the_old_file(folder: Path, tmp_path: Path) -> None:
    """The target's folder is not there, or the run is not."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    assert_one_line_error(das_hpo("export", "lbb", "-o", str(target), cwd=folder), 2)
    assert_one_line_error(das_hpo("export", "lab", "-o", str(tmp_path / "no" / "out.csv"), cwd=folder), 2)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    """`das-hpo results | head`, with more output than a pipe holds."""
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000) select i, 'some text' from n"
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"{sys.executable}" -m das_hpo query "{sql}" -f csv | head -2'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.stdout.splitlines()[1] == "1,some text"
    assert (process.returncode, process.stderr) == (0, "")


def test_db_looks_after_a_copy(folder: Path, tmp_path: Path) -> None:
    """Backup, then check, vacuum and upgrade the copy; damage is found."""
    copy = tmp_path / "copy.db"
    url = f"sqlite:///{copy}"
    assert "copied" in das_hpo("db", "backup", str(copy), cwd=folder).stderr
    for action, words in (("check", "sound"), ("vacuum", "bytes"), ("upgrade", "already")):
        process = das_hpo("db", action, "--db", url)
        assert (process.returncode, process.stdout) == (0, ""), process.stderr
        assert words in process.stderr
    assert printed(folder, "results", "-f", "csv", "--db", url) == printed(folder, "results", "-f", "csv")
    connection = sqlite3.connect(copy)
    connection.execute("delete from configurations where number = 3")
    connection.commit()
    connection.close()
    process = das_hpo("db", "check", "--db", url)
    assert process.returncode == 1
    assert process.stdout
