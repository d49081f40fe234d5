"""What autoscalers are told, against real runs and workers."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from das_hpo.launching.demand import Demand, RunDemand, demand_at
from das_hpo.service.dispatcher import Dispatcher
from das_hpo.service.nameserver import NameServer
from spaces.errors import UnreachableError
from tests.das_hpo.command import das_hpo
from tests.service.conftest import ListQueue, Workers
from workers.transport.directory import locate
from workers.transport.keys import KeyFile
from workers.transport.wire import DISPATCHER_PREFIX, uri


def test_it_follows_the_runs(tmp_path: Path) -> None:
    """All wait, one is computed, all are done; a run that does not answer is named."""
    keys = KeyFile(tmp_path / "key")
    queue = ListQueue(3)
    with NameServer(keys=keys) as nameserver:
        workers = Workers(nameserver.address, keys)
        with Dispatcher(queue, "a", nameserver=nameserver.address, keys=keys):
            assert demand_at(nameserver.address, keys) == Demand(0, (RunDemand("a", 3, 0, 0),))
            try:
                workers.start(f"while not os.path.exists('{tmp_path}/go'): time.sleep(0.05)")
                queue.wait_for(lambda: len(queue.attempts) == 1)
                found = demand_at(nameserver.address, keys)
                assert (found.waiting, found.running, found.workers) == (2, 1, 1)
                (tmp_path / "go").touch()
                queue.wait_for(lambda: queue.done)
                assert demand_at(nameserver.address, keys).runs == (RunDemand("a", 0, 0, 1),)
            finally:
                workers.end()
        with socket.socket() as silent, locate(nameserver.address, keys) as directory:
            silent.bind(("127.0.0.1", 0))
            directory.enter("b", uri(DISPATCHER_PREFIX + "b", f"127.0.0.1:{silent.getsockname()[1]}"))
            process = das_hpo(
                "demand",
                *("--nameserver", nameserver.address, "-f", "json"),
                environment={"DAS_HPO_KEY_FILE": str(keys.path)},
            )
    assert process.returncode == 1
    assert "the run b did not answer" in process.stderr
    assert json.loads(process.stdout)["runs"] == [{"run": "b", "waiting": None, "running": None, "workers": None}]


def test_a_queue_that_had_nothing_wants_no_more_workers(tmp_path: Path) -> None:
    """As at the end of a rung: what is left cannot be begun."""
    keys = KeyFile(tmp_path / "key")
    queue = ListQueue(2)
    given = queue.next_evaluations
    queue.next_evaluations = lambda wanted: given(wanted) if queue.given == 0 else []  # type: ignore[method-assign]
    with NameServer(keys=keys) as nameserver, Dispatcher(queue, "a", nameserver=nameserver.address, keys=keys):
        workers = Workers(nameserver.address, keys)
        try:
            workers.start("time.sleep(0.1)")
            queue.wait_for(lambda: len(queue.outcomes) == 1)
            queue.wait_for(lambda: demand_at(nameserver.address, keys).waiting == 0)
        finally:
            workers.end()


def test_without_a_nameserver_it_fails(tmp_path: Path) -> None:
    """An autoscaler then keeps what it has."""
    with pytest.raises(UnreachableError, match="no nameserver answers"):
        demand_at("127.0.0.1:1", KeyFile(tmp_path / "key"))
