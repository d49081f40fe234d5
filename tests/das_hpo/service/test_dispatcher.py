"""The dispatcher's lifetime: nothing before its block, nothing after it, and where it is found meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo import __version__
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer
from spaces.errors import InvalidValueError, RunExistsError, UnreachableError
from tests.service.conftest import ListQueue
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.messages import REFUSED, WORK, Answer, Caller
from workers.transport.wire import Remote

CALLER = Caller("w", "host", 1, "cpu", __version__, "s")


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


@pytest.fixture
def directory(keys: KeyFile) -> Iterator[Directory]:
    """A client of a running nameserver."""
    with NameServer(keys=keys) as nameserver, locate(nameserver.address, keys) as client:
        yield client


def dispatcher(directory: Directory, keys: KeyFile, settings: DispatcherSettings | None = None) -> Dispatcher:
    """One of a run with two evaluations."""
    return Dispatcher(ListQueue(2), "run", nameserver=directory.address, keys=keys, settings=settings)


def test_it_listens_and_is_found_while_its_block_lasts(directory: Directory, keys: KeyFile) -> None:
    """Making one starts no thread; closing it twice does no harm."""
    directory.ping()
    threads = threading.active_count()
    made = dispatcher(directory, keys)
    assert threading.active_count() == threads
    with made:
        where = directory.dispatchers()[0]["run"]
        with Remote(where, keys) as remote:
            assert Answer.from_mapping(remote.call("claim", CALLER.to_dict(), 1)).status == WORK
        assert (made.running, made.queued, made.number_of_workers()) == (1, 0, 1)
        made.worker_exited("w")
        assert (made.running, made.queued) == (0, 1)
    made.close()
    assert directory.dispatchers()[0] == {}
    assert threading.active_count() == threads


@pytest.mark.parametrize("host", ["0.0.0.0", None], ids=["everywhere", "by default"])
def test_workers_are_told_an_address_that_can_be_called(directory: Directory, keys: KeyFile, host: str | None) -> None:
    """All addresses are good to listen on, but not to call."""
    with dispatcher(directory, keys, DispatcherSettings(host=host)):
        assert "@127.0.0.1:" in directory.dispatchers()[0]["run"]


def test_its_settings_say_which_workers_get_work(directory: Directory, keys: KeyFile) -> None:
    """Those of the version and the task that they name."""
    settings = DispatcherSettings(version="9", task=("digits", "abc"))
    with dispatcher(directory, keys, settings), Remote(directory.dispatchers()[0]["run"], keys) as remote:
        assert Answer.from_mapping(remote.call("claim", CALLER.to_dict(), 1)).status == REFUSED
        fit = Caller("w", "host", 1, "cpu", "9", "s", tasks={"digits": "abc"})
        assert Answer.from_mapping(remote.call("claim", fit.to_dict(), 1)).status == WORK


def test_a_paused_dispatcher_gives_no_work(directory: Directory, keys: KeyFile) -> None:
    """Until it goes on."""
    with dispatcher(directory, keys) as made, Remote(directory.dispatchers()[0]["run"], keys) as remote:
        made.paused = True
        assert not Answer.from_mapping(remote.call("claim", CALLER.to_dict(), 1)).work
        made.paused = False
        assert Answer.from_mapping(remote.call("claim", CALLER.to_dict(), 1)).work


def test_a_start_that_fails_leaves_nothing(directory: Directory, keys: KeyFile) -> None:
    """No thread and no entry: of a name that is taken, and where there is no nameserver."""
    with dispatcher(directory, keys):
        threads = threading.active_count()
        with pytest.raises(RunExistsError):
            dispatcher(directory, keys).start()
        with pytest.raises(UnreachableError, match=r"no nameserver answers at 127\.0\.0\.1:1"):
            Dispatcher(ListQueue(1), "other", nameserver="127.0.0.1:1", keys=keys).start()
        assert threading.active_count() == threads
        assert list(directory.dispatchers()[0]) == ["run"]


def test_an_address_of_another_form_is_refused_at_once(keys: KeyFile) -> None:
    """Before anything is started."""
    with pytest.raises(InvalidValueError, match="an address is HOST:PORT"):
        Dispatcher(ListQueue(1), "run", nameserver="here", keys=keys)
