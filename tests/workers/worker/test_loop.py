"""A worker's main loop against real dispatchers: what it claims, how it reports, and when it ends."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from das_hpo import __version__
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer
from spaces import clock
from spaces.errors import ClusterError, VersionError
from spaces.trial import TrialOutcome, TrialSpec
from tests.clocks import by_hand
from tests.service.conftest import ListQueue
from workers.transport.directory import Directory
from workers.transport.keys import KeyFile
from workers.transport.messages import ERROR, HANDED_BACK, Caller
from workers.transport.wire import Remote
from workers.worker.computation import Abandoned, Interrupted
from workers.worker.dispatchers import DispatcherConnections
from workers.worker.loop import MAX_ERRORS, WorkerLoop, leave
from workers.worker.state import WorkerState
from workers.worker.time_limit import TimeLimit
from workers.worker.wakeup import Wakeup

GOOD = TrialOutcome("completed", 20.0, None, None, None)


class Computing:
    """Computes as it is told to; leases do not need to be renewed."""

    def __init__(self, compute: Callable[[TrialSpec], TrialOutcome | str]) -> None:
        self.compute = compute
        self.batches: list[list[int]] = []

    def results(self, specs: Sequence[TrialSpec], tokens: frozenset[str]) -> list[TrialOutcome | str]:
        """As a computation."""
        self.batches.append([spec.seed for spec in specs])
        return [self.compute(spec) for spec in specs]

    def expect(self, lease_s: float) -> None:
        """As a heartbeat."""


class Lab:
    """A nameserver, the runs that it knows, and one worker's loop."""

    def __init__(self, nameserver: NameServer, keys: KeyFile) -> None:
        self.nameserver = nameserver
        self.keys = keys
        self.computing = Computing(lambda spec: GOOD)

    def serving(self, queue: ListQueue, name: str = "a", **settings: Any) -> Dispatcher:
        """The dispatcher of a run."""
        return Dispatcher(
            queue, name, nameserver=self.nameserver.address, keys=self.keys, settings=DispatcherSettings(**settings)
        )

    @contextmanager
    def loop(self, capacity: int = 1, only: str | None = None, **options: Any) -> Iterator[tuple[WorkerLoop, Any]]:
        """A loop that ends when there is no work, and what it shares."""
        identity = Caller("w", "host", 1, "cpu", __version__, "s")
        nameserver = Directory(self.nameserver.address, self.keys)
        with WorkerState(identity, nameserver, Wakeup(), capacity=capacity, only=only) as state:
            state.dispatchers.refresh()
            connections = DispatcherConnections(state.dispatchers, lambda where: Remote(where, self.keys))
            yield WorkerLoop(state, connections, self.computing, self.computing, 0.3, **options), state
            leave(state, connections)
            connections.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A nameserver without runs."""
    keys = KeyFile(tmp_path / "key")
    with NameServer(keys=keys) as nameserver:
        yield Lab(nameserver, keys)


@pytest.mark.parametrize(("capacity", "batches"), [(1, [[0], [1], [2]]), (2, [[0, 1], [2]])])
def test_it_computes_all_that_there_is_and_ends_when_idle(lab: Lab, capacity: int, batches: list[list[int]]) -> None:
    """In batches of its capacity; the acknowledgement of the last report carries the next batch."""
    queue = ListQueue(3)
    with lab.serving(queue), lab.loop(capacity) as (loop, state):
        loop.serve()
        assert state.assignments.by_run() == {}
    assert lab.computing.batches == batches
    assert queue.outcomes == dict.fromkeys(range(3), GOOD)


def test_runs_are_served_in_turn(lab: Lab) -> None:
    """None waits for the other's end."""
    one, two = ListQueue(2), ListQueue(2)
    seen: list[tuple[int, int]] = []
    lab.computing.compute = lambda spec: seen.append((len(one.outcomes), len(two.outcomes))) or GOOD
    with lab.serving(one, "a"), lab.serving(two, "b"), lab.loop() as (loop, _):
        loop.serve()
    assert seen == [(0, 0), (1, 0), (1, 1), (2, 1)]


def test_an_error_is_handed_back_as_text(lab: Lab) -> None:
    """The evaluation is offered again; three such losses are final."""
    queue = ListQueue(1)
    lab.computing.compute = lambda spec: "Traceback ...\nValueError: of the trial"
    with lab.serving(queue), lab.loop() as (loop, _):
        loop.serve()
    assert [(result, final) for _, result, _, final in queue.losses] == [(ERROR, False), (ERROR, False), (ERROR, True)]
    assert queue.losses[0][2].endswith("ValueError: of the trial")


def test_a_worker_on_which_everything_raises_ends(lab: Lab) -> None:
    """It would fail a whole run."""
    lab.computing.compute = lambda spec: "it raised"
    queue = ListQueue(2 * MAX_ERRORS)
    with (
        lab.serving(queue),
        lab.loop() as (loop, _),
        pytest.raises(ClusterError, match="5 evaluations in a row raised an error here: this worker seems broken"),
    ):
        loop.serve()


def test_trials_that_cannot_be_run_here_are_left_to_others(lab: Lab) -> None:
    """They are handed back with the reason, which counts as no failure."""
    queue = ListQueue(1)
    with lab.serving(queue), lab.loop(refusal=lambda specs: "start it with --task") as (loop, _):
        loop.serve()
    assert [loss[1:] for loss in queue.losses] == [(HANDED_BACK, "start it with --task", False)]
    assert lab.computing.batches == []


