"""Workers placed by a Ray cluster of several nodes, one of which is killed under a run that loses nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from das_hpo.launching import ray as module
from das_hpo.launching.engine import Placement
from tests.das_hpo.command import das_hpo
from tests.das_hpo.launching.test_slurm import Site

ROOT = Path(__file__).parents[3]

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed (pip install 'das-hpo[ray]')"
)


def test_options_are_those_of_a_local_worker() -> None:
    """An actor's local workers take nameserver and device apart, and are told of keys otherwise."""
    options = ["--nameserver", "head:1", "--insecure", "--kernel", "torch", "--device", "cpu"]
    assert module._split(options) == ("head:1", "cpu", ["--kernel", "torch"])
    assert module._split(["--nameserver", "head:1"]) == ("head:1", "auto", [])


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(module.ClusterError, match=r"pip install 'das-hpo\[ray\]'"):
        module.RayWorkers(Placement("ray"), [], None)


def wait_for(condition: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """Waits until it is true."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A running cluster of two nodes with two cores and a pretended GPU each."""
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_failure_threshold": "4",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    with (
        (tmp_path / "cluster").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.das_hpo.launching.ray_cluster"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def tell(cluster: subprocess.Popen[str], word: str) -> None:
    """Has the cluster do something, and waits for it."""
    assert cluster.stdin is not None
    assert cluster.stdout is not None
    cluster.stdin.write(f"{word}\n")
    cluster.stdin.flush()
    assert cluster.stdout.readline() == "done\n"


@needs_ray
@pytest.mark.skipif("DAS_HPO_CLUSTERS" not in os.environ, reason="takes over two minutes: make clusters runs it")
@pytest.mark.timeout(290)
def test_a_run_goes_on_while_a_node_is_killed(cluster: subprocess.Popen[str], tmp_path: Path) -> None:
    """Four workers share two GPUs by halves; the lost ones come back on a new node, and nothing is computed twice."""
    assert cluster.stdout is not None
    address = cluster.stdout.readline().strip()
    environment = {
        **os.environ,
        "DAS_HPO_KEY_FILE": str(tmp_path / "key"),
        "DAS_HPO_DB": f"sqlite:///{tmp_path}/das-hpo.db",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    site = Site(environment, tmp_path)
    engine = ["--engine", "ray", "--ray-address", address]
    command = [sys.executable, "-m", "das_hpo", "run", *engine, "--workers", "4", "--gpus-per-worker", "0.5"]
    command += ["--device", "cpu", "--lease", "3s", "--task", "tests.das_hpo.launching.sleepy:TASK", "--name", "r"]
    command += ["--objective", "one-shot", "--optimizer", "random", "--iterations", "200"]
    command += ["--min-budget", "2", "--max-budget", "2", "--quiet", "-v"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=log) as run,
    ):
        try:
            wait_for(lambda: site.computing() == 4)
            shown = das_hpo("workers", *engine, "-f", "json", environment=environment)
            assert json.loads(shown.stdout) == [{"engine": "ray", "group": "das-hpo", "alive": 4, "pending": 0}]
            tell(cluster, "kill")
            wait_for(lambda: dict(site.rows("select status, count(*) from attempts group by status")).get("lost") == 2)
            tell(cluster, "add")
            wait_for(lambda: len(site.rows("select distinct worker from results where worker is not null")) == 6)
        finally:
            run.terminate()
            run.wait(60)
    said = (tmp_path / "log").read_text()
    assert run.returncode == 130, said  # it was told to end, and its workers with it
    found = dict(site.rows("select status, count(*) from attempts group by status"))
    assert found.keys() <= {"completed", "handed-back", "lost", "running"}, said
    assert found["lost"] == 2, said
    assert site.rows("select count(*) from evaluations where status = 'completed'") == [(found["completed"],)], said
    assert "evaluations are kept" in said


@needs_ray
def test_without_a_cluster_it_says_so(tmp_path: Path) -> None:
    """Exit 1, in one line, in bounded time."""
    process = das_hpo("workers", "--engine", "ray", "--ray-address", "127.0.0.1:1", timeout_s=120)
    assert (process.returncode, process.stdout) == (1, "")
    assert "connecting to the Ray cluster at 127.0.0.1:1" in process.stderr
    assert process.stderr.splitlines()[-1].startswith("das-hpo: error: no Ray cluster answers at '127.0.0.1:1': start")
