"""Twenty thousand evaluations: memory, descriptors and threads stay as they are; a stopped master loses nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.queue import Evaluation
from spaces.identity import ConfigurationId
from tests.service.conftest import ROOT, SPEC


class CountingQueue:
    """An evaluation queue that keeps nothing but numbers."""

    def __init__(self, count: int) -> None:
        self.condition = threading.Condition(threading.RLock())
        self.count = count
        self.given = 0
        self.outcomes = 0
        self.losses = 0
        self.transaction = contextlib.nullcontext

    @property
    def done(self) -> bool:
        """Whether all have their outcome."""
        return self.outcomes == self.count

    @property
    def remaining(self) -> int:
        """Those that were never given out."""
        return self.count - self.given

    def next_evaluations(self, wanted: int) -> list[Evaluation]:
        """The next numbers."""
        numbers = range(self.given, min(self.count, self.given + wanted))
        self.given += len(numbers)
        return [
            Evaluation(ConfigurationId(0, 0, number), 0, replace(SPEC, seed=number), id=number) for number in numbers
        ]

    def started(self, *_: object) -> int:
        """Nothing."""
        return 1

    def lost(self, *_: object) -> None:
        """Counts."""
        self.losses += 1

    def finished(self, *_: object) -> None:
        """Counts."""
        self.outcomes += 1
        self.condition.notify_all()

    def is_open(self, evaluation: Evaluation) -> bool:
        """As far as is counted here."""
        return True

    def unrecorded(self, *_: object) -> None:
        """Does not happen here."""

    def wait(self, outcomes: int, timeout_s: float) -> None:
        """Until there are so many."""
        until = time.monotonic() + timeout_s
        with self.condition:
            while self.outcomes < outcomes:
                assert time.monotonic() < until
                self.condition.wait(1.0)


def memory_kb(pid: int) -> int:
    """What of its memory the process has to itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))


def descriptors(pid: int) -> int:
    """How many are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_grows(nameserver, keys, workers):
    """Between the 5,000th and the 20,000th evaluation neither master nor worker grows."""
    work = CountingQueue(20_000)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        process = workers.start("pass")
        workers.start("pass")
        work.wait(5_000, 300.0)
        gc.collect()
        pids = (os.getpid(), process.pid)
        before = [(memory_kb(pid), descriptors(pid)) for pid in pids]
        threads = threading.active_count()
        work.wait(20_000, 500.0)
        gc.collect()
        after = [(memory_kb(pid), descriptors(pid)) for pid in pids]
        assert threading.active_count() == threads
    assert work.losses == 0
    for (memory, files), (memory_then, files_then) in zip(after, before, strict=True):
        assert memory - memory_then < 4096  # the used tokens that are remembered
        assert abs(files - files_then) <= 2


MASTER = """
import sys, time
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from tests.service.conftest import ListQueue
from workers.transport.keys import KeyFile

work = ListQueue(12)
with Dispatcher(work, "a", nameserver=sys.argv[1], keys=KeyFile(sys.argv[2]), settings=DispatcherSettings(lease_s=1.0)):
    work.wait_for(lambda: work.done)
    time.sleep(0.2)
print(sorted(work.outcomes) == list(range(12)), work.losses, work.twice)
"""


def test_a_stopped_master_does_not_blame_its_workers(nameserver, keys, workers):
    """SIGSTOP to the master for longer than the lease: who was silent meanwhile was not heard, which is no loss."""
    master = subprocess.Popen(
        [sys.executable, "-c", MASTER, nameserver.address, str(keys.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        workers.start("time.sleep(0.5)")
        workers.start("time.sleep(0.5)")
        time.sleep(2.5)
        master.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        master.send_signal(signal.SIGCONT)
        said, _ = master.communicate(timeout=60)
    finally:
        master.kill()
    assert said == "True [] []\n"


def test_a_stopped_nameserver_stops_nobody(queue, keys, workers_at, tmp_path):
    """A nameserver that takes connections and says nothing: beats go on beside it."""
    script = (
        "import sys, time; from das_hpo.service.nameserver import NameServer\n"
        "from workers.transport.keys import KeyFile\n"
        "with NameServer(keys=KeyFile(sys.argv[1])) as n: print(n.address, flush=True); time.sleep(3600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(keys.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        work = queue(30)
        with Dispatcher(work, "a", nameserver=address, keys=keys, settings=DispatcherSettings(lease_s=8.0)):
            workers = workers_at(address)
            workers.start("time.sleep(0.3)")
            work.wait_for(lambda: len(work.outcomes) >= 2)
            process.send_signal(signal.SIGSTOP)
            work.wait_for(lambda: work.done)
            process.send_signal(signal.SIGCONT)
        assert not work.losses
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(autouse=True)
def _no_garbage() -> Iterator[None]:
    yield
    gc.collect()
