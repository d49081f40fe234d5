"""The whole, as a user has it: real commands, real workers, real searches with tiny budgets."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

#: Rungs of 0.1, 0.3 and 0.9 epochs with 9, 3 and 1 configurations.
TINY = ("--objective", "architecture", "--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.9", "--seed", "3")

#: Columns that may differ between two runs of one seed: times, and who computed it.
NOT_COMPARED = {"run", "worker", "started_at", "finished_at", "duration_s", "attempts"}


class Lab:
    """A folder with a database and a key, and the processes that were started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "DAS_HPO_KEY_FILE": str(folder / "key"), "OMP_NUM_THREADS": "1"}
        self.environment.pop("DAS_HPO_DB", None)
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in the background; it is stopped at the end of the test."""
        process = subprocess.Popen(
            [sys.executable, "-m", "das_hpo", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        """A command in the foreground; gives what it wrote to stdout and stderr."""
        return self.end(self.start(*arguments), status)

    def end(self, process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
        """Waits for a command, and for its exit status."""
        out, err = process.communicate(timeout=200)
        assert process.returncode == status, err
        return out, err

    def nameserver(self) -> str:
        """Starts a nameserver; gives its address."""
        process = self.start("nameserver", "--port", "0")
        assert process.stderr is not None
        return process.stderr.readline().partition(" at ")[2].partition(",")[0]

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """What SQLite itself finds in the database; nothing if there is none yet."""
        if not (self.folder / "das-hpo.db").exists():
            return []
        connection = sqlite3.connect(self.folder / "das-hpo.db", timeout=30)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def wait_for(self, sql: str, *values: object) -> sqlite3.Row:
        """The first row that a query gives, as soon as it gives one."""
        return until(lambda: next(iter(self.rows(sql, *values)), None))

    def results(self, run: str, order: str = "iteration, stage, number, budget, replicate") -> list[dict[str, Any]]:
        """The rows of the view, without what may differ."""
        found = self.rows(f"select * from results where run = ? order by {order}", run)
        return [{name: row[name] for name in row.keys() if name not in NOT_COMPARED} for row in found]  # noqa: SIM118

    def close(self) -> None:
        """Ends what still runs, the last first."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            if process.poll() is None:
                process.communicate(timeout=60)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def until(found: Callable[[], Any], limit_s: float = 120.0) -> Any:
    """What the function gives, once that is not None."""
    deadline = time.monotonic() + limit_s
    while (value := found()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """An empty folder."""
    made = Lab(tmp_path)
    yield made
    made.close()


def test_equal_seeds_give_equal_runs(lab: Lab) -> None:
    """With one worker all is equal but times; with two, whatever both runs evaluated has equal PSNRs.

    The rungs are hpbandster's, and the best are printed on stdout, progress on stderr.
    """
    out, err = lab.run("run", *TINY, "--name", "one", "--workers", "1")
    assert "parameter_learning_rate" in out
    assert "13/13 evaluations" in err
    lab.run("run", *TINY, "--name", "again", "--workers", "1", "--quiet")
    lab.run("run", *TINY, "--name", "two", "--workers", "2", "--quiet")
    one, again, two = lab.results("one"), lab.results("again"), lab.results("two")
    assert one == again
    assert [row["budget"] for row in one].count(pytest.approx(0.1)) == 9
    assert sorted(round(row["budget"], 6) for row in one) == [0.1] * 9 + [0.3] * 3 + [0.9]
    assert {row["status"] for row in one} <= {"completed", "diverged"}
    assert all(row["architecture"].startswith("sequential:") for row in one if row["status"] == "completed")

    def psnrs(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        key = ("parameter_learning_rate", "alpha_learning_rate", "budget")
        return {tuple(row[k] for k in key): (row["one_shot_psnr"], row["architecture_psnr"]) for row in rows}

    shared = psnrs(one).keys() & psnrs(two).keys()
    assert len(shared) >= 9
    assert [psnrs(one)[key] for key in shared] == [psnrs(two)[key] for key in shared]


def test_a_killed_worker_costs_an_attempt_and_nothing_else(lab: Lab) -> None:
    """kill -9 in the middle of an evaluation: it is computed again, and `attempts` tells."""
    run = lab.start("run", *TINY, "--name", "killed", "--workers", "2")
    sql = "select w.pid from attempts a join workers w on w.id = a.worker_id where a.status = 'running'"
    os.kill(lab.wait_for(sql)["pid"], signal.SIGKILL)
    lab.end(run)
    statuses = [row["status"] for row in lab.rows("select status from results where run = 'killed'")]
    assert len(statuses) == 13
    assert set(statuses) <= {"completed", "diverged"}
    assert [row["n"] for row in lab.rows("select count(*) as n from attempts where status = 'lost'")] == [1]
    assert [row["n"] for row in lab.rows("select count(*) as n from results where attempts = 2")] == [1]


def test_two_runs_share_the_workers_of_a_nameserver(lab: Lab) -> None:
    """Workers come first, serve both runs, and are there for the next; a time limit ends a run cleanly."""
    address = lab.nameserver()
    network = ("--nameserver", address)
    workers = [lab.start("worker", *network, "--device", "cpu") for _ in range(2)]
    first = lab.start("run", *TINY, "--name", "first", *network)
    second = lab.start("run", *TINY, "--name", "second", "--data", "downsampling", *network)
    endless = ("--objective", "one-shot", "--iterations", "5000", "--min-budget", "0.1", "--max-budget", "0.1")
    _, err = lab.run("run", *endless, "--name", "limited", "--time-limit", "3s", *network)
    assert "time limit" in err
    assert "das-hpo resume limited" in err
    _, err = lab.run("resume", "limited", "--time-limit", "2s", *network)
    assert "its time limit of 2.0s is over" in err
    lab.end(first)
    lab.end(second)
    served = lab.rows("select run, count(*) as n, count(distinct worker) as workers from results where "
                      "status in ('completed', 'diverged') and run != 'limited' group by run")  # fmt: skip
    assert [(row["run"], row["n"]) for row in served] == [("first", 13), ("second", 13)]
    pids = {row["pid"] for row in lab.rows("select pid from workers")}
    assert pids == {worker.pid for worker in workers}
    assert lab.results("first") != lab.results("second")
    (limited,) = lab.rows("select status from runs where name = 'limited'")
    assert limited["status"] == "interrupted"
    for worker in workers:
        worker.terminate()
        lab.end(worker)


def test_an_interrupted_run_is_continued_as_if_nothing_had_been(lab: Lab) -> None:
    """Ctrl-C: exit 130, a line that names resume, nothing left running; resumed, it equals the calm run."""
    interrupted = lab.start("run", *TINY, "--name", "stopped", "--workers", "1")
    lab.wait_for("select 1 from results where run = 'stopped' and status = 'completed' and number >= 2")
    interrupted.send_signal(signal.SIGINT)
    _, err = lab.end(interrupted, status=130)
    assert "das-hpo resume stopped" in err
    assert "Traceback" not in err
    done = len(lab.rows("select 1 from results where status in ('completed', 'diverged')"))
    assert 0 < done < 13
    (pid,) = {row["pid"] for row in lab.rows("select pid from workers")}
    until(lambda: None if Path(f"/proc/{pid}").exists() else True)
    _, err = lab.run("run", *TINY, "--name", "stopped", "--workers", "1", status=2)
    assert "das-hpo resume stopped" in err
    lab.run("resume", "stopped", "--workers", "1")
    lab.run("run", *TINY, "--name", "calm", "--workers", "1", "--quiet")
    assert lab.results("stopped") == lab.results("calm")
    assert {row["attempts"] for row in lab.rows("select attempts from results where run = 'stopped'")} <= {1, 2}
    _, err = lab.run("resume", "stopped", status=2)
    assert "completed" in err
