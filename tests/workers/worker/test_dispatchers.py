"""Where the dispatchers are, as a real nameserver says, and connections that follow them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo import __version__
from das_hpo.service.dispatcher import Dispatcher
from das_hpo.service.nameserver import NameServer
from spaces.errors import UnreachableError
from tests.clocks import by_hand
from tests.service.conftest import ListQueue
from workers.transport.directory import Directory
from workers.transport.keys import KeyFile
from workers.transport.messages import WORK, Answer, Caller
from workers.transport.wire import Remote
from workers.worker.dispatchers import RETRY_S, DispatcherConnections, DispatcherDirectory

CALLER = Caller("w", "host", 1, "cpu", __version__, "s").to_dict()
FIRST, SECOND = "PYRO:x@127.0.0.1:1", "PYRO:x@127.0.0.1:2"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


@pytest.fixture
def nameserver(keys: KeyFile) -> Iterator[NameServer]:
    """A running nameserver."""
    with NameServer(keys=keys) as running:
        yield running


def test_runs_that_appear_or_move_are_told_once(nameserver: NameServer, keys: KeyFile) -> None:
    """The nameserver is asked no more often than it says."""
    told: list[list[str]] = []
    with by_hand() as hands, Directory(nameserver.address, keys) as other:
        known = DispatcherDirectory(Directory(nameserver.address, keys), "w", None, told.append)
        other.enter("a", FIRST)
        known.refresh()
        other.enter("b", FIRST)
        known.refresh()
        assert (known.runs(), told) == (["a"], [["a"]])
        hands.now = known.due
        known.refresh()
        other.enter("a", SECOND, FIRST)
        hands.now = known.due
        known.refresh()
        assert told == [["a"], ["b"], ["a"]]
        other.remove("a")
        hands.now = known.due
        known.refresh()
        assert (known.runs(), known.where("a"), known.where("c")) == (["b"], SECOND, None)
        assert other.workers() == 1
        known.close()


def test_the_one_run_that_is_served_is_the_only_one_known(nameserver: NameServer, keys: KeyFile) -> None:
    """Others are not even told."""
    told: list[list[str]] = []
    with Directory(nameserver.address, keys) as other:
        other.enter("a", FIRST)
        other.enter("b", FIRST)
        known = DispatcherDirectory(Directory(nameserver.address, keys), "w", "b", told.append)
        known.refresh()
        assert (known.runs(), told) == (["b"], [["b"]])
        known.close()


def test_a_nameserver_that_is_away_is_believed_as_before(
    nameserver: NameServer, keys: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    """Less and less often it is asked again, and the log says it once."""
    with by_hand() as hands, Directory(nameserver.address, keys) as other:
        other.enter("a", FIRST)
        known = DispatcherDirectory(Directory(nameserver.address, keys), "w", None, lambda runs: None)
        known.refresh()
        nameserver.close()
        for pause_s in (*RETRY_S, RETRY_S[-1]):
            hands.now = known.due
            known.refresh()
            assert known.due == hands.now + pause_s
        assert known.runs() == ["a"]
        assert caplog.text.count("going on without the nameserver") == 1
        known.close()


def test_connections_follow_a_run_to_its_new_address(nameserver: NameServer, keys: KeyFile) -> None:
    """A run that is resumed elsewhere is called there; one that nobody knows cannot be called."""
    with by_hand() as hands:
        known = DispatcherDirectory(Directory(nameserver.address, keys), "w", None, lambda runs: None)
        connections = DispatcherConnections(known, lambda where: Remote(where, keys))
        with pytest.raises(UnreachableError, match="run a is not registered in the nameserver at present"):
            connections.call("a", "claim", CALLER, 1)
        for _ in range(2):
            with Dispatcher(ListQueue(1), "a", nameserver=nameserver.address, keys=keys):
                hands.now = known.due
                known.refresh()
                assert Answer.from_mapping(connections.call("a", "claim", CALLER, 1)).status == WORK
        with pytest.raises(UnreachableError):
            connections.call("a", "claim", CALLER, 1)
        connections.close()
        known.close()
