"""The nameserver and the master go away and come back; workers serve several runs, and outlive them."""

from __future__ import annotations

import threading
import time

import pytest

from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer, locate
from das_hpo.service.queue import Attempt
from spaces.errors import UnreachableError
from storage.entries import WorkerInfo
from workers.transport.wire import parse_address

pytestmark = pytest.mark.usefixtures("no_threads_left")


def test_a_nameserver_restarted_on_its_port_is_not_missed(queue, keys, workers_at):
    """Work goes on without it, it is told the run again, and a worker that comes then finds it."""
    work = queue(30)
    nameserver = NameServer(keys=keys)
    nameserver.start()
    port = parse_address(nameserver.address)[1]
    workers = workers_at(nameserver.address)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=1.0)):
        workers.start("time.sleep(0.2)")
        work.wait_for(lambda: len(work.outcomes) >= 1)
        nameserver.close()
        before = len(work.outcomes)
        work.wait_for(lambda: len(work.outcomes) >= before + 10)
        with NameServer(port=port, keys=keys) as again:
            workers.start("time.sleep(0.2)")
            work.wait_for(lambda: len({name for _, _, name in work.attempts}) == 2)
            work.wait_for(lambda: work.done)
            with locate(again.address, keys) as directory:
                assert list(directory.dispatchers()[0]) == ["a"]
    assert not work.losses
    assert not work.twice


def test_workers_wait_for_runs_and_outlive_them(queue, nameserver, keys, workers):
    """A worker that is started before any run serves one after another."""
    workers.start("pass")
    for name in ("first", "second"):
        work = queue(5)
        with Dispatcher(work, name, nameserver=nameserver.address, keys=keys):
            work.wait_for(lambda work=work: work.done)
        assert sorted(work.outcomes) == list(range(5))
    assert workers.processes[0].poll() is None


def test_two_runs_share_a_worker_in_turns(queue, nameserver, keys, workers):
    """While two runs have work, a worker alternates between them."""
    one, two = queue(20), queue(20)
    order: list[str] = []
    for work, name in ((one, "one"), (two, "two")):
        work.raises = lambda where, name=name: order.append(name) if where == "finished" else None
    with (
        Dispatcher(one, "one", nameserver=nameserver.address, keys=keys),
        Dispatcher(two, "two", nameserver=nameserver.address, keys=keys),
    ):
        workers.start("time.sleep(0.02)")
        one.wait_for(lambda: one.done)
        two.wait_for(lambda: two.done)
    assert order == ["one", "two"] * 20


def test_a_worker_of_one_run_leaves_others_alone(queue, nameserver, keys, workers):
    """--run NAME."""
    one, two = queue(5), queue(5)
    with (
        Dispatcher(one, "one", nameserver=nameserver.address, keys=keys),
        Dispatcher(two, "two", nameserver=nameserver.address, keys=keys),
    ):
        workers.start("pass", run="two")
        two.wait_for(lambda: two.done)
    assert not one.attempts


def test_an_idle_worker_ends(nameserver, workers):
    """--idle-timeout: without work it ends by itself, as a success."""
    assert workers.start("pass", idle_timeout_s=0.5).wait(20) == 0


def test_what_is_computed_while_the_master_is_away_is_adopted(queue, nameserver, keys, workers):
    """The master dies, its worker finishes meanwhile, the next master of the run takes the outcome."""
    first = queue(1)
    with Dispatcher(
        first, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=1.0)
    ) as dispatcher:
        worker = workers.start("time.sleep(1)")
        first.wait_for(lambda: len(first.attempts) == 1)
        info = dispatcher.workers()[0].info
    [(_, token, _)] = first.attempts
    time.sleep(1.5)  # the computation ends, and nobody is there
    second = queue(3)
    second.given = 1
    attempt = Attempt(second.evaluation(0), token, info)
    with Dispatcher(
        second,
        "a",
        nameserver=nameserver.address,
        keys=keys,
        attempts=[attempt],
        settings=DispatcherSettings(lease_s=3.0),
    ) as dispatcher:
        assert dispatcher.running == 1
        assert [status.info.pid for status in dispatcher.workers()] == [worker.pid]
        second.wait_for(lambda: second.done)
    assert sorted(second.outcomes) == [0, 1, 2]
    assert not second.losses
    assert [number for number, _, _ in second.attempts] == [1, 2]


def test_an_adopted_attempt_whose_worker_is_gone_is_offered_again(queue, nameserver, keys, workers):
    """Its lease is as good as any other, and ends as any other."""
    work = queue(1)
    work.given = 1
    gone = WorkerInfo("gone.1", "gone", 1, "cpu", "0.1.0")
    attempt = Attempt(work.evaluation(0), "an-old-token", gone)
    with Dispatcher(
        work,
        "a",
        nameserver=nameserver.address,
        keys=keys,
        attempts=[attempt],
        settings=DispatcherSettings(lease_s=0.5),
    ):
        workers.start("pass")
        work.wait_for(lambda: work.done)
    assert [result for _, result, _, _ in work.losses] == ["lost"]
    assert len(work.attempts) == 1


def test_no_nameserver_at_the_start_is_said(queue, keys):
    """The dispatcher says where it looked and what to do, and leaves nothing behind."""
    with NameServer(keys=keys) as nameserver:
        address = nameserver.address
    with (
        pytest.raises(UnreachableError, match=f"no nameserver answers at {address}: start one with das-hpo nameserver"),
        Dispatcher(queue(1), "a", nameserver=address, keys=keys),
    ):
        pass


def test_the_start_can_wait_for_the_nameserver(queue, keys, workers_at):
    """--wait: dispatcher and worker start first, the nameserver a moment later."""
    with NameServer(keys=keys) as nameserver:
        port = parse_address(nameserver.address)[1]
    workers_at(nameserver.address).start("pass", wait_s=30.0)
    work = queue(2)
    dispatcher = Dispatcher(
        work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(wait_s=30.0)
    )
    starting = threading.Thread(target=dispatcher.start)
    starting.start()
    time.sleep(0.5)
    with NameServer(port=port, keys=keys):
        starting.join()
        work.wait_for(lambda: work.done)
        dispatcher.close()
