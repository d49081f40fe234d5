"""Workers are killed, stopped and hang: every evaluation is recorded exactly once all the same."""

from __future__ import annotations

import os
import signal

import pytest

from das_hpo.dispatcher import Dispatcher

pytestmark = pytest.mark.usefixtures("no_threads_left")


def test_two_workers_share_the_work(desk, nameserver, keys, workers):
    """Two processes compute everything, each evaluation once."""
    work = desk(40)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        workers.start()
        workers.start()
        work.wait_for(lambda: work.done)
    assert sorted(work.outcomes) == list(range(40))
    assert work.outcomes[7].one_shot_psnr == 20.007
    assert len(work.attempts) == 40
    assert len({name for _, _, name in work.attempts}) == 2
    assert not work.twice


def test_a_killed_worker_is_replaced(desk, nameserver, keys, workers):
    """kill -9 in the middle of an evaluation: it is offered again, and nothing is recorded twice."""
    work = desk(10)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, lease_s=1.0):
        victim = workers.start("time.sleep(60)")
        work.wait_for(lambda: len(work.attempts) == 1)
        os.kill(victim.pid, signal.SIGKILL)
        workers.start()
        work.wait_for(lambda: work.done)
    assert sorted(work.outcomes) == list(range(10))
    assert [(number, result, final) for number, result, _, final in work.losses] == [(0, "lost", False)]
    assert not work.twice
