"""What was committed stays, whoever else writes, dies or copies the database meanwhile. Real processes only."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage import maintenance, queries, writes
from storage.engine import open_database

#: Finishes evaluations of its own run, and names each on stdout once its transaction is committed.
WRITER = """
import sys
from spaces.hyperparameters import PRESETS
from spaces.identity import ConfigurationId
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from storage import writes
from storage.engine import open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome, NewRun, WorkerInfo

url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
worker = WorkerInfo("worker-" + name, "node", 1, "cpu", "0.1.0")
outcome = TrialOutcome("completed", 20.0, None, "sequential:net", 97, (Epoch("search", 1, 0.5, 10.0),))
with open_database(url, create=True) as database:
    with database.begin() as session:
        new = NewRun(name, "run", "one-shot", "sequential", "good", "blur", "das", "bohb", 0, {})
        run_id = writes.create_run(session, new)
    for number in range(count):
        token = f"{name}-{number}"
        with database.begin() as session:
            identifier = ConfigurationId(0, 0, number)
            point = NewConfiguration(identifier, "random", {}, PRESETS["H1"].to_dict())
            writes.add_configuration(session, run_id, point)
            new = NewEvaluation(identifier, 0, TrialSpec("inverse-1d", {}, 5.0, number))
            evaluation = writes.queue_evaluation(session, run_id, new)
            writes.start_attempt(session, evaluation, token, worker)
        with database.begin() as session:
            assert writes.record_outcome(session, NewOutcome(token, outcome, -20.0, 1.0))
        print(number, flush=True)
"""


def writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    """Starts the program above."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def complete(url: str, name: str) -> list[int]:
    """The numbers of a run's completed evaluations, which must be without a gap."""
    with open_database(url) as database:
        rows = queries.results(database, name, status="completed")
        assert [row.sequence for row in rows] == [row.number + 1 for row in rows]
        return [row.number for row in rows]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_processes_that_write_at_once_lose_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """Into one database, which the first of them makes; each finds all of its own afterwards."""
    url = request.getfixturevalue(f"{kind}_url")
    processes = {f"run-{number}": writer(url, f"run-{number}", 25) for number in range(8)}
    for name, process in processes.items():
        said, wrong = process.communicate(timeout=240)
        assert process.returncode == 0, wrong
        assert said.split() == [str(number) for number in range(25)]
        assert complete(url, name) == list(range(25))
    assert maintenance.check(url) == []
    with open_database(url) as database:
        assert sum(summary.counts["completed"] for summary in queries.runs(database)) == 200


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_at_a_random_moment_keeps_what_was_committed(sqlite_url: str, seed: int) -> None:
    """Whatever was named on stdout is there, the database is sound and is written on."""
    choose = random.Random(seed)
    process = writer(sqlite_url, "killed", 100_000)
    named = [process.stdout.readline() for _ in range(choose.randint(5, 40))] if process.stdout else []
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    acknowledged = [int(line) for line in named + rest.splitlines(keepends=True) if line.endswith("\n")]
    assert maintenance.check(sqlite_url) == []
    kept = complete(sqlite_url, "killed")
    assert kept[: len(acknowledged)] == acknowledged
    assert len(kept) - len(acknowledged) in (0, 1)
    process = writer(sqlite_url, "next", 3)
    assert process.wait(60) == 0
    process.communicate()
    assert complete(sqlite_url, "next") == [0, 1, 2]


def test_a_copy_of_a_random_moment_is_consistent(sqlite_url: str, tmp_path: Path) -> None:
    """As a power cut leaves it: file and log copied while a process, stopped anywhere, is writing."""
    process = writer(sqlite_url, "copied", 100_000)
    choose = random.Random(7)
    counts = []
    try:
        for turn in range(6):
            assert process.stdout is not None
            named = [process.stdout.readline() for _ in range(choose.randint(3, 30))]
            # Stopped, it may be in the middle of anything; both files are then of one moment, as on a dead disk.
            process.send_signal(signal.SIGSTOP)
            copy = tmp_path / f"copy-{turn}"
            copy.mkdir()
            for ending in ("", "-wal"):
                shutil.copy(tmp_path / f"test.db{ending}", copy / f"x.db{ending}")
            process.send_signal(signal.SIGCONT)
            url = f"sqlite:///{copy}/x.db"
            assert maintenance.check(url) == []
            kept = complete(url, "copied")
            assert kept == list(range(len(kept)))
            assert len(kept) > int(named[-1])
            counts.append(len(kept))
    finally:
        process.kill()
        process.communicate()
    assert counts == sorted(counts)


@pytest.mark.parametrize("cut", [1, 100, 5000, 20_000])
def test_a_torn_log_loses_only_its_end(sqlite_url: str, tmp_path: Path, samples: Any, cut: int) -> None:
    """A power cut in the middle of a commit: what was committed before is there, the torn one is not."""
    with open_database(sqlite_url, create=True) as database:
        with database.begin() as session:
            run_id = writes.create_run(session, samples.run())
        for number in range(20):
            with database.begin() as session:
                samples.finish(session, samples.queue(session, run_id, number), samples.outcome())
        copy = tmp_path / "copy"
        copy.mkdir()
        for ending in ("", "-wal"):
            shutil.copy(tmp_path / f"test.db{ending}", copy / f"x.db{ending}")
    log = copy / "x.db-wal"
    size = log.stat().st_size
    with log.open("r+b") as file:
        file.seek(size - cut)
        file.write(os.urandom(cut))
    url = f"sqlite:///{copy}/x.db"
    assert maintenance.check(url) == []
    kept = complete(url, "first")
    assert kept == list(range(len(kept)))
    assert 0 < len(kept) < 20


def test_a_commit_is_synchronised_to_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    """As seen from outside: every commit calls fsync (or fdatasync) on the log."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    command = [strace, "-f", "-e", "trace=fsync,fdatasync", "-o", str(trace), sys.executable, "-c", WRITER]
    done = subprocess.run([*command, sqlite_url, "traced", "10"], capture_output=True, text=True, timeout=120)
    if done.returncode != 0 and "ptrace" in done.stderr:
        pytest.skip(f"no process can be traced here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert trace.read_text().count("= 0") >= 20


def test_two_masters_race_for_one_lease(sqlite_url: str, samples: Any) -> None:
    """Of eight processes that ask at the same moment exactly one gets it."""
    with open_database(sqlite_url, create=True) as database, database.begin() as session:
        run_id = writes.create_run(session, samples.run())
    program = (
        "import os, sys; from storage import writes; from storage.engine import open_database\n"
        "with open_database(sys.argv[1]) as database:\n"
        "    sys.stdin.read()\n"
        "    with database.begin() as session:\n"
        f"        print(int(writes.take_lease(session, {run_id}, str(os.getpid()), 60)))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, sqlite_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    assert sorted(answers) == [0] * 7 + [1]


def test_a_second_opening_in_one_process_leaves_the_log_where_it_is(sqlite_url: str, samples: Any) -> None:
    """Another process that closes the database meanwhile must not take the log away: later writes would be lost."""
    count = "select count(*) from runs"
    path = sqlite_url.removeprefix("sqlite:///")
    reader = f"import sqlite3; c = sqlite3.connect({path!r}); print(c.execute({count!r}).fetchone()[0]); c.close()"
    with open_database(sqlite_url, create=True) as database:
        for number in range(3):
            with database.begin() as session:
                writes.create_run(session, samples.run(f"run-{number}"))
            open_database(sqlite_url).close()
            found = subprocess.run([sys.executable, "-c", reader], capture_output=True, text=True, check=True)
            assert int(found.stdout) == number + 1
