"""The nameserver: it listens only while it is open, and one name has one live address."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from Pyro4 import errors

from das_hpo.service.nameserver import QUICKEST_S, SLOWEST_S, Names, NameServer
from das_hpo.service.registration import EXPIRY_S
from spaces.errors import UnreachableError
from tests.clocks import by_hand
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile
from workers.transport.wire import DISPATCHER_PREFIX

NAME = DISPATCHER_PREFIX + "run"
FIRST, SECOND = "PYRO:x@127.0.0.1:1", "PYRO:x@127.0.0.1:2"


def test_it_listens_while_it_is_open_and_never_before(tmp_path: Path) -> None:
    """Making one starts no thread and takes no port; closing it twice does no harm."""
    keys = KeyFile(tmp_path / "key")
    threads = threading.active_count()
    nameserver = NameServer(keys=keys)
    assert threading.active_count() == threads
    with pytest.raises(RuntimeError, match="no address before it is started"):
        _ = nameserver.address
    nameserver.close()
    with nameserver:
        assert threading.active_count() > threads
        with locate(nameserver.address, keys) as directory:
            assert directory.dispatchers()[0] == {}
    nameserver.close()
    with Directory(nameserver.address, keys) as directory, pytest.raises(UnreachableError):
        directory.ping()
    assert threading.active_count() == threads


# Pyro leaves the socket that could not be bound to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    """With the address and the reason."""
    keys = KeyFile(tmp_path / "key")
    with NameServer(keys=keys) as first:
        port = int(first.address.rpartition(":")[2])
        with pytest.raises(UnreachableError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            NameServer(port=port, keys=keys).start()


def test_a_live_entry_is_replaced_only_by_those_who_name_it() -> None:
    """After it has expired, by everybody."""
    names = Names()
    with by_hand() as hands:
        assert names.enter(NAME, FIRST) == FIRST
        assert names.enter(NAME, SECOND) == FIRST
        assert names.enter(NAME, SECOND, FIRST) == SECOND
        hands.now += EXPIRY_S - 1
        assert names.enter(NAME, FIRST) == SECOND
        hands.now += 2
        assert names.enter(NAME, FIRST) == FIRST


def test_entries_that_are_not_renewed_expire() -> None:
    """Renewed ones stay."""
    names = Names()
    with by_hand() as hands:
        names.enter(NAME, FIRST)
        names.enter(DISPATCHER_PREFIX + "other", SECOND)
        hands.now += EXPIRY_S - 1
        names.enter(NAME, FIRST)
        hands.now += 2
        assert names.dispatchers()["dispatchers"] == {"run": FIRST}


def test_the_more_workers_ask_the_less_often_each_should() -> None:
    """A thousand workers cost no more than a hundred; workers that ask no more are forgotten."""
    names = Names()
    with by_hand() as hands:
        assert names.dispatchers("worker")["wait_s"] == QUICKEST_S
        for number in range(1000):
            names.dispatchers(f"worker {number}")
        assert names.workers() == 1001
        assert names.dispatchers("worker")["wait_s"] == pytest.approx(10.01)
        hands.now += 2 * SLOWEST_S + 1
        assert names.workers() == 0


@pytest.mark.parametrize(
    ("name", "uri"), [("", FIRST), (1, FIRST), ("x" * 1000, FIRST), (NAME, "somewhere"), (NAME, "PYROLOC:x@y:1")]
)
def test_what_clients_could_not_read_is_not_entered(name: object, uri: object) -> None:
    """One bad entry would spoil the answer to all."""
    names = Names()
    with pytest.raises(errors.NamingError):
        names.enter(name, uri)
    assert names.dispatchers()["dispatchers"] == {}


@pytest.mark.parametrize("arguments", [{"prefix": DISPATCHER_PREFIX}, {"regex": ".*"}])
def test_names_are_removed_one_by_one(arguments: dict[str, str]) -> None:
    """Nobody removes everybody's by mistake."""
    names = Names()
    names.enter(NAME, FIRST)
    with pytest.raises(errors.NamingError, match="one by one"):
        names.remove(**arguments)
    assert names.remove(NAME) == 1
    assert names.remove(NAME) == 0
