"""The service's own cost: evaluations per second, everything durable, and a thousand workers.

    python -m benchmarks.service [throughput] [whole] [stock] [thousand]

Workers are processes of their own with a computation that takes no time; between them and the SQLite
file lie the real nameserver, dispatcher, and one commit with fsync per report. The dispatcher is a process
of its own as well, whose CPU time is measured.
"""

from __future__ import annotations

import contextlib
import datetime
import multiprocessing
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.trivial_worker import OUTCOME
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer
from das_hpo.service.queue import Attempt, Evaluation
from spaces.hyperparameters import preset
from spaces.identity import ConfigurationId
from spaces.trial import TrialOutcome, TrialSpec
from workers.transport.keys import KeyFile

VERSION = "benchmark"
SPEC = TrialSpec("inverse-1d", preset("H1").to_dict(), budget=1.0, seed=0)
TRIVIAL = (sys.executable, "-m", "benchmarks.trivial_worker")


class SQLiteQueue:
    """The least that a durable evaluation queue does: one transaction per report, in WAL mode with full fsync."""

    def __init__(self, path: Path, count: int) -> None:
        self.condition = threading.Condition(threading.RLock())
        self.count = count
        self.given = 0
        self.finished_count = 0
        self.lost_count = 0
        self.first = self.last = 0.0
        self.database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.database.execute("pragma journal_mode=wal")
        self.database.execute("pragma synchronous=full")
        self.database.execute("create table evaluations (id integer primary key, seed integer, loss real)")
        self.database.execute("create table attempts (token text primary key, evaluation integer, worker text)")

    @property
    def done(self) -> bool:
        """Whether all have their outcome."""
        return self.finished_count >= self.count

    @property
    def remaining(self) -> int:
        """Those that were never given out."""
        return self.count - self.given

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit."""
        self.database.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.database.execute("rollback")
            raise
        self.database.execute("commit")

    def next_evaluations(self, wanted: int) -> list[Evaluation]:
        """The next numbers."""
        numbers = range(self.given, min(self.count, self.given + wanted))
        self.given += len(numbers)
        self.database.executemany("insert into evaluations values (?, ?, null)", [(n, n) for n in numbers])
        return [Evaluation(ConfigurationId(0, 0, n), 0, replace(SPEC, seed=n), id=n) for n in numbers]

    def started(self, attempt: Attempt) -> int:
        """One row."""
        self.first = self.first or time.monotonic()
        self.database.execute(
            "insert into attempts values (?, ?, ?)", (attempt.token, attempt.evaluation.id, attempt.worker.name)
        )
        return 1

    def lost(self, attempt: Attempt, result: str, message: str, final: bool) -> None:
        """Counts."""
        self.lost_count += 1

    def finished(self, attempt: Attempt, outcome: TrialOutcome, duration_s: float) -> None:
        """One row."""
        self.database.execute(
            "update evaluations set loss = ? where id = ?", (outcome.loss("one-shot"), attempt.evaluation.id)
        )
        self.finished_count += 1
        self.last = time.monotonic()
        self.condition.notify_all()

    def is_open(self, evaluation: Evaluation) -> bool:
        """Nothing fails here."""
        return True

    def unrecorded(self, *_: object) -> None:
        """The worker reports again."""


def _start_workers(count: int, address: str, keys: KeyFile) -> list[subprocess.Popen[bytes]]:
    environment = dict(os.environ, OMP_NUM_THREADS="1", DAS_HPO_KEY_FILE=str(keys.path))
    command = [*TRIVIAL, "--nameserver", address, "--version", VERSION]
    return [subprocess.Popen(command, env=environment) for _ in range(count)]


@contextlib.contextmanager
def served(queue: SQLiteQueue, keys: KeyFile) -> Iterator[tuple[str, Dispatcher]]:
    """A nameserver and a dispatcher; gives the nameserver's address."""
    with (
        NameServer(keys=keys) as nameserver,
        Dispatcher(
            queue, "benchmark", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(version=VERSION)
        ) as dispatcher,
    ):
        yield nameserver.address, dispatcher


def throughput(count: int, workers: int, directory: Path) -> float:
    """Evaluations per second, from the first claim to the last acknowledgement, all workers being there."""
    keys = KeyFile(directory / "key")
    queue = SQLiteQueue(directory / f"{workers}.db", count)
    with served(queue, keys) as (address, dispatcher):
        dispatcher.paused = True
        processes = _start_workers(workers, address, keys)
        try:
            while dispatcher.number_of_workers() < workers:
                time.sleep(0.05)
            dispatcher.paused = False
            with queue.condition:
                while not queue.done:
                    queue.condition.wait(1.0)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
    assert queue.lost_count == 0
    return (count - 1) / (queue.last - queue.first)


