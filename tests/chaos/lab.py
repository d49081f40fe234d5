"""The lab of the chaos test: a nameserver, workers and masters as real processes on hosts of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.database import ChaosDatabase
from tests.chaos.hosts import Network

#: A worker that is silent for so long has lost its evaluation: short, so that minutes show many losses.
LEASE_S = 5.0

#: How long a master that was superseded may take to notice it.
NOTICES_S = 60.0

#: What a master says that ends since its database is away at its very begin or end, when it does not try again.
GIVES_UP = "cannot be used at present"

#: What a worker says that ends, rightly, as several evaluations in a row raised on it.
SEEMS_BROKEN = "this worker seems broken"

ROOT = Path(__file__).parents[2]
PORT = 9090
DONE = 0


@dataclass
class Process:
    """One process of the lab and how to start it again.

    Attributes:
        name: Such as ``worker-1``.
        kind: ``nameserver``, ``worker`` or ``master``.
        host: On which it runs.
        arguments: The module, and its arguments.
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
        database: Of all runs.
        trivial: Whether workers compute next to nothing.
        processes: By name.
        superseded: Masters in whose place others were started: the process, and when it must have ended.
        gave_up: How many masters had to be started again after they had said that the database is away.
        may_end: Names of masters that may end by themselves, as another one may still have the run.
        unexpected: What ended without being killed, with the end of its log.
    """

    folder: Path
    network: Network
    database: ChaosDatabase
    trivial: bool = False
    processes: dict[str, Process] = field(default_factory=dict)
    superseded: list[tuple[str, subprocess.Popen[bytes], float]] = field(default_factory=list)
    gave_up: int = 0
    may_end: set[str] = field(default_factory=set)
    unexpected: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process."""
        rest = {name: value for name, value in os.environ.items() if not name.startswith("DAS_HPO")}
        return {**rest, "DAS_HPO_KEY_FILE": str(self.folder / "key"), "OMP_NUM_THREADS": "1"}

    def call(self, *arguments: str) -> None:
        """Runs a command of das-hpo to its end, on the first master's host; it must succeed."""
        command = [*self.network.prefixes["master-0"], sys.executable, "-m", "das_hpo", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode:
            raise RuntimeError(f"das-hpo {' '.join(arguments)}: {done.stderr}")

    def add_nameserver(self) -> None:
        """The nameserver, always at the same address."""
        arguments = ["das_hpo", "nameserver", "--host", self.network.addresses["nameserver"], "--port", str(PORT)]
        self._add(Process("nameserver", "nameserver", "nameserver", arguments, arguments))

    def add_worker(self, number: int) -> None:
        """A worker on a host of its own."""
        host = f"worker-{number}"
        arguments = ["tests.chaos.worker", "--nameserver", self.nameserver, "--raised", str(self.folder / "raised")]
        arguments += ["--trivial"] if self.trivial else []
        self._add(Process(host, "worker", host, arguments, arguments))

    def add_master(self, run: str, host: str, settings: list[str]) -> None:
        """A run's master, which is resumed when it died."""
        ending = ["--nameserver", self.nameserver, "--host", self.network.addresses[host], "--db", self.database.url]
        ending += ["--lease", f"{LEASE_S}s", "--wait", "10m"]
        begun = ["das_hpo", "run", "--name", run, *settings, *ending, "--resume"]
        self._add(Process(run, "master", host, begun, ["das_hpo", "resume", run, *ending]))

    @property
    def nameserver(self) -> str:
        """The nameserver's address."""
        return f"{self.network.addresses['nameserver']}:{PORT}"

    def _add(self, process: Process) -> None:
        self.processes[process.name] = process
        self.start(process, process.arguments)

    def again(self, process: Process) -> None:
        """Starts a process after its death; a master that had not come to beginning its run begins it now."""
        begun = process.kind != "master" or self.database.rows("select 1 from runs where name = ?", process.name)
        self.start(process, process.again if begun else process.arguments)

    def start(self, process: Process, arguments: list[str]) -> None:
        """Starts a process; its output goes to a log of its own."""
        log = (self.folder / f"{process.name}.log").open("ab")
        command = [*self.network.prefixes[process.host], sys.executable, "-m", *arguments]
        process.popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def supersede(self, process: Process, after_s: float) -> None:
        """Starts a master in the place of one that stands still and will be woken after so many seconds."""
        assert process.popen is not None
        self.superseded.append((process.name, process.popen, time.monotonic() + after_s + NOTICES_S))
        process.popen = None
        self.may_end.add(process.name)
        self.again(process)

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
            elif process.name in self.may_end:
                pass
            elif process.kind == "master" and GIVES_UP in self.log(process.name)[-1000:]:
                self.gave_up += 1
                self.again(process)
            elif process.kind == "worker" and SEEMS_BROKEN in self.log(process.name)[-1000:]:
                self.again(process)
            elif process.deaths_due:
                process.deaths_due -= 1
            else:
                log = self.log(process.name)[-2000:]
                self.unexpected.append(f"{process.name} ended with status {status}:\n{log}")

        for entry in list(self.superseded):
            name, popen, ends = entry
            if popen.poll() is not None:
                self.superseded.remove(entry)
            elif time.monotonic() > ends:
                self.superseded.remove(entry)
                popen.kill()
                popen.wait()
                self.unexpected.append(f"{name} went on although another master had its run:\n{self.log(name)[-2000:]}")

    def _is_completed(self, run: str) -> bool:
        return self.database.rows("select status from runs where name = ?", run) == [("completed",)]

    @property
    def completed(self) -> bool:
        """Whether all runs are through."""
        return all(process.completed for process in self.processes.values() if process.kind == "master")

    def failures_before(self) -> int:
        """How often, at most, an evaluation that is computed now was lost before, or has raised."""
        sql = (
            "select count(*) from attempts a join attempts running on running.evaluation_id = a.evaluation_id"
            " where running.status = 'running' and a.status in ('lost', 'error') group by a.evaluation_id"
        )
        return max((count for (count,) in self.database.rows(sql)), default=0)

    def close(self) -> list[str]:
        """Ends everything with SIGTERM; names who did not end within 30 s, and kills those."""
        living = [(process.name, process.popen) for process in self.processes.values() if process.popen is not None]
        living += [(name, popen) for name, popen, _ in self.superseded]
        for _, popen in living:
            if popen.poll() is None:
                popen.send_signal(signal.SIGCONT)
                popen.terminate()
        stubborn = []
        deadline = time.monotonic() + 30
        for name, popen in living:
            try:
                popen.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                stubborn.append(name)
                popen.kill()
                popen.wait()
        return stubborn
