"""Workers are killed, stopped and hang: every evaluation is recorded exactly once all the same."""

from __future__ import annotations

import os
import signal
import time

import pytest

from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings

#: A call into C that neither returns nor lets a signal's handler run.
HANGS = """
import ctypes, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2})
ctypes.CDLL(None).sleep(3600)
"""

pytestmark = pytest.mark.usefixtures("no_threads_left")


def test_two_workers_share_the_work(queue, nameserver, keys, workers):
    """Two processes compute everything, each evaluation once."""
    work = queue(40)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        workers.start()
        workers.start()
        work.wait_for(lambda: work.done)
    assert sorted(work.outcomes) == list(range(40))
    assert work.outcomes[7].one_shot_score == 20.007
    assert len(work.attempts) == 40
    assert len({name for _, _, name in work.attempts}) == 2
    assert not work.twice


def test_an_evaluation_of_a_batch_has_its_share_of_the_time(queue, nameserver, keys, workers):
    """So that what evaluations cost adds up to what their worker worked."""
    work = queue(4)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        began = time.monotonic()
        workers.start("time.sleep(2)", capacity=4)
        work.wait_for(lambda: work.done)
        elapsed_s = time.monotonic() - began
    assert len(set(work.durations_s.values())) == 1
    assert 2.0 <= sum(work.durations_s.values()) <= elapsed_s


def test_a_killed_worker_is_replaced(queue, nameserver, keys, workers):
    """kill -9 in the middle of an evaluation: it is offered again, and nothing is recorded twice."""
    work = queue(10)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=1.0)):
        victim = workers.start("time.sleep(60)")
        work.wait_for(lambda: len(work.attempts) == 1)
        os.kill(victim.pid, signal.SIGKILL)
        workers.start()
        work.wait_for(lambda: work.done)
    assert sorted(work.outcomes) == list(range(10))
    assert [(number, result, final) for number, result, _, final in work.losses] == [(0, "lost", False)]
    assert not work.twice


def test_a_stopped_worker_is_replaced_and_told_so(queue, nameserver, keys, workers):
    """SIGSTOP for longer than the lease: another takes over; after SIGCONT the first goes on to other work."""
    work = queue(12)
    with Dispatcher(
        work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=0.6)
    ) as dispatcher:
        victim = workers.start("time.sleep(0.3)")
        work.wait_for(lambda: len(work.outcomes) >= 1)
        os.kill(victim.pid, signal.SIGSTOP)
        work.wait_for(lambda: len(work.losses) == 1)
        workers.start("time.sleep(0.3)")
        work.wait_for(lambda: len(work.outcomes) >= 6)
        os.kill(victim.pid, signal.SIGCONT)
        work.wait_for(lambda: work.done)
        assert dispatcher.running == 0
    assert sorted(work.outcomes) == list(range(12))
    assert not work.twice
    assert len({name for _, _, name in work.attempts[-4:]}) == 2


def test_a_late_report_is_the_outcome_if_it_is_the_first(queue, nameserver, keys, workers):
    """A worker that was given up finishes before the second attempt: its outcome counts, the other is stopped."""
    work = queue(1)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=0.6)):
        victim = workers.start("time.sleep(0.5)")
        work.wait_for(lambda: len(work.attempts) == 1)
        os.kill(victim.pid, signal.SIGSTOP)
        work.wait_for(lambda: len(work.losses) == 1)
        second = workers.start("time.sleep(3600)")
        work.wait_for(lambda: len(work.attempts) == 2)
        os.kill(victim.pid, signal.SIGCONT)
        work.wait_for(lambda: work.done)
        work.count += 1  # the second worker is interrupted, and takes this: its hour would be too long otherwise
        work.wait_for(lambda: len(work.attempts) == 3)
        second.terminate()
        assert second.wait(10) == 0
    assert list(work.outcomes) == [0]
    assert not work.twice


def test_a_hanging_evaluation_is_lost_at_its_deadline(queue, nameserver, keys, workers):
    """--evaluation-timeout: the worker is alive and beats, yet its evaluation is offered again."""
    work = queue(3)
    with Dispatcher(
        work,
        "a",
        nameserver=nameserver.address,
        keys=keys,
        settings=DispatcherSettings(lease_s=0.6, evaluation_timeout_s=1.0),
    ):
        workers.start(
            "time.sleep(3600 if specs[0].seed == 1 and not os.path.exists('KEY.met') else 0)".replace(
                "KEY", str(keys.path)
            )
        )
        work.wait_for(lambda: len(work.losses) == 1)
        keys.path.with_name("key.met").touch()
        work.wait_for(lambda: work.done)
    assert work.losses[0][0] == 1
    assert "not finished after" in work.losses[0][2]
    assert sorted(work.outcomes) == [0, 1, 2]


def test_three_lost_attempts_are_a_failure(queue, nameserver, keys, workers):
    """An evaluation that kills its workers is failed after three of them, and the run goes on."""
    work = queue(3)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=0.6)):
        for _ in range(4):
            workers.start("os.kill(os.getpid(), 9) if specs[0].seed == 1 else time.sleep(0.1)")
        work.wait_for(lambda: work.done)
    assert [final for number, _, _, final in work.losses if number == 1] == [False, False, True]
    assert work.failed == {1}
    assert sorted(work.outcomes) == [0, 2]


def test_what_raises_is_failed_and_the_worker_lives(queue, nameserver, keys, workers):
    """An exception in the computation comes back as text; even SystemExit does not end the worker."""
    work = queue(3)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        workers.start("sys.exit('no way') if specs[0].seed == 1 else None")
        work.wait_for(lambda: work.done)
    assert [(result, final) for _, result, _, final in work.losses] == [("error", False)] * 2 + [("error", True)]
    assert "SystemExit: no way" in work.losses[0][2]
    assert sorted(work.outcomes) == [0, 2]


def test_a_broken_worker_ends(queue, nameserver, keys, workers):
    """A worker on which everything raises ends, and does not fail the whole run."""
    work = queue(20)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        good = workers.start("time.sleep(0.2)")
        work.wait_for(lambda: len(work.outcomes) == 1)
        broken = workers.start("raise RuntimeError('CUDA error')")
        work.wait_for(lambda: work.done)
        assert broken.wait(10) == 1
        assert good.poll() is None
    assert not work.failed
    assert sorted(work.outcomes) == list(range(20))


def test_sigterm_hands_back_at_once(queue, nameserver, keys, workers):
    """A terminated worker gives its evaluation back, and it does not count as a failure."""
    work = queue(2)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys) as dispatcher:
        worker = workers.start("time.sleep(3600)")
        work.wait_for(lambda: len(work.attempts) == 1)
        worker.terminate()
        assert worker.wait(10) == 0
        work.wait_for(lambda: len(work.losses) == 1, 1.0)
        assert work.losses[0][1] == "handed-back"
        assert dispatcher.workers() == []
        workers.start()
        work.wait_for(lambda: work.done)


def test_sigterm_ends_what_does_not_let_go(queue, nameserver, keys, workers):
    """A computation that no signal handler can interrupt is handed back all the same, by the other thread."""
    work = queue(1)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        worker = workers.start(HANGS)
        work.wait_for(lambda: len(work.attempts) == 1)
        worker.terminate()
        assert worker.wait(15) == 0
        work.wait_for(lambda: len(work.losses) == 1, 1.0)
    assert work.losses[0][1] == "handed-back"