def whole_run(optimizer: str, iterations: int, workers: int, directory: Path) -> dict[str, float]:
    """A whole run: the real dispatcher, recorder, database, and local workers; measured while all workers are there."""
    from das_hpo.execution import execute
    from das_hpo.launching.cluster import Service
    from das_hpo.settings import RunSettings

    path = directory / f"{optimizer}-{workers}.db"
    settings = RunSettings(
        "benchmark", "one-shot", optimizer=optimizer, iterations=iterations, min_budget=1.0, max_budget=9.0
    )
    keys = KeyFile(directory / "key")
    clock: list[tuple[float, float]] = []

    def note(_: object) -> None:
        clock.append((time.time(), time.process_time()))

    service = Service(keys=keys, workers=workers, device="cpu", command=TRIVIAL)
    execute(settings, f"sqlite:///{path}", service, progress=note)
    with contextlib.closing(sqlite3.connect(path)) as database:
        finished = [_seconds(text) for (text,) in database.execute("select finished_at from attempts order by 1")]
        joined = max(
            _seconds(text) for (text,) in database.execute("select min(started_at) from attempts group by worker_id")
        )
    last = finished[-1]
    cpu = [(at, used) for at, used in clock if joined <= at <= last]
    between = sum(cpu[0][0] <= at <= cpu[-1][0] for at in finished)
    measured = [at for at in finished if at >= joined]
    return {
        "evaluations/s": (len(measured) - 1) / (last - measured[0]),
        "ms of the dispatcher": 1000 * (cpu[-1][1] - cpu[0][1]) / between,
        "measured": len(measured),
    }


def _seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC).timestamp()


_STOCK_WORKER = """
import logging, sys
import hpbandster.core.worker
class Trivial(hpbandster.core.worker.Worker):
    def compute(self, config_id, config, budget, working_directory):
        return {"loss": 1.0, "info": {}}
logging.disable()
Trivial("stock", nameserver="127.0.0.1", nameserver_port=int(sys.argv[1]), logger=logging.getLogger("x")).run()
"""


def stock_throughput(iterations: int, workers: int) -> float:
    """Jobs per second of hpbandster as shipped: random search, nothing stored, no keys."""
    import logging

    import ConfigSpace
    import hpbandster.core.nameserver
    from hpbandster.optimizers import RandomSearch
    from Pyro4.configuration import config

    logging.disable()
    config.reset(False)  # as shipped, not as das-hpo sets Pyro up
    config.THREADPOOL_SIZE = 4 * workers
    space = ConfigSpace.ConfigurationSpace()
    space.add(ConfigSpace.UniformFloatHyperparameter("x", 0.0, 1.0))
    nameserver = hpbandster.core.nameserver.NameServer("stock", host="127.0.0.1", port=0)
    _, port = nameserver.start()
    processes = [subprocess.Popen([sys.executable, "-c", _STOCK_WORKER, str(port)]) for _ in range(workers)]
    optimizer = RandomSearch(
        space, run_id="stock", nameserver="127.0.0.1", nameserver_port=port, min_budget=1, max_budget=1, ping_interval=1
    )
    optimizer.budgets = [1.0]  # an np.float64 hangs it
    try:
        result = optimizer.run(n_iterations=iterations, min_n_workers=workers)
        stamps = [run.time_stamps for run in result.get_all_runs()]
        seconds = max(s["finished"] for s in stamps) - min(s["submitted"] for s in stamps)
        return len(stamps) / seconds
    finally:
        optimizer.shutdown(shutdown_workers=True)
        nameserver.shutdown()
        for process in processes:
            process.terminate()
            process.wait()


