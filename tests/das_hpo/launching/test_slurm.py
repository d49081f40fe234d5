"""Workers placed by a real Slurm: preempted, queued again, warned and cancelled under a run that loses nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from das_hpo.launching.engine import Placement
from das_hpo.launching.slurm import SlurmWorkers
from spaces.errors import ClusterError
from tests.das_hpo.launching.slurm_node import missing, slurm_node
from workers.transport.keys import KeyFile

ROOT = Path(__file__).parents[3]
OPTIONS = ["--nameserver", "file:/shared/name server", "--insecure", "--kernel", "torch"]


def workers(tmp_path: Path, **place: object) -> SlurmWorkers:
    """Of a placement."""
    return SlurmWorkers(
        Placement("slurm", folder=tmp_path / "logs", **place), ["das-hpo"], OPTIONS, KeyFile(tmp_path / "key")
    )


@pytest.mark.parametrize(
    ("place", "count", "expected"),
    [
        ({}, 3, {"--array=0-2", "--cpus-per-task=1", "--signal=B:USR1@60", "--comment=das-hpo:3:1"}),
        (
            {"gpus_per_worker": 0.25, "cpus_per_worker": 2, "walltime_s": 7200.0},
            10,
            {"--array=0-2", "--cpus-per-task=8", "--gres=gpu:1", "--time=120", "--comment=das-hpo:10:4"},
        ),
        ({"walltime_s": 120.0, "gpus_per_worker": 1.0}, 1, {"--array=0-0", "--time=2", "--signal=B:USR1@30"}),
    ],
    ids=["cores", "a quarter of a GPU", "short"],
)
def test_the_job_asks_for_what_the_workers_need(
    tmp_path: Path, place: dict[str, object], count: int, expected: set[str]
) -> None:
    """Workers that share a GPU are one task; the script is valid, and is queued again by Slurm."""
    script = workers(tmp_path, **place).script(count)
    directives = {line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")}
    assert expected | {"--requeue", "--open-mode=append", "--job-name=das-hpo-das-hpo"} <= directives
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert "das-hpo worker --nameserver 'file:/shared/name server' --insecure --kernel torch --grace 15s" in script
    assert "das-hpo demand --check --nameserver 'file:/shared/name server' --insecure >/dev/null" in script
    assert ("--max-time" in script) == ("walltime_s" in place)


def test_without_slurm_it_says_where_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what Slurm refuses is said in one line."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="there is no sbatch on this machine"):
        workers(tmp_path).start(1)
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho 'error: Invalid\n partition' >&2\nexit 1\n")
    (tmp_path / "sbatch").chmod(0o755)
    with pytest.raises(ClusterError, match="sbatch failed: error: Invalid partition"):
        workers(tmp_path).start(1)


@pytest.mark.parametrize(("status", "told", "again"), [(0, False, True), (1, False, False), (0, True, False)])
def test_a_task_is_queued_again_when_its_time_is_over(tmp_path: Path, status: int, told: bool, again: bool) -> None:
    """Not if a worker failed, and not if it was stopped. Signals reach every worker of the task."""
    worker = tmp_path / "das-hpo"
    worker.write_text(
        "#!/bin/bash\n"
        f'[ "$1" = demand ] && exit 0\ntrap "echo warned; exit {status}" USR1\ntrap "echo stopped; exit 0" TERM\n'
        'echo ready >>"$READY"\nwhile :; do sleep 0.05; done\n'
    )
    scontrol = tmp_path / "scontrol"
    scontrol.write_text('#!/bin/sh\necho "queued again: $*"\n')
    for path in (worker, scontrol):
        path.chmod(0o755)
    ready = tmp_path / "ready"
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_ARRAY_TASK_ID": "1",
        "SLURM_ARRAY_JOB_ID": "7",
        "READY": str(ready),
    }
    script = workers(tmp_path, gpus_per_worker=0.25).script(6)  # the second task has two of the six
    with subprocess.Popen(["bash", "-c", script], env=environment, stdout=subprocess.PIPE, text=True) as process:
        wait_for(lambda: ready.exists() and len(ready.read_text().splitlines()) == 2)
        process.send_signal(15 if told else 10)
        said, _ = process.communicate(timeout=30)
    assert said.splitlines()[:2] == ["stopped" if told else "warned"] * 2
    assert said.splitlines()[2:] == (["queued again: requeue 7_1"] if again else [])
    assert again or process.returncode == status


def wait_for(condition: Callable[[], bool], timeout_s: float = 90.0) -> None:
    """Waits until it is true."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.1)


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a running Slurm."""
    why = missing()
    if why is not None:
        pytest.skip(f"no Slurm can be started: {why}")
    with slurm_node(tmp_path / "slurm") as environment:
        yield {
            **environment,
            "DAS_HPO_KEY_FILE": str(tmp_path / "key"),
            "DAS_HPO_DB": f"sqlite:///{tmp_path}/das-hpo.db",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }


class Site:
    """Slurm, and the database of a run."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self.folder = folder

    def call(self, *words: str) -> str:
        """The output of one command."""
        done = subprocess.run(
            words, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout

    def rows(self, question: str) -> list[tuple[object, ...]]:
        """What the database answers; nothing before it is there."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder}/das-hpo.db?mode=ro", uri=True)) as database:
                return database.execute(question).fetchall()
        except sqlite3.OperationalError as error:
            if "unable to open" in str(error) or "no such table" in str(error):
                return []
            raise

    def jobs(self, state: str) -> list[str]:
        """The ids of the workers' tasks in a state."""
        lines = self.call("squeue", "-h", "--array", "-n", "das-hpo-das-hpo", "-o", "%T %i").splitlines()
        return [line.split()[1] for line in lines if line.split()[0] == state]

    def computing(self) -> int:
        """How many attempts are running, by the database."""
        found = self.rows("select count(*) from attempts where status = 'running'")
        return int(found[0][0]) if found else 0  # type: ignore[call-overload]

    def hasten(self) -> None:
        """Slurm lets a job that was queued again wait for two minutes."""
        for job in self.jobs("PENDING"):
            subprocess.run(
                ["scontrol", "update", f"JobId={job}", "StartTime=now"], env=self.environment, check=False, timeout=30
            )


@pytest.mark.timeout(280)
def test_a_run_goes_on_while_its_workers_are_preempted(slurm: dict[str, str], tmp_path: Path) -> None:
    """By a job of higher priority, by hand, and warned: each evaluation is computed once, and no attempt is lost."""
    site = Site(slurm, tmp_path)
    command = [sys.executable, "-m", "das_hpo", "run", "--engine", "slurm", "--workers", "2", "--name", "r"]
    command += ["--task", "tests.das_hpo.launching.sleepy:TASK", "--objective", "one-shot", "--optimizer", "random"]
    command += ["--iterations", "9", "--min-budget", "2", "--max-budget", "2", "--quiet", "-v"]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, env=slurm, cwd=tmp_path, stderr=log) as run:
        try:
            wait_for(lambda: site.computing() == 2)
            site.call("sbatch", "-p", "high", "-c", "2", "-o", "/dev/null", "--wrap", "sleep 1")
            wait_for(lambda: len(site.jobs("PENDING")) == 2 and site.computing() == 0)
            wait_for(lambda: site.hasten() or site.computing() == 2)
            site.call("scontrol", "requeue", site.jobs("RUNNING")[0])
            wait_for(lambda: len(site.jobs("PENDING")) == 1)
            site.call("scancel", "--batch", "--signal=USR1", site.jobs("RUNNING")[0])
            wait_for(lambda: len(site.jobs("PENDING")) == 2)  # warned, it has queued itself again: there is work
            wait_for(lambda: site.hasten() or run.poll() is not None)
        finally:
            run.terminate()
            run.wait(60)
    said = (tmp_path / "log").read_text()
    assert run.returncode == 0, said
    assert site.rows("select status, count(*) from evaluations group by status") == [("completed", 9)], said
    results = site.rows("select status, count(*) from attempts group by status")
    assert dict(results).keys() <= {"completed", "handed-back"}, said
    assert dict(results)["completed"] == 9
    assert site.jobs("RUNNING") == site.jobs("PENDING") == []
    [name] = {row[0] for row in site.rows("select worker from results limit 1")}
    assert "serves the nameserver" in (tmp_path / "das-hpo-logs" / f"{name}.log").read_text()
