"""What the threads of a worker share is complete from the start, and open only within its block."""

from __future__ import annotations

import os
from pathlib import Path

from das_hpo.service.nameserver import NameServer
from spaces.trial import TrialSpec
from workers.transport.directory import Directory
from workers.transport.keys import KeyFile
from workers.transport.messages import WAIT, Answer, Caller, Work
from workers.worker.state import WorkerState
from workers.worker.wakeup import Wakeup

IDENTITY = Caller("w", "host", 1, "cpu", "0", "s", tasks={"digits": "abc"})
WORK = Work("token", TrialSpec("digits", {}, 1.0, 0), 30.0)


def test_a_worker_presents_itself_with_what_it_holds_of_the_run(tmp_path: Path) -> None:
    """And with its tasks; what it holds of other runs is none of this one's business."""
    state = WorkerState(IDENTITY, Directory("127.0.0.1:1", KeyFile(tmp_path / "key")), Wakeup())
    state.assignments.add("a", [WORK])
    found = Caller.from_mapping(state.caller("a"))
    assert (found.holding, found.tasks) == (("token",), {"digits": "abc"})
    assert Caller.from_mapping(state.caller("b")) == IDENTITY


def test_stopping_and_new_runs_wake_the_main_thread(tmp_path: Path) -> None:
    """Also a run that was to be left alone may be asked at once."""
    keys = KeyFile(tmp_path / "key")
    with (
        NameServer(keys=keys) as nameserver,
        Directory(nameserver.address, keys) as other,
        WorkerState(IDENTITY, Directory(nameserver.address, keys), Wakeup()) as state,
    ):
        assert state.round_robin.take(["a"]) == "a"
        state.round_robin.note("a", Answer(WAIT, wait_s=60.0))
        assert state.round_robin.take(["a"]) is None
        other.enter("a", "PYRO:x@127.0.0.1:1")
        state.dispatchers.refresh()
        assert state.wakeup.wait(60.0) == b"\0"
        assert state.round_robin.take(state.dispatchers.runs()) == "a"
        assert not state.stopping
        state.stop()
        assert state.wakeup.wait(60.0) == b"\0"
        assert state.stopping


def test_it_has_no_socket_before_and_after_its_block(tmp_path: Path) -> None:
    """And may be stopped at any time."""
    files = len(os.listdir("/proc/self/fd"))
    state = WorkerState(IDENTITY, Directory("127.0.0.1:1", KeyFile(tmp_path / "key")), Wakeup())
    state.stop()
    assert len(os.listdir("/proc/self/fd")) == files
    with state:
        assert len(os.listdir("/proc/self/fd")) == files + 2
    state.stop()
    assert len(os.listdir("/proc/self/fd")) == files