def _simulate(
    address: str, key_path: str, first: int, count: int, seconds: float, results: multiprocessing.Queue
) -> None:
    """Many workers in one process: each claims, beats while it computes, reports; asked in turns, not in threads."""
    import heapq
    import random

    from workers.transport.directory import locate
    from workers.transport.messages import Answer, Caller
    from workers.transport.wire import Remote

    keys = KeyFile(key_path)
    with locate(address, keys) as directory:
        where = directory.dispatchers()[0]["benchmark"]
    chance = random.Random(first)
    remotes = [(Remote(where, keys), Remote(where, keys, lane="beat")) for _ in range(count)]
    callers = [Caller(f"w{first + n}", "host", first + n, "cpu", VERSION, "s") for n in range(count)]
    held: list[str | None] = [None] * count
    turns = [(time.monotonic() + chance.random() * 5, n, "claim") for n in range(count)]
    heapq.heapify(turns)
    until = time.monotonic() + seconds
    waits: list[float] = []
    served: set[int] = set()
    while turns:
        due, n, action = heapq.heappop(turns)
        if due > until:
            break
        time.sleep(max(0.0, due - time.monotonic()))
        main, beat = remotes[n]
        began = time.monotonic()
        if action == "beat":
            if held[n] is not None:
                beat.call("beat", callers[n].name, "s", (held[n],))
                heapq.heappush(turns, (began + 10.0, n, "beat"))
            continue
        token = held[n]
        caller = replace(callers[n], holding=() if token is None else (token,)).to_dict()
        if token is None:
            answer = Answer.from_mapping(main.call("claim", caller, 1))
        else:
            answer = Answer.from_mapping(main.call("report", caller, token, OUTCOME.to_dict(), 1.0, 1))
        waits.append(time.monotonic() - began)
        held[n] = answer.work[0].token if answer.work else None
        if answer.work:
            served.add(n)
            heapq.heappush(turns, (time.monotonic() + chance.uniform(5, 15), n, "report"))
            heapq.heappush(turns, (time.monotonic() + 10.0, n, "beat"))
        else:
            heapq.heappush(turns, (time.monotonic() + answer.wait_s, n, "claim"))
    for pair in remotes:
        for remote in pair:
            remote.close()
    results.put((len(served), waits))


def thousand(busy: bool, directory: Path, workers: int = 1000, seconds: float = 60.0) -> dict[str, float]:
    """A thousand workers that join and beat, with ten-second evaluations or with nothing to do but ask."""
    keys = KeyFile(directory / "key")
    queue = SQLiteQueue(directory / f"thousand-{busy}.db", 1_000_000 if busy else 1)
    queue.given = 0 if busy else 1
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    per_process = 250
    with served(queue, keys) as (address, dispatcher):
        processes = [
            context.Process(
                target=_simulate,
                args=(address, str(keys.path), first, per_process, seconds, results),
            )
            for first in range(0, workers, per_process)
        ]
        for process in processes:
            process.start()
        time.sleep(15.0)  # they join
        before, cpu = time.monotonic(), time.process_time()
        joined = dispatcher.number_of_workers()
        time.sleep(seconds - 25.0)
        load = (time.process_time() - cpu) / (time.monotonic() - before)
        found = [results.get() for _ in processes]
        for process in processes:
            process.join()
    waits = sorted(wait for _, part in found for wait in part)
    return {
        "workers that joined": joined,
        "workers served": sum(served for served, _ in found),
        "cores of the dispatcher": load,
        "calls a second": len(waits) / seconds,
        "median answer, ms": 1000 * statistics.median(waits),
        "99th percentile, ms": 1000 * waits[int(0.99 * len(waits))],
        "leases lost": queue.lost_count,
        "memory of the dispatcher, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(arguments: list[str] | None = None) -> None:
    """Runs what is named, or all."""
    chosen = arguments or sys.argv[1:] or ["throughput", "whole", "stock", "thousand"]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if "throughput" in chosen:
            for workers, count in ((1, 500), (8, 3000), (32, 3000)):
                print(f"{workers:3} workers: {throughput(count, workers, directory):6.0f} evaluations/s", flush=True)
        if "whole" in chosen:
            for optimizer, iterations in (("random", 1500), ("bohb", 200)):
                for workers in (1, 8, 32):
                    found = whole_run(optimizer, iterations if workers > 1 else iterations // 4, workers, directory)
                    numbers = ", ".join(f"{value:.4g} {what}" for what, value in found.items())
                    print(f"{workers:3} workers, a whole {optimizer} run: {numbers}", flush=True)
        if "stock" in chosen:
            print(f"hpbandster as shipped, 32 workers: {stock_throughput(1000, 32):6.0f} jobs/s", flush=True)
        if "thousand" in chosen:
            for busy in (False, True):
                print(f"1,000 workers, {'evaluations of 5 to 15 s' if busy else 'no work'}:")
                for what, value in thousand(busy, directory).items():
                    print(f"  {what:28} {value:10.2f}", flush=True)


if __name__ == "__main__":
    main()
