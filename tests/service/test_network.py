"""Between workers and master lies a network: slow, lossy, and sometimes parted."""

from __future__ import annotations

import time

import pytest

from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from tests.service.relay import far_side


@pytest.mark.slow
def test_latency_and_loss_are_survived(queue, nameserver, keys, workers_at):
    """200 ms there and back, and one packet in twenty comes late: nothing is lost, nothing is double."""
    work = queue(30)
    with (
        far_side(nameserver, keys, delay_s=0.1, loss=0.05) as (address, _),
        Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=3.0)),
    ):
        workers = workers_at(address)
        for _ in range(3):
            workers.start("time.sleep(0.1)")
        work.wait_for(lambda: work.done)
    assert sorted(work.outcomes) == list(range(30))
    assert not work.losses
    assert not work.twice


@pytest.mark.slow
@pytest.mark.parametrize("lease_s", [2.0, 30.0], ids=["longer than the lease", "shorter than the lease"])
def test_a_partition_heals(queue, nameserver, keys, workers_at, lease_s):
    """The workers are parted from everything for six seconds: the run ends complete, nothing is double."""
    work = queue(16)
    with (
        far_side(nameserver, keys) as (address, relays),
        Dispatcher(work, "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=lease_s)),
    ):
        workers = workers_at(address)
        for _ in range(2):
            workers.start("time.sleep(0.4)")
        work.wait_for(lambda: len(work.outcomes) >= 4)
        for relay in relays:
            relay.cut()
        time.sleep(6.0)
        for relay in relays:
            relay.heal()
        work.wait_for(lambda: work.done)
        assert all(process.poll() is None for process in workers.processes)
    assert sorted(work.outcomes) == list(range(16))
    assert not work.failed
    assert not work.twice
    if lease_s > 6.0:
        assert not work.losses
