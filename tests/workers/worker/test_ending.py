"""Worker processes that are signalled, as clusters do: nothing is computed twice, and no attempt is lost."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from das_hpo.service.dispatcher import Dispatcher
from das_hpo.service.nameserver import NameServer
from tests.service.conftest import ListQueue, Workers, keys, nameserver, workers
from workers.transport.keys import KeyFile

__all__ = ["keys", "nameserver", "workers"]

#: The first evaluation takes no time, so that the worker has seen a duration.
THEN_LONG = "time.sleep({seconds} if specs[0].seed else 0.3)"


def serve(queue: ListQueue, nameserver: NameServer, keys: KeyFile) -> Dispatcher:
    """The dispatcher of a run."""
    return Dispatcher(queue, "a", nameserver=nameserver.address, keys=keys)


def test_usr1_finishes_what_is_computed_and_takes_nothing_new(
    nameserver: NameServer, keys: KeyFile, workers: Workers
) -> None:
    """As Slurm warns before a time limit; the rest is there for others."""
    queue = ListQueue(5)
    with serve(queue, nameserver, keys):
        process = workers.start("time.sleep(1.5)")
        queue.wait_for(lambda: len(queue.attempts) == 1)
        process.send_signal(signal.SIGUSR1)
        assert process.wait(30) == 0
    assert (list(queue.outcomes), queue.losses, len(queue.attempts)) == ([0], [], 1)


def test_term_after_usr1_hands_back(nameserver: NameServer, keys: KeyFile, workers: Workers) -> None:
    """What did not end by then is given to others at once, and counts as no failure."""
    queue = ListQueue(2)
    with serve(queue, nameserver, keys):
        process = workers.start("time.sleep(3600)")
        queue.wait_for(lambda: len(queue.attempts) == 1)
        process.send_signal(signal.SIGUSR1)
        with pytest.raises(Exception, match="timed out"):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert [loss[:2] for loss in queue.losses] == [(0, "handed-back")]


def test_one_signal_that_comes_twice_is_one(
    nameserver: NameServer, keys: KeyFile, workers: Workers, tmp_path: Path
) -> None:
    """A cluster signals the shell, which passes it on, and the process: the worker still hands back in order."""
    queue = ListQueue(1)
    slowly = f"open('{tmp_path}/begun', 'w').close()\ntry: time.sleep(3600)\nfinally: time.sleep(0.6)"
    with serve(queue, nameserver, keys):
        process = workers.start(slowly)
        queue.wait_for((tmp_path / "begun").exists)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)  # it has begun to end
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert [loss[:2] for loss in queue.losses] == [(0, "handed-back")]


@pytest.mark.parametrize(("grace_s", "outcomes"), [(20.0, [0, 1]), (0.5, [0]), (0.0, [0])])
def test_term_finishes_what_ends_within_the_grace(
    nameserver: NameServer, keys: KeyFile, workers: Workers, tmp_path: Path, grace_s: float, outcomes: list[int]
) -> None:
    """By the durations seen; what would take longer is handed back at once."""
    queue = ListQueue(3)
    with serve(queue, nameserver, keys):
        process = workers.start(f"open('{tmp_path}/%d' % specs[0].seed, 'w').close(); time.sleep(2)", grace_s=grace_s)
        queue.wait_for((tmp_path / "1").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert list(queue.outcomes) == outcomes
    assert [loss[:2] for loss in queue.losses] == ([] if len(outcomes) == 2 else [(1, "handed-back")])


def test_what_takes_longer_than_the_grace_after_all_is_handed_back(
    nameserver: NameServer, keys: KeyFile, workers: Workers
) -> None:
    """The durations seen were no promise: the worker's own alarm ends it."""
    queue = ListQueue(2)
    with serve(queue, nameserver, keys):
        process = workers.start(THEN_LONG.format(seconds=3600), grace_s=1.0)
        queue.wait_for(lambda: len(queue.attempts) == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert [loss[:2] for loss in queue.losses] == [(1, "handed-back")]


def test_the_time_limit_hands_back_with_the_reason(nameserver: NameServer, keys: KeyFile, workers: Workers) -> None:
    """What does not end by --max-time; the worker ends in order."""
    queue = ListQueue(2)
    with serve(queue, nameserver, keys):
        process = workers.start(THEN_LONG.format(seconds=3600), max_time_s=6.0)
        assert process.wait(60) == 0
    assert list(queue.outcomes) == [0]
    assert [loss[1:] for loss in queue.losses] == [
        ("handed-back", "it did not end within the worker's --max-time of 6 s", False)
    ]


def test_nothing_is_begun_that_cannot_end(nameserver: NameServer, keys: KeyFile, workers: Workers) -> None:
    """Once a duration was seen; so nothing is handed back that was computed in vain."""
    queue = ListQueue(100)
    with serve(queue, nameserver, keys):
        process = workers.start("time.sleep(0.7)", max_time_s=4.0)
        assert process.wait(60) == 0
    assert 1 <= len(queue.outcomes) <= 6
    assert queue.losses == []
