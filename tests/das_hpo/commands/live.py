"""A nameserver, workers and runs in processes of their own, with trials that take as long as the test says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from das_hpo.service.nameserver import NameServer
from storage import queries
from storage.engine import open_database
from storage.records import RunSummary
from tests.das_hpo.command import das_hpo
from workers.transport.keys import KeyFile

ROOT = Path(__file__).parents[3]


class LiveLab:
    """Processes in one folder, which share a key, a nameserver and a database."""

    def __init__(self, folder: Path, nameserver: NameServer) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/das-hpo.db"
        self.nameserver = nameserver
        self.environment = {
            "DAS_HPO_KEY_FILE": str(folder / "key"),
            "DAS_HPO_DB": self.url,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, module: str, *arguments: str) -> subprocess.Popen[str]:
        """Starts a process."""
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, "--nameserver", self.nameserver.address],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def worker(self, seconds: float) -> subprocess.Popen[str]:
        """Starts a worker whose trials take so long."""
        return self.start("tests.das_hpo.trivial_worker", "--seconds", str(seconds))

    def run(self, name: str, *more: str, iterations: int = 3) -> subprocess.Popen[str]:
        """Starts a run of that name."""
        options = ("--iterations", str(iterations), "--min-budget", "1", "--max-budget", "3", "--lease", "3s")
        return self.start("das_hpo", "run", "--objective", "one-shot", "--name", name, *options, *more)

    def das_hpo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return das_hpo(*arguments, cwd=self.folder, environment=self.environment)

    def show(self, name: str) -> RunSummary | None:
        """How a run stands; None while it is not there."""
        if not (self.folder / "das-hpo.db").exists():
            return None
        with open_database(self.url) as database:
            return next((one for one in queries.runs(database) if one.run.name == name), None)

    def attempts(self, name: str) -> list[str]:
        """The statuses of a run's attempts."""
        with open_database(self.url) as database:
            return [attempt.status for attempt in queries.attempts(database, name)]

    def wait_for(self, name: str, condition: Callable[[RunSummary], bool], limit_s: float = 90.0) -> RunSummary:
        """Waits until a run is so; fails if it does not become so."""
        until = time.monotonic() + limit_s
        while True:
            found = self.show(name)
            if found is not None and condition(found):
                return found
            assert time.monotonic() < until, f"not in time: {found}"
            for process in self.processes:
                assert process.poll() in (None, 0, 130), process.communicate()
            time.sleep(0.1)


@contextmanager
def live_lab(folder: Path) -> Iterator[LiveLab]:
    """Such a lab, whose processes end with the block."""
    with NameServer(keys=KeyFile(folder / "key")) as nameserver:
        lab = LiveLab(folder, nameserver)
        try:
            yield lab
        finally:
            for process in lab.processes:
                process.kill()
                process.communicate()
