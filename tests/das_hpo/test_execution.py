"""Whole runs: real nameserver, dispatcher, database and worker processes, with trials that take no time."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.execution import Changes, execute, execute_campaigns, resume
from das_hpo.launching.cluster import Service
from das_hpo.optimizer_registry import OPTIMIZERS, Entry
from das_hpo.progress import Snapshot
from das_hpo.service.nameserver import NameServer
from das_hpo.service.ownership import Ownership
from spaces.errors import (
    ClusterError,
    InvalidValueError,
    RunExistsError,
    RunMissingError,
    StorageError,
    UnreachableError,
    UsageError,
)
from spaces.hyperparameters import preset
from storage import queries, writes
from storage.engine import open_database
from tests.das_hpo.queues import settings
from workers.transport.keys import KeyFile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database that is not there yet."""
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key of this test's own."""
    return KeyFile(tmp_path / "key")


def service(keys: KeyFile, *, workers: int = 1, options: tuple[str, ...] = (), **changes: Any) -> Service:
    """Local workers that compute trivial trials."""
    command = (sys.executable, "-m", "tests.das_hpo.trivial_worker", *options)
    return Service(keys=keys, workers=workers, device="cpu", command=command, **changes)


def rows(url: str, run: str = "run") -> list[tuple[Any, ...]]:
    """A run's results apart from times and workers."""
    with open_database(url) as database:
        return [
            (
                *r.hyperparameters.values(),
                r.iteration,
                r.stage,
                r.number,
                r.budget,
                r.status,
                r.loss,
                r.sequence,
            )
            for r in queries.results(database, run)
        ]


def test_a_run_with_local_workers_evaluates_everything(url: str, keys: KeyFile) -> None:
    """All evaluations of the planned rungs are in the database, and the run is completed."""
    seen: list[Snapshot] = []
    summary = execute(settings(), url, service(keys, workers=2), progress=seen.append)
    assert (summary.status, summary.message, summary.signalled) == ("completed", None, False)
    assert summary.snapshot.finished == summary.snapshot.expected == 20
    assert max(snapshot.workers for snapshot in seen) == 2
    with open_database(url) as database:
        found = queries.results(database, "run")
        run = queries.run(database, "run")
        assert queries.lease(database, "run") is None
    assert sorted(result.budget for result in found) == [1.0] * 9 + [3.0] * 6 + [9.0] * 5
    assert all(result.attempts == 1 for result in found)
    assert run.status == "completed"
    assert not list(Path(url.removeprefix("sqlite:///")).parent.glob("*.spool"))


def test_one_worker_gives_the_same_run_twice_even_if_it_is_killed(url: str, keys: KeyFile, tmp_path: Path) -> None:
    """The order with one worker follows from the seed alone; a kill -9 costs an attempt and nothing else."""
    execute(settings(seed=7), url, service(keys))
    execute(settings(seed=7, name="again"), url, service(keys, options=("--die-once", str(tmp_path / "died"))))
    assert rows(url, "again") == rows(url)
    with open_database(url) as database:
        assert sum(result.attempts for result in queries.results(database, "again")) == 21
        lost = [attempt for attempt in queries.attempts(database, "again") if attempt.status == "lost"]
    assert len(lost) == 1


def test_a_stopped_run_is_resumed_where_it_was(url: str, keys: KeyFile) -> None:
    """Stop leaves an interrupted run within seconds; resume completes it as if nothing had happened."""
    execute(settings(seed=5, name="calm"), url, service(keys))
    stop = threading.Event()

    def watch(snapshot: Snapshot) -> None:
        if snapshot.finished >= 8:
            stop.set()

    slow = service(keys, options=("--seconds", "0.05"))
    summary = execute(settings(seed=5), url, slow, stop=stop, progress=watch)
    assert (summary.status, summary.signalled) == ("interrupted", True)
    assert 8 <= summary.snapshot.finished < 20
    with open_database(url) as database:
        assert queries.run(database, "run").message == summary.message
    with pytest.raises(RunExistsError, match="das-hpo resume run"):
        execute(settings(seed=5), url, slow)
    ended = resume("run", url, service(keys))
    assert (ended.status, ended.snapshot.finished) == ("completed", 20)
    assert rows(url) == rows(url, "calm")
    with pytest.raises(UsageError, match="nothing to resume"):
        resume("run", url, service(keys))


