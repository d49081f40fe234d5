"""The nameserver's client: what it reads, what it ignores, and how long it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.service.nameserver import NameServer
from spaces.errors import AuthenticationError, InvalidValueError, UnreachableError
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.wire import parse_address

OURS = "PYRO:x@127.0.0.1:1"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


@pytest.fixture
def directory(keys: KeyFile) -> Iterator[Directory]:
    """A client of a running nameserver."""
    with NameServer(keys=keys) as nameserver, locate(nameserver.address, keys) as client:
        yield client


def test_what_is_entered_is_found_until_it_is_removed(directory: Directory) -> None:
    """By the run's name; workers that ask with theirs are counted."""
    assert directory.enter("run", OURS) == OURS
    found, wait_s = directory.dispatchers("worker")
    assert found == {"run": OURS}
    assert 0 < wait_s <= 3600
    assert directory.workers() == 1
    directory.remove("run")
    assert directory.dispatchers()[0] == {}


def test_nothing_is_connected_before_the_first_call() -> None:
    """An address of another form is refused at once, a dead one when it is called."""
    with pytest.raises(InvalidValueError, match="an address is HOST:PORT"):
        Directory("here", None)
    with (
        Directory("127.0.0.1:1", None) as dead,
        pytest.raises(UnreachableError, match=r"nobody answers at 127\.0\.0\.1:1"),
    ):
        dead.ping()


def test_another_key_is_refused(directory: Directory, tmp_path: Path) -> None:
    """At once, whatever the waiting time is."""
    other = KeyFile(tmp_path / "other")
    with pytest.raises(AuthenticationError, match="holds another key than this process"):
        locate(directory.address, other, wait_s=60.0)


def test_a_nameserver_that_comes_later_is_waited_for(keys: KeyFile) -> None:
    """Within the time; and not for ever if nobody comes."""
    with NameServer(keys=keys) as reserved:
        address = reserved.address
    with pytest.raises(UnreachableError, match=r"no nameserver answers at .*: start one with das-hpo nameserver"):
        locate(address, keys, wait_s=0.3)
    late = NameServer(port=parse_address(address)[1], keys=keys)
    timer = threading.Timer(0.5, late.start)
    timer.start()
    try:
        with locate(address, keys, wait_s=30.0) as directory:
            assert directory.dispatchers()[0] == {}
    finally:
        timer.join()
        late.close()


def test_waiting_can_be_ended(keys: KeyFile) -> None:
    """By a signal's handler, for example."""
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        locate("127.0.0.1:1", keys, wait_s=600.0, stop=stop)
    assert time.monotonic() - begun < 60
