"""A run's entry in a real nameserver: one live run of a name, whoever is there before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.service.nameserver import NameServer
from das_hpo.service.registration import ALIVE, DEAD, REGISTER_EVERY_S, RETRY_S, SILENT, Registration
from spaces.errors import RunExistsError
from workers.transport.directory import Directory, locate
from workers.transport.keys import KeyFile

OURS, THEIRS = "PYRO:x@127.0.0.1:1", "PYRO:x@127.0.0.1:2"


@pytest.fixture
def nameserver(tmp_path: Path) -> Iterator[NameServer]:
    """A running nameserver."""
    with NameServer(keys=KeyFile(tmp_path / "key")) as running:
        yield running


@pytest.fixture
def directory(nameserver: NameServer, tmp_path: Path) -> Iterator[Directory]:
    """A client of it."""
    with locate(nameserver.address, KeyFile(tmp_path / "key")) as client:
        yield client


def registration(found: str, stop: threading.Event | None = None) -> Registration:
    """One whose look at other addresses always finds that."""
    return Registration("run", lambda where: found, stop or threading.Event())


def test_an_entry_is_made_renewed_and_kept(directory: Directory) -> None:
    """Also where the nameserver has forgotten it."""
    ours = registration(ALIVE)
    ours.begin(directory, OURS)
    assert directory.dispatchers()[0] == {"run": OURS}
    directory.remove("run")
    assert ours.renew(directory) == REGISTER_EVERY_S
    assert directory.dispatchers()[0] == {"run": OURS}


def test_the_entry_of_a_dead_process_is_replaced_at_once(directory: Directory) -> None:
    """Its process was killed: nothing listens at its address."""
    registration(DEAD).begin(directory, THEIRS)
    registration(DEAD).begin(directory, OURS)
    assert directory.dispatchers()[0] == {"run": OURS}


def test_a_live_run_of_the_name_is_not_displaced(directory: Directory) -> None:
    """The second run is refused with the first one's address."""
    registration(DEAD).begin(directory, THEIRS)
    with pytest.raises(
        RunExistsError, match=r"a run named run is being served at 127\.0\.0\.1:2 already.*another name"
    ):
        registration(ALIVE).begin(directory, OURS)
    assert directory.dispatchers()[0] == {"run": THEIRS}


def test_a_run_that_does_not_answer_is_waited_for(directory: Directory, caplog: pytest.LogCaptureFixture) -> None:
    """It may only stand still: the entry stays, the log says what is waited for, and stopping ends the waiting."""
    registration(DEAD).begin(directory, THEIRS)
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(KeyboardInterrupt):
        registration(SILENT, stop).begin(directory, OURS)
    assert "which does not answer now: waiting up to 40 s" in caplog.text
    assert directory.dispatchers()[0] == {"run": THEIRS}


def test_a_displaced_run_learns_of_it(directory: Directory) -> None:
    """Another run took the name while this one stood still: this one must end."""
    ours = registration(DEAD)
    ours.begin(directory, OURS)
    directory.enter("run", THEIRS, OURS)
    assert ours.renew(directory) is None
    assert ours.displaced_by == "127.0.0.1:2"


def test_a_nameserver_that_is_away_is_tried_again(nameserver: NameServer, directory: Directory) -> None:
    """Soon, and without an error."""
    ours = registration(DEAD)
    ours.begin(directory, OURS)
    nameserver.close()
    assert ours.renew(directory) == RETRY_S
    assert ours.displaced_by == ""
