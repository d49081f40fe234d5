"""The heartbeat against a real dispatcher: leases are renewed, and what is not wanted any more is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from das_hpo import __version__
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer
from tests.service.conftest import ROOT, ListQueue
from workers.transport.directory import Directory
from workers.transport.keys import KeyFile
from workers.transport.messages import Answer, Caller
from workers.transport.wire import Remote
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.heartbeat import EXIT_HANGING, Heartbeat
from workers.worker.state import WorkerState
from workers.worker.wakeup import Wakeup


@contextmanager
def beating(nameserver: NameServer, keys: KeyFile, told: list[frozenset[str]]) -> Iterator[tuple[WorkerState, Remote]]:
    """A worker's heartbeat, and a connection to claim work by hand."""
    state = WorkerState(Caller("w", "host", 1, "cpu", __version__, "s"), Directory(nameserver.address, keys), Wakeup())

    def give_up(unwanted: frozenset[str]) -> bool:
        told.append(unwanted)
        return False

    with state, Wakeup() as signals:
        state.dispatchers.refresh()
        connections = DispatcherConnections(state.dispatchers, lambda where: Remote(where, keys, lane="beat"))
        heartbeat = Heartbeat(state, connections, give_up, lambda: None, signals)
        heartbeat.start()
        where = state.dispatchers.where("a")
        assert where is not None
        try:
            with Remote(where, keys) as remote:
                answer = Answer.from_mapping(remote.call("claim", state.caller("a"), 1))
                state.assignments.add("a", answer.work)
                heartbeat.expect(answer.work[0].lease_s)
                yield state, remote
        finally:
            heartbeat.close()


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


def test_leases_are_renewed_and_a_lost_one_is_told(keys: KeyFile) -> None:
    """For several leases nothing is lost; then the attempt is ended, and the next beat says so."""
    queue, told = ListQueue(1), list[frozenset[str]]()
    settings = DispatcherSettings(lease_s=0.6)
    threads = threading.active_count()
    with (
        NameServer(keys=keys) as nameserver,
        Dispatcher(queue, "a", nameserver=nameserver.address, keys=keys, settings=settings) as dispatcher,
        beating(nameserver, keys, told) as (state, remote),
    ):
        threading.Event().wait(2.0)
        assert dispatcher.running == 1
        assert queue.losses == []
        [token] = state.assignments.tokens("a")
        remote.call("hand_back", state.caller("a"), (token,), "error", "why")
        queue.wait_for(lambda: frozenset({token}) in told, 10.0)
    assert threading.active_count() == threads


PROGRAM = """
import os, signal, sys, time
from das_hpo.service.dispatcher import Dispatcher
from das_hpo.service.nameserver import NameServer
from workers.transport.directory import Directory
from workers.transport.keys import KeyFile
from tests.service.conftest import SPEC, ListQueue
from workers.transport.messages import Caller, Work
from workers.transport.wire import Remote
from workers.worker import heartbeat as module
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.state import WorkerState
from workers.worker.wakeup import Wakeup

module.SIGNAL_S = module.GIVE_UP_S = 0.5
keys = KeyFile(sys.argv[1])
with NameServer(keys=keys) as nameserver, Dispatcher(ListQueue(1), "a", nameserver=nameserver.address, keys=keys):
    state = WorkerState(Caller("w", "host", 1, "cpu", "0", "s"), Directory(nameserver.address, keys), Wakeup())
    with state, Wakeup() as signals:
        signal.set_wakeup_fd(signals.fileno())
        signal.signal(signal.SIGTERM, lambda *_: None)
        heartbeat = module.Heartbeat(
            state, DispatcherConnections(state.dispatchers, lambda where: Remote(where, keys)), lambda unwanted: True,
            lambda: print("handed back", flush=True), signals,
        )
        if sys.argv[2] == "unwanted":
            state.assignments.add("a", [Work("a token that the run does not know", SPEC, 0.9)])
        heartbeat.start()
        if sys.argv[2] == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
"""


@pytest.mark.parametrize(("what", "status", "said"), [("signal", 0, "handed back\n"), ("unwanted", EXIT_HANGING, "")])
def test_a_process_that_hangs_is_ended(keys: KeyFile, what: str, status: int, said: str) -> None:
    """A signal that the main thread does not react to hands everything back; an unwanted computation just ends."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(keys.path), what],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stdout) == (status, said), found.stderr
