"""A worker as a whole: it serves a run until it is stopped or idle, and leaves nothing behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from das_hpo import __version__
from das_hpo.service.dispatcher import Dispatcher
from das_hpo.service.nameserver import NameServer
from spaces.errors import InvalidValueError, UnreachableError
from spaces.task_registry import load_task
from spaces.trial import TrialOutcome, TrialSpec
from tests.service.conftest import ListQueue
from workers.transport.keys import KeyFile
from workers.transport.messages import default_name
from workers.worker.worker import Worker, WorkerSettings


def compute(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
    """An outcome for each."""
    return [TrialOutcome("completed", float(spec.seed), None, None, None) for spec in specs]


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


@pytest.fixture
def nameserver(keys: KeyFile) -> Iterator[NameServer]:
    """A running nameserver."""
    with NameServer(keys=keys) as running:
        yield running


def worker(nameserver: NameServer, keys: KeyFile, settings: WorkerSettings | None = None) -> Worker:
    """One that computes at once."""
    return Worker(nameserver.address, keys, settings, version=__version__, compute=compute)


def test_a_worker_without_work_ends_after_its_time(nameserver: NameServer, keys: KeyFile) -> None:
    """All that there was is computed by then, with the fingerprint of its task; no thread and no socket are left."""
    queue = ListQueue(3)
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with Dispatcher(queue, "a", nameserver=nameserver.address, keys=keys):
        worker(nameserver, keys, WorkerSettings(idle_timeout_s=0.3)).run()
    assert {number: outcome.one_shot_score for number, outcome in queue.outcomes.items()} == {0: 0.0, 1: 1.0, 2: 2.0}
    assert all(outcome.fingerprint for outcome in queue.outcomes.values())
    assert {name for _, _, name in queue.attempts} == {default_name()}
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) <= files + 2  # the nameserver closes its ends a moment later


@pytest.mark.parametrize("before", [True, False], ids=["before it runs", "while it waits"])
def test_a_worker_ends_when_it_is_stopped(nameserver: NameServer, keys: KeyFile, before: bool) -> None:
    """Also one that waits for work without end."""
    made = worker(nameserver, keys, WorkerSettings(name="mine"))
    assert made.name == "mine"
    thread = threading.Thread(target=made.run)
    if before:
        made.stop()
    thread.start()
    if not before:
        thread.join(0.5)
        assert thread.is_alive()
        made.stop()
    thread.join(20)
    assert not thread.is_alive()


def test_a_worker_of_one_run_leaves_the_others_alone(nameserver: NameServer, keys: KeyFile) -> None:
    """They are there for other workers."""
    one, two = ListQueue(2), ListQueue(2)
    with (
        Dispatcher(one, "one", nameserver=nameserver.address, keys=keys),
        Dispatcher(two, "two", nameserver=nameserver.address, keys=keys),
    ):
        worker(nameserver, keys, WorkerSettings(run="two", idle_timeout_s=0.3)).run()
    assert (len(one.outcomes), len(two.outcomes)) == (0, 2)


def test_a_worker_without_a_nameserver_says_so(keys: KeyFile) -> None:
    """With the address; one of another form is refused before anything is started."""
    with pytest.raises(UnreachableError, match=r"no nameserver answers at 127\.0\.0\.1:1"):
        Worker("127.0.0.1:1", keys, version="0", compute=compute).run()
    with pytest.raises(InvalidValueError, match="an address is HOST:PORT"):
        Worker("here", keys, version="0", compute=compute)


def test_two_tasks_of_one_name_are_refused(nameserver: NameServer, keys: KeyFile) -> None:
    """A trial names its task."""
    tasks = [load_task("inverse-1d")] * 2
    with pytest.raises(InvalidValueError, match="each task needs a name of its own"):
        Worker(nameserver.address, keys, version="0", tasks=tasks)