def test_the_one_run_of_another_version_ends_the_worker(lab: Lab) -> None:
    """With what to do; a worker of all runs goes on with the others."""
    with lab.serving(ListQueue(1), version="9"):
        with lab.loop(only="a") as (loop, _), pytest.raises(VersionError, match="install the same version on both"):
            loop.serve()
        with lab.loop() as (loop, _):
            loop.serve()


def test_what_is_not_wanted_any_more_is_dropped(lab: Lab) -> None:
    """And the next is asked for."""
    queue = ListQueue(2)

    def compute(spec: TrialSpec) -> TrialOutcome:
        if spec.seed == 0 and len(lab.computing.batches) == 1:
            raise Abandoned
        return GOOD

    lab.computing.compute = compute
    with lab.serving(queue) as dispatcher, lab.loop() as (loop, state):
        loop.serve()
        assert state.assignments.by_run() == {}
        assert dispatcher.running == 0
    assert set(queue.outcomes) == {0, 1}


def test_an_interrupted_worker_hands_back_as_it_leaves(lab: Lab) -> None:
    """At once, and not only when its lease ends."""
    queue = ListQueue(1)
    with lab.serving(queue) as dispatcher, lab.loop() as (loop, state):

        def compute(spec: TrialSpec) -> TrialOutcome:
            state.stop()
            raise Interrupted

        lab.computing.compute = compute
        loop.serve()
        assert dispatcher.running == 1
        leave(state, DispatcherConnections(state.dispatchers, lambda where: Remote(where, lab.keys)))
        assert (dispatcher.running, dispatcher.queued) == (0, 1)
    assert [result for _, result, _, _ in queue.losses] == [HANDED_BACK]


def test_a_report_that_is_not_recorded_is_sent_again(lab: Lab) -> None:
    """Until it is; the run gets no other question meanwhile."""
    queue = ListQueue(2)
    failures = []

    def fail(where: str) -> None:
        if where == "finished" and len(failures) < 2:
            failures.append(where)
            raise OSError("the disk is full")

    queue.raises = fail
    with lab.serving(queue), lab.loop() as (loop, state):
        loop._idle_timeout_s = 4.0
        loop.serve()
        assert state.pending.all() == []
    assert set(queue.outcomes) == {0, 1}
    assert queue.kept == [0, 0]


def test_a_run_that_has_ended_is_asked_ever_more_rarely_and_logged_once(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    """Its outcome is kept meanwhile, and reported as soon as the run appears again."""
    caplog.set_level(logging.INFO)
    queue = ListQueue(1)
    dispatcher = lab.serving(queue)
    asked: list[float] = []

    class Counted(Remote):
        """Notes when it calls."""

        def call(self, method: str, *arguments: Any) -> Any:
            """As a remote object."""
            asked.append(hands.now)
            return super().call(method, *arguments)

    with by_hand() as hands, lab.loop() as (loop, state):
        loop._connections = DispatcherConnections(state.dispatchers, lambda where: Counted(where, lab.keys))
        dispatcher.start()
        state.dispatchers._due = 0.0
        state.dispatchers.refresh()
        lab.computing.compute = lambda spec: dispatcher.close() or GOOD
        assert loop._serve_run("a")
        began = hands.now
        asked.clear()
        while hands.now < began + 780:  # 13 minutes, in which a line was logged every second
            hands.now += 1.0
            loop._deliver_late()
        assert 45 <= len(asked) <= 55
        assert sum("does not answer" in line for line in caplog.messages) == 1
        with lab.serving(queue):  # resumed, at another address
            state.dispatchers._due = 0.0
            state.dispatchers.refresh()
            assert state.pending.next_due() < hands.now
            loop._deliver_late()
        assert state.pending.all() == []
    assert sum("run a answers again" in line for line in caplog.messages) == 1


def test_the_log_says_what_is_computed(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """With -v: the run, the configuration, the budget, since when, and how it ended."""
    caplog.set_level(logging.DEBUG, logger="workers")
    with lab.serving(ListQueue(1, budget=9.0)), lab.loop() as (loop, _):
        loop.serve()
    said = "\n".join(caplog.messages)
    assert re.search(r"a: computes configuration 0-0-0 at 9 epochs \(seed 0\), since \d\d:\d\d:\d\d \S+", said)
    assert re.search(r"a: configuration 0-0-0 at 9 epochs \(seed 0\): completed after \d+\.\d s", said)


def test_what_cannot_end_in_time_is_handed_back_and_ends_the_worker(lab: Lab) -> None:
    """With the reason, before anything is computed; another worker takes it."""
    limit = TimeLimit(3600.0)
    limit.begin("a", 1.0)
    limit._now = ("a", 1.0, clock.monotonic() - 1000)
    limit.end(whole=True)
    queue = ListQueue(2, budget=9.0)
    with lab.serving(queue), lab.loop(limit=limit) as (loop, state):
        loop.serve()
        assert state.stopping
    assert lab.computing.batches == []
    [(_, result, message, final)] = queue.losses
    assert (result, final) == (HANDED_BACK, False)
    assert "of 9 epochs takes about 9000 s here" in message
