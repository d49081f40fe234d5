"""The lab of the chaos test: a nameserver, workers and masters as real processes on hosts of their own."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.hosts import Network

#: A worker that is silent for so long has lost its evaluation: short, so that minutes show many losses.
LEASE_S = 5.0

PORT = 9090
DONE = 0


@dataclass
class Process:
    """One process of the lab and how to start it again.

    Attributes:
        name: Such as ``worker-1``.
        kind: ``nameserver``, ``worker`` or ``master``.
        host: On which it runs.
        arguments: Of ``das-hpo``.
        again: The arguments with which it is started after its death.
        popen: The running process; None between death and restart.
        deaths_due: Deaths that the monkey has caused and the lab has not seen yet.
    """

    name: str
    kind: str
    host: str
    arguments: list[str]
    again: list[str]
    popen: subprocess.Popen[bytes] | None = None
    deaths_due: int = 0
    completed: bool = False

    @property
    def alive(self) -> bool:
        """Whether it runs (or is stopped by SIGSTOP)."""
        return self.popen is not None and self.popen.poll() is None


@dataclass
class Lab:
    """Everything that runs, in one folder.

    Attributes:
        folder: Database, key and logs.
        network: The hosts.
        processes: By name.
        unexpected: What ended without being killed, with the end of its log.
    """

    folder: Path
    network: Network
    processes: dict[str, Process] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        """The database of all runs."""
        return self.folder / "chaos.db"

    @property
    def url(self) -> str:
        """Its URL."""
        return f"sqlite:///{self.database}"

    @property
    def environment(self) -> dict[str, str]:
        """Of every process."""
        rest = {name: value for name, value in os.environ.items() if not name.startswith("DAS_HPO")}
        return {**rest, "DAS_HPO_KEY_FILE": str(self.folder / "key"), "OMP_NUM_THREADS": "1"}

    def command(self, *arguments: str) -> list[str]:
        """A command of das-hpo."""
        return [sys.executable, "-m", "das_hpo", *arguments]

    def call(self, *arguments: str) -> None:
        """Runs a command to its end; it must succeed."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"das-hpo {' '.join(arguments)}: {done.stderr}")

    def add_nameserver(self) -> None:
        """The nameserver, always at the same address."""
        arguments = ["nameserver", "--host", self.network.addresses["nameserver"], "--port", str(PORT)]
        self._add(Process("nameserver", "nameserver", "nameserver", arguments, arguments))

    def add_worker(self, number: int) -> None:
        """A worker on a host of its own."""
        host = f"worker-{number}"
        arguments = ["worker", "--nameserver", self.nameserver, "--device", "cpu", "--wait", "10m"]
        self._add(Process(host, "worker", host, arguments, arguments))

    def add_master(self, run: str, host: str, settings: list[str]) -> None:
        """A run's master, which is resumed when it died."""
        ending = ["--nameserver", self.nameserver, "--host", self.network.addresses[host], "--db", self.url]
        ending += ["--lease", f"{LEASE_S}s", "--wait", "10m"]
        begun = ["run", "--name", run, *settings, *ending, "--resume"]
        self._add(Process(run, "master", host, begun, ["resume", run, *ending]))

    @property
    def nameserver(self) -> str:
        """The nameserver's address."""
        return f"{self.network.addresses['nameserver']}:{PORT}"

    def _add(self, process: Process) -> None:
        self.processes[process.name] = process
        self.start(process, process.arguments)

    def again(self, process: Process) -> None:
        """Starts a process after its death; a master that had not come to beginning its run begins it now."""
        begun = process.kind != "master" or self.rows("select 1 from runs where name = ?", process.name)
        self.start(process, process.again if begun else process.arguments)

    def start(self, process: Process, arguments: list[str]) -> None:
        """Starts a process; its output goes to a log of its own."""
        log = (self.folder / f"{process.name}.log").open("ab")
        command = self.network.prefixes[process.host] + self.command(*arguments)
        process.popen = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def wait_for_workers(self, timeout_s: float = 120.0) -> float:
        """Waits until every worker serves; returns the seconds from now that it took."""
        begun = time.monotonic()
        waiting = {name for name, process in self.processes.items() if process.kind == "worker"}
        while waiting and time.monotonic() < begun + timeout_s:
            time.sleep(0.05)
            waiting = {name for name in waiting if "serves the nameserver" not in self.log(name)}
        if waiting:
            raise RuntimeError("\n".join(f"{name} does not serve:\n{self.log(name)}" for name in sorted(waiting)))
        return time.monotonic() - begun

    def log(self, name: str) -> str:
        """What a process has said so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def look(self) -> None:
        """Notices who has ended: masters that are through, deaths that were caused, and deaths that were not."""
        for process in self.processes.values():
            if process.popen is None or process.popen.poll() is None:
                continue
            status = process.popen.returncode
            process.popen = None
            # A master that was killed after its last commit finds, started again, nothing to resume.
            if process.kind == "master" and (status == DONE or self._is_completed(process.name)):
                process.completed = True
            elif process.deaths_due:
                process.deaths_due -= 1
            else:
                log = self.log(process.name)[-2000:]
                self.unexpected.append(f"{process.name} ended with status {status}:\n{log}")

    def _is_completed(self, run: str) -> bool:
        return self.database.exists() and self.rows("select status from runs where name = ?", run) == [("completed",)]

    @property
    def completed(self) -> bool:
        """Whether all runs are through."""
        return all(process.completed for process in self.processes.values() if process.kind == "master")

    def lost_before(self, worker: Process) -> int:
        """How often what this worker computes now was lost before; 0 if it computes nothing."""
        if worker.popen is None or not self.database.exists():
            return 0
        sql = (
            "select max(a.number) from attempts a join workers w on w.id = a.worker_id"
            " where a.status = 'running' and w.pid = ?"
        )
        (number,) = self.rows(sql, worker.popen.pid)[0]
        return (number or 1) - 1

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """What SQLite itself finds in the database."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def close(self) -> list[str]:
        """Ends everything with SIGTERM; names who did not end within 30 s, and kills those."""
        for process in self.processes.values():
            if process.popen is not None and process.popen.poll() is None:
                process.popen.send_signal(signal.SIGCONT)
                process.popen.terminate()
        stubborn = []
        deadline = time.monotonic() + 30
        for process in self.processes.values():
            if process.popen is None:
                continue
            try:
                process.popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                stubborn.append(process.name)
                process.popen.kill()
                process.popen.wait()
        return stubborn
