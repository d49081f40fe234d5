# ruff: noqa: D102
"""An evaluation queue with a list of evaluations, and worker processes with a trivial computation."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from das_hpo.service.nameserver import NameServer
from das_hpo.service.queue import Attempt, Evaluation
from spaces.hyperparameters import preset
from spaces.identity import ConfigurationId
from spaces.trial import TrialOutcome, TrialSpec
from workers.transport.keys import KeyFile

ROOT = Path(__file__).parents[2]

SPEC = TrialSpec("inverse-1d", preset("H1").to_dict(), budget=1.0, seed=0)


class ListQueue:
    """An evaluation queue that gives out a number of evaluations and notes everything it is told."""

    def __init__(self, count: int, budget: float = 1.0) -> None:
        self.condition = threading.Condition(threading.RLock())
        self.count = count
        self.budget = budget
        self.given = 0
        self.outcomes: dict[int, TrialOutcome] = {}
        self.durations_s: dict[int, float] = {}
        self.losses: list[tuple[int, str, str, bool]] = []
        self.failed: set[int] = set()
        self.attempts: list[tuple[int, str, str]] = []
        self.twice: list[int] = []
        self.kept: list[int] = []
        self.raises: Callable[[str], None] = lambda where: None

    @property
    def done(self) -> bool:
        return len(self.outcomes) + len(self.failed) == self.count

    @property
    def remaining(self) -> int:
        return self.count - self.given

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        yield
        self.raises("commit")

    def evaluation(self, number: int) -> Evaluation:
        spec = replace(SPEC, seed=number, budget=self.budget)
        return Evaluation(ConfigurationId(0, 0, number), 0, spec, id=number)

    def next_evaluations(self, wanted: int) -> list[Evaluation]:
        self.raises("next")
        numbers = range(self.given, min(self.count, self.given + wanted))
        self.given += len(numbers)
        return [self.evaluation(number) for number in numbers]

    def started(self, attempt: Attempt) -> int:
        self.raises("started")
        self.attempts.append((attempt.evaluation.id, attempt.token, attempt.worker.name))
        return sum(number == attempt.evaluation.id for number, _, _ in self.attempts)

    def lost(self, attempt: Attempt, result: str, message: str, final: bool) -> None:
        self.raises("lost")
        self.losses.append((attempt.evaluation.id, result, message, final))
        if final:
            self.failed.add(attempt.evaluation.id)
        self.condition.notify_all()

    def finished(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        self.raises("finished")
        number = attempt.evaluation.id
        if number in self.outcomes:
            self.twice.append(number)
        self.outcomes[number] = outcome
        self.durations_s[number] = duration_s
        self.condition.notify_all()

    def is_open(self, evaluation: Evaluation) -> bool:
        return evaluation.id not in self.outcomes and evaluation.id not in self.failed

    def unrecorded(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        self.kept.append(attempt.evaluation.id)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
        """Waits until it is true; fails if it does not become so."""
        with self.condition:
            until = time.monotonic() + timeout_s
            while not condition():
                assert time.monotonic() < until, f"not in time: {len(self.outcomes)} outcomes, losses {self.losses}"
                self.condition.wait(0.05)


PRELUDE = """
import logging, os, sys, time
from spaces.trial import COMPLETED, TrialOutcome
from workers.transport.keys import KeyFile
from workers.worker.worker import Worker, WorkerSettings

def outcome(spec):
    return TrialOutcome(COMPLETED, 20.0 + spec.seed / 1000, None, None, None)

logging.basicConfig(stream=sys.stderr, level=logging.INFO)
"""


class Workers:
    """Worker processes; ``body`` defines ``compute(specs)``."""

    def __init__(self, nameserver: str, keys: KeyFile | None) -> None:
        self.nameserver = nameserver
        self.keys = keys
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, compute: str = "time.sleep(0.05)", version: str = "0.1.0", **options: Any) -> subprocess.Popen[str]:
        """Starts one whose computation runs these statements for each batch, then returns the outcomes."""
        script = (
            PRELUDE
            + "def compute(specs):\n"
            + textwrap.indent(textwrap.dedent(compute), "    ")
            + "\n    return [outcome(spec) for spec in specs]\n"
            + f"keys = {None if self.keys is None else str(self.keys.path)!r}\n"
            + f"keys, settings = keys and KeyFile(keys), WorkerSettings(**{options!r})\n"
            + f"Worker({self.nameserver!r}, keys, settings, version={version!r}, compute=compute).run()\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=dict(os.environ, OMP_NUM_THREADS="1"),
            text=True,
            stderr=subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A new key file."""
    return KeyFile(tmp_path / "key")


@pytest.fixture
def nameserver(keys: KeyFile) -> Iterator[NameServer]:
    """A running nameserver."""
    with NameServer(keys=keys) as running:
        yield running


@pytest.fixture
def workers(nameserver: NameServer, keys: KeyFile) -> Iterator[Workers]:
    """Starts worker processes, and ends them."""
    started = Workers(nameserver.address, keys)
    yield started
    started.end()


@pytest.fixture
def workers_at(keys: KeyFile) -> Iterator[Callable[[str], Workers]]:
    """The same for a nameserver of the test's own."""
    made: list[Workers] = []

    def make(address: str) -> Workers:
        made.append(Workers(address, keys))
        return made[-1]

    yield make
    for workers in made:
        workers.end()


@pytest.fixture
def queue() -> Callable[..., ListQueue]:
    """Makes evaluation queues."""
    return ListQueue


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    """Fails if the test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.02)
    left: Sequence[threading.Thread] = [thread for thread in threading.enumerate() if thread not in before]
    assert not left