def test_a_completed_run_is_extended(url: str, keys: KeyFile) -> None:
    """With more iterations it is the run that was begun with them; without, or with fewer, nothing is done."""
    execute(settings(iterations=2, max_budget=3), url, service(keys))
    before = rows(url)
    for iterations, message in ((None, "completed"), (2, "completed"), (1, "has 2 iterations")):
        with pytest.raises(UsageError, match=message):
            resume("run", url, service(keys), Changes(iterations=iterations))
    assert rows(url) == before
    summary = resume("run", url, service(keys), Changes(iterations=3))
    assert (summary.status, summary.snapshot.finished) == ("completed", summary.snapshot.expected)
    execute(settings(name="long", iterations=3, max_budget=3), url, service(keys))
    assert rows(url) == rows(url, "long")


def test_a_run_whose_optimiser_is_not_there_is_left_as_it_is(
    url: str, keys: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its status nor its settings change."""
    monkeypatch.setitem(OPTIMIZERS, "climber", Entry("examples.own_optimizer:climb", ()))
    execute(settings(iterations=1, optimizer="climber"), url, service(keys))
    monkeypatch.setitem(OPTIMIZERS, "climber", Entry("no_such_module:climb", ()))
    with pytest.raises(UsageError, match="cannot be imported"):
        resume("run", url, service(keys), Changes(iterations=2))
    with open_database(url) as database:
        record = queries.run(database, "run")
    assert (record.status, record.settings["iterations"]) == ("completed", 1)


def start_master(url: str, keys: KeyFile, arguments: str) -> subprocess.Popen[bytes]:
    """A master in a process of its own, of the run of seed 5."""
    script = (
        "from das_hpo.launching.cluster import Service; from das_hpo.execution import execute\n"
        "from workers.transport.keys import KeyFile\n"
        "from tests.das_hpo.queues import settings; from tests.das_hpo.test_execution import service\n"
        f"keys = KeyFile({str(keys.path)!r})\n"
        f"execute(settings(seed=5), {url!r}, {arguments})\n"
    )
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], cwd=ROOT)


def kill_after(master: subprocess.Popen[bytes], url: str, finished: int) -> None:
    """kill -9 as soon as so many evaluations are finished."""
    try:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            if Path(url.removeprefix("sqlite:///")).exists():
                with open_database(url) as database:
                    names = [summary.run.name for summary in queries.runs(database)]
                    if "run" in names and sum(r.loss is not None for r in queries.results(database, "run")) >= finished:
                        return
            assert master.poll() is None
            time.sleep(0.1)
    finally:
        master.send_signal(signal.SIGKILL)
        master.wait()


def test_a_killed_master_is_resumed_at_once(url: str, keys: KeyFile) -> None:
    """kill -9 of the master ends its workers; resume takes the dead master's lease and repeats nothing."""
    execute(settings(seed=5, name="calm"), url, service(keys))
    kill_after(start_master(url, keys, "service(keys, options=('--seconds', '0.1'))"), url, 5)
    ended = resume("run", url, service(keys))
    assert (ended.status, ended.snapshot.finished) == ("completed", 20)
    assert rows(url) == rows(url, "calm")


def test_what_workers_compute_while_the_master_is_away_is_adopted(url: str, keys: KeyFile) -> None:
    """A nameserver's worker outlives kill -9 of the master, and reports to the next one: no attempt is lost."""
    execute(settings(seed=5, name="calm"), url, service(keys))
    with NameServer(keys=keys) as nameserver:
        command = (sys.executable, "-W", "ignore", "-m", "tests.das_hpo.trivial_worker")
        worker = subprocess.Popen(
            [*command, "--nameserver", nameserver.address, "--seconds", "0.5"],
            cwd=ROOT,
            env={**os.environ, "DAS_HPO_KEY_FILE": str(keys.path)},
        )
        try:
            kill_after(start_master(url, keys, f"Service(keys, {nameserver.address!r})"), url, 4)
            time.sleep(1.0)  # by now the worker has an outcome that nobody takes
            ended = resume("run", url, Service(keys, nameserver.address))
        finally:
            worker.terminate()
            worker.wait()
    assert (ended.status, ended.snapshot.finished) == ("completed", 20)
    assert rows(url) == rows(url, "calm")
    with open_database(url) as database:
        assert all(r.attempts == 1 for r in queries.results(database, "run"))


def test_a_full_disk_stops_the_run_and_loses_nothing(url: str, keys: KeyFile) -> None:
    """Where nothing can be recorded any more the run ends with the reason; resume takes in what was spooled."""
    execute(settings(seed=5, name="calm", iterations=9), url, service(keys, workers=2))
    script = (
        "import resource, sys; from das_hpo.execution import execute; from workers.transport.keys import KeyFile\n"
        "from tests.das_hpo.queues import settings; from tests.das_hpo.test_execution import service\n"
        "from spaces.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (330_000, resource.RLIM_INFINITY))\n"
        f"keys = KeyFile({str(keys.path)!r})\n"
        "try:\n"
        f"    execute(settings(seed=5, iterations=9), {url!r}, service(keys, workers=2, failing_s=2.0))\n"
        "except StorageError as error:\n"
        "    sys.exit(f'stopped: {error}')\n"
    )
    master = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "stopped: the run is stopped, as nothing can be recorded" in master.stderr
    spooled = list(Path(url.removeprefix("sqlite:///") + ".spool").glob("*.outcome.json"))
    # Mostly none is: a report that does not fit together with the next claim fits alone when it comes again.
    with open_database(url) as database:
        before = len([r for r in queries.results(database, "run") if r.sequence is not None])
    ended = resume("run", url, service(keys, workers=2))
    assert (ended.status, ended.snapshot.finished) == ("completed", 60)
    with open_database(url) as database:
        attempts = queries.attempts(database, "run")
    assert before < 60
    tokens = {path.name.removesuffix(".outcome.json") for path in spooled}
    assert {attempt.status for attempt in attempts if attempt.token in tokens} <= {"completed"}


def test_an_outcome_that_comes_while_the_database_is_locked_is_spooled(url: str, keys: KeyFile) -> None:
    """Not even a transaction could be begun for it, and the run gives up; resume takes it in, and nobody repeats it."""
    released = threading.Event()

    def lock() -> None:
        path = url.removeprefix("sqlite:///")
        while not Path(path).exists() or not _finished(path):
            time.sleep(0.05)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
            connection.execute("begin immediate")
            released.wait()
            connection.execute("rollback")

    holder = threading.Thread(target=lock)
    holder.start()
    try:
        with pytest.raises(StorageError, match="locked by another process"):
            execute(settings(seed=5), url, service(keys, failing_s=2.0, options=("--seconds", "0.2")))
    finally:
        released.set()
        holder.join()
    (spooled,) = Path(url.removeprefix("sqlite:///") + ".spool").glob("*.outcome.json")
    token = spooled.name.removesuffix(".outcome.json")
    _as_if_its_process_had_ended(url)
    assert resume("run", url, service(keys)).status == "completed"
    with open_database(url) as database:
        attempts = queries.attempts(database, "run")
        (kept,) = [attempt for attempt in attempts if attempt.token == token]
        assert kept.status == "completed"
        assert [a.token for a in attempts if a.evaluation_id == kept.evaluation_id] == [token]
    assert not spooled.exists()


def test_a_signal_ends_a_run_whose_database_is_locked(url: str, keys: KeyFile) -> None:
    """It ends as interrupted, and resume takes in what could not be written."""
    execute(settings(seed=5, name="calm"), url, service(keys))
    stop, released = threading.Event(), threading.Event()

    def lock() -> None:
        path = url.removeprefix("sqlite:///")
        while _finished(path) < 22:
            time.sleep(0.02)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
            connection.execute("begin immediate")
            time.sleep(3.0)
            stop.set()
            released.wait()
            connection.execute("rollback")

    holder = threading.Thread(target=lock)
    holder.start()
    try:
        summary = execute(settings(seed=5), url, service(keys, options=("--seconds", "0.1")), stop=stop)
    finally:
        released.set()
        holder.join()
    assert (summary.status, summary.signalled) == ("interrupted", True)
    _as_if_its_process_had_ended(url)
    assert resume("run", url, service(keys)).status == "completed"
    assert rows(url) == rows(url, "calm")


@pytest.mark.parametrize("at", ["the start", "the end"])
def test_a_run_waits_for_a_database_that_another_holds(
    at: str, url: str, keys: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    """Longer than a single commit does, as it does in between, and says so."""
    execute(settings(seed=4, name="calm"), url, service(keys))
    held = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30, check_same_thread=False)

    def hold() -> None:
        if not held.in_transaction:
            held.execute("begin immediate")
            threading.Timer(4.0, held.rollback).start()

    def progress(snapshot: Snapshot) -> None:
        if at == "the end" and snapshot.finished == snapshot.expected:
            hold()

    if at == "the start":
        hold()
    summary = execute(settings(seed=4), url, service(keys), progress=progress)
    held.close()
    assert summary.status == "completed"
    assert "cannot be written, trying again" in caplog.text
    assert rows(url) == rows(url, "calm")


def test_a_stopped_run_is_not_begun(url: str, keys: KeyFile) -> None:
    """A signal that came while the workers were started leaves no run behind."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        execute(settings(), url, service(keys), stop=stop)
    with open_database(url) as database:
        assert queries.runs(database) == []


def test_a_refused_campaign_changes_nothing(url: str, keys: KeyFile) -> None:
    """More trials of a campaign that another process computes: refused, and computed when asked for again."""
    asked = CampaignSettings(name="c", hyperparameters=preset("H1").to_dict(), trials=2, budget=1.0)
    execute_campaigns([asked], url, service(keys))
    more = replace(asked, trials=4)
    with open_database(url) as database:
        holder = Ownership(database, queries.run(database, "c").id, "c")
        holder.take()
        with pytest.raises(ClusterError, match="is being run by"):
            execute_campaigns([more], url, service(keys))
        assert queries.run(database, "c").settings["trials"] == 2
        holder.release()
    (summary,) = execute_campaigns([more], url, service(keys))
    assert (summary.status, summary.snapshot.finished) == ("completed", 4)


def test_a_campaign_that_no_worker_could_compute_is_refused(url: str, keys: KeyFile) -> None:
    """At once, in one sentence, and no database is left behind."""
    with pytest.raises(InvalidValueError, match="hyperparameters missing: parameter_learning_rate"):
        execute_campaigns([CampaignSettings(name="c", trials=2, budget=1.0)], url, service(keys))
    assert not Path(url.removeprefix("sqlite:///")).exists()


def _as_if_its_process_had_ended(url: str) -> None:
    """The lease that a master could not give back is the dead's, and taken at once: here that process is the test."""
    with open_database(url) as database, database.begin() as session:
        held = queries.lease(database, "run")
        if held is not None:
            writes.release_lease(session, queries.run(database, "run").id, held.owner)


def _finished(path: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            found: int = connection.execute("select count(*) from evaluations where status = 'completed'").fetchone()[0]
        except sqlite3.OperationalError:  # the tables are being made
            return 0
    return found


def test_a_time_limit_ends_a_run_cleanly(url: str, keys: KeyFile) -> None:
    """What is done by then is kept, and the rest can be resumed."""
    slow = service(keys, options=("--seconds", "0.1"))
    summary = execute(settings(iterations=400, time_limit_s=4), url, slow)
    assert (summary.status, summary.signalled) == ("interrupted", False)
    assert "time limit of 4.0s" in (summary.message or "")
    assert summary.snapshot.finished < summary.snapshot.expected
    with open_database(url) as database:
        assert queries.run(database, "run").status == "interrupted"
        assert {r.status for r in queries.results(database, "run")} <= {"completed", "diverged", "queued"}
    again = resume("run", url, service(keys), Changes(time_limit_s=1))
    assert "time limit of 1.0s" in (again.message or "")
    assert summary.snapshot.finished <= again.snapshot.finished < again.snapshot.expected


def test_what_can_be_refused_is_refused_before_anything_is_written(url: str, keys: KeyFile) -> None:
    """No nameserver, no worker, no run of that name: an error, and no database."""
    with pytest.raises(UnreachableError):
        execute(settings(), url, Service(keys=keys, nameserver="127.0.0.1:1"))
    with pytest.raises(InvalidValueError, match="1 or more"):
        execute(settings(), url, service(keys, workers=0))
    assert not Path(url.removeprefix("sqlite:///")).exists()
    execute(settings(iterations=1, max_budget=1), url, service(keys))
    with pytest.raises(RunExistsError, match=r"named 'run' \(completed\): choose another --name, or extend"):
        execute(settings(), url, service(keys))
    with pytest.raises(RunMissingError):
        resume("no-such-run", url, service(keys))


def test_waiting_for_the_lease_of_a_silent_master_can_be_stopped(url: str, keys: KeyFile) -> None:
    """A master on a machine that cannot be seen from here is waited for, unless a signal comes."""
    stop = threading.Event()
    execute(settings(), url, service(keys), stop=stop, progress=lambda _: stop.set())
    with open_database(url) as database, database.begin() as session:
        writes.take_lease(session, queries.run(database, "run").id, "elsewhere:1:1:another-boot:0", 20.0)
    with pytest.raises(KeyboardInterrupt):
        resume("run", url, service(keys), stop=stop)
    with open_database(url) as database:
        lease = queries.lease(database, "run")
        assert lease is not None
        assert lease.owner.startswith("elsewhere")


def test_a_second_master_of_a_run_is_refused(url: str, keys: KeyFile) -> None:
    """While a living process has the run's lease, resume says who it is; a lease of the dead is taken."""
    stop = threading.Event()
    execute(settings(), url, service(keys), stop=stop, progress=lambda _: stop.set())
    with open_database(url) as database:
        holder = Ownership(database, queries.run(database, "run").id, "run")
        holder.take()
        with pytest.raises(ClusterError, match=f"process {os.getpid()} on"):
            resume("run", url, service(keys))
        holder.release()
        dead = subprocess.run([sys.executable, "-c", ""], check=True)
        assert dead.returncode == 0
    assert resume("run", url, service(keys)).status == "completed"
