"""What evaluates a run: a nameserver that is there or is started, and as many local workers as are asked for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from das_hpo.launching.cluster import OUTSIDE, Service, cluster_of
from das_hpo.launching.engine import Placement
from das_hpo.service.dispatcher import Dispatcher, address_towards
from das_hpo.service.nameserver import NameServer
from spaces.errors import InvalidValueError, UnreachableError
from tests.das_hpo.launching.test_local import command
from tests.service.conftest import ListQueue
from workers.transport.directory import locate
from workers.transport.keys import KeyFile


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """A key file."""
    return KeyFile(tmp_path / "key")


@pytest.mark.parametrize(("workers", "capacity", "parallel"), [(3, None, 3), (2, 4, 8)])
def test_without_a_nameserver_one_is_started_and_ended(
    keys: KeyFile, workers: int, capacity: int | None, parallel: int
) -> None:
    """With one device for each local worker; only these can have its evaluations."""
    threads = threading.active_count()
    with cluster_of(Service(keys, workers=workers, device="cpu", capacity=capacity)) as cluster:
        assert (cluster.own, cluster.plan, cluster.parallel) == (True, ("cpu",) * workers, parallel)
        with locate(cluster.address, keys) as directory:
            assert directory.dispatchers()[0] == {}
    with pytest.raises(UnreachableError):
        locate(cluster.address, keys)
    assert threading.active_count() == threads


def test_a_nameserver_that_is_there_is_used(keys: KeyFile) -> None:
    """Its workers are of no number that is known here, and by default no local ones are added."""
    with NameServer(keys=keys) as nameserver:
        with cluster_of(Service(keys, nameserver=nameserver.address)) as cluster:
            assert (cluster.address, cluster.own, cluster.plan) == (nameserver.address, False, ())
            assert cluster.parallel is None
        with locate(nameserver.address, keys) as directory:
            directory.ping()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"workers": 0}, InvalidValueError, "needs 1 or more local workers, got 0"),
        ({"device": "tpu", "workers": 1}, InvalidValueError, "a device is auto, cpu, cuda"),
        ({"nameserver": "127.0.0.1:1"}, UnreachableError, "no nameserver answers at 127.0.0.1:1"),
    ],
    ids=["no worker", "device", "nameserver"],
)
def test_what_cannot_evaluate_is_refused_before_anything_starts(
    keys: KeyFile, options: dict[str, object], error: type[Exception], words: str
) -> None:
    """No thread is left."""
    threads = threading.active_count()
    with pytest.raises(error, match=words), cluster_of(Service(keys, **options)):  # type: ignore[arg-type]
        pass
    assert threading.active_count() == threads


@pytest.mark.parametrize("name", ["wait_s", "lease_s", "failing_s"])
def test_times_that_are_not_valid_are_refused(keys: KeyFile, name: str) -> None:
    """When the service is described."""
    with pytest.raises(InvalidValueError):
        Service(keys, **{name: -1.0})  # type: ignore[arg-type]


def test_local_workers_run_from_the_first_need_to_the_end(keys: KeyFile, tmp_path: Path) -> None:
    """They are started with the options of the service, and end with the cluster."""
    log = tmp_path / "workers"
    service = Service(keys, workers=2, device="cpu", kernel="torch", capacity=3, command=tuple(command(log)))
    with cluster_of(service.with_tasks("digits", "digits")) as cluster:
        assert not log.exists() or not list(log.iterdir())
        dispatcher = Dispatcher(ListQueue(1), "a", nameserver=cluster.address, keys=keys)
        with dispatcher, cluster.serving(dispatcher):
            waiting = threading.Event()
            while len([path for path in log.glob("*") if path.read_text()]) < 2:
                assert not cluster.lost
                waiting.wait(0.05)
        [first, second] = [path.read_text() for path in log.iterdir()]
    expected = f"--nameserver {cluster.address} --kernel torch --task digits --capacity 3 --device cpu 1"
    assert first == second == expected
    assert not any(Path(f"/proc/{path.name}").exists() for path in log.iterdir())


def test_workers_of_an_engine_are_counted_and_reach_the_run(keys: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many is asked for; a name that means loopback on this machine would send them to themselves."""
    with pytest.raises(InvalidValueError, match="--engine slurm needs --workers, 1 or more"):
        Service(keys, placement=Placement("slurm"))
    with cluster_of(Service(keys, workers=3, placement=Placement("slurm"), host="127.0.0.1")) as cluster:
        assert (cluster.plan, cluster.parallel, cluster.own) == ((), None, True)
        assert cluster.address.startswith("127.0.0.1:")
    monkeypatch.setattr("socket.gethostbyname", lambda name: "127.0.1.1")
    outwards = address_towards(OUTSIDE, 9)
    with cluster_of(Service(keys, workers=3, placement=Placement("slurm"))) as cluster:
        assert cluster.address.startswith(f"{outwards}:")
