# ruff: noqa: D102
"""One simulation: a run, its workers, its faults, and what must hold at every step and in the end."""

from __future__ import annotations

import contextlib
import itertools
import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
from sqlalchemy import select

from das_hpo import running
from das_hpo.campaigns.campaign import CampaignSettings
from das_hpo.execution import make_campaign, make_optimisation
from das_hpo.service import allocation, ownership
from das_hpo.service.recorder import Recorder
from spaces import clock
from spaces.hyperparameters import PRESETS
from spaces.trial import TrialOutcome, TrialSpec
from storage import queries, spool, writes
from storage.engine import open_database
from storage.maintenance import INVARIANTS
from storage.records import Replay
from storage.statements import ATTEMPTS
from tests.das_hpo.optimisers.test_replay import rows, state
from tests.das_hpo.queues import Driver, new_run, settings
from tests.das_hpo.trials import outcome
from tests.simulation.network import Network
from tests.simulation.processes import SimulatedMaster, SimulatedNameserver, SimulatedWorker
from tests.simulation.scenario import Fault, Scenario
from tests.simulation.world import EPOCH, Process, VirtualClock, World

RUN = "run"

#: How often the operator looks whether what should run does.
LOOK_EVERY_S = 2.0

#: What waits for longer than this without a word has hung silently: a minute, and the time until it is noticed.
SILENCE_S = 60.0 + 35.0

#: For so long after faults have ceased, and a lease besides, attempts may still be lost: entries and answers time out.
CALM_S = 90.0

#: How many times as long a slow worker takes.
SLOW = 8.0

#: So often at most a message is answered "again" once faults have ceased.
MOST_AGAIN = 25

MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@dataclass
class Report:
    """How a simulation ended.

    Attributes:
        scenario: What it was.
        violations: What must never happen and did; empty is good.
        virtual_s: How long it was.
        faults: How many there were of each kind.
        trace: What happened, if it was asked for.
    """

    scenario: Scenario
    violations: list[str]
    virtual_s: float
    faults: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    cause: BaseException | None = None


class Signs(logging.Handler):
    """Notes when something was logged."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(logging.INFO)
        self._lab = lab

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] not in ("das_hpo", "workers", "storage", "spaces"):
            return
        world = self._lab.world
        if record.levelno >= logging.WARNING:
            self._lab.last_sign = world.now
        if world._tracing:
            who = world.process.name if world.process else "?"
            world.say(f"{who}: {record.levelname} {record.getMessage()}")
            if record.exc_info and record.exc_info[1] is not None:
                world.say(f"{who}:     {type(record.exc_info[1]).__name__}: {record.exc_info[1]}")


class Lab:
    """The world of one scenario.

    Args:
        scenario: What is simulated.
        folder: Where databases are.
        server: The socket's directory of a PostgreSQL server; None where there is none.
        trace: Whether to keep what happens.
    """

    def __init__(self, scenario: Scenario, folder: Path, server: Path | None, trace: bool) -> None:
        self.scenario = scenario
        self.folder = folder
        self.server = server
        self.world = World(scenario.seed, trace)
        self.network = Network(self.world)
        self.ports = itertools.count(10000)
        self.computing = 0
        self.last_sign = 0.0
        self.owner: dict[str, Process] = {}
        self.acknowledged: list[str] = []
        self._again: Counter[str] = Counter()
        self.masters: list[SimulatedMaster] = []
        self.workers: list[SimulatedWorker | None] = [None] * scenario.workers
        self.faults: Counter[str] = Counter()
        self.calm_since: float | None = None
        self.database_offset_s = 0.0
        self._seen: set[str] = set()
        self._down_until: dict[str, float] = {}
        self._words = random.Random(f"{scenario.seed} words")
        self._raised: set[int] = set()
        self._runs: dict[str, bool] = {}

    # What the simulated processes ask -----------------------------------------------------------

    def word(self) -> str:
        """A token or a session."""
        return f"{self._words.getrandbits(64):016x}"

    def make(self, replay: Replay, recorder: Recorder, parallel: int | None) -> Any:
        """The queue of a stored run."""
        make = make_campaign if replay.run.kind == "campaign" else make_optimisation
        return make(replay, recorder, parallel)

    def duration_s(self, spec: TrialSpec) -> float:
        """How long a trial takes."""
        return random.Random(f"{spec.seed} duration").expovariate(1 / self.scenario.mean_s) + self.scenario.least_s

    def result(self, spec: TrialSpec, worker: int) -> TrialOutcome | str:
        """What a trial gives, or raises."""
        poison = self.scenario.poison
        if poison and spec.seed % 7 == 0:
            if poison == "raises" or (poison == "raises once" and spec.seed not in self._raised):
                self._raised.add(spec.seed)
                return "RuntimeError: poison"
            if poison == "text":
                return "ValueError: cannot read \0 caf\udce9"
            if poison == "outcome":
                bad = "\0 caf\udce9"
                return TrialOutcome("completed", 20.0, 19.0 if spec.retrain else None, None, None, message=bad)
        return outcome(spec)

    def heard(self, method: str, arguments: tuple[Any, ...], answer: Any) -> None:
        """A worker has had an answer."""
        if method == "report" and answer["report"] == "recorded":
            self.acknowledged.append(arguments[1])
        if answer["report"] == "again" and self.calm_since is not None:
            token = str(arguments[1])
            self._again[token] += 1
            if self._again[token] > MOST_AGAIN:
                self.world.found(f"what a worker sent was answered 'again' {MOST_AGAIN} times")

    def committed(self, process: Process) -> None:
        """A process has committed."""
        for master in self.masters:
            if master.process is process and not master.takes:
                owner = self.owner.get(master.url)
                if owner is not None and owner is not process:
                    self.world.found(f"{process.name} has written to the run of {owner.name}")

    def ended_by_server(self, url: str) -> Callable[[int], None] | None:
        """How the server's side of a transaction is ended; None for SQLite."""
        if not url.startswith("postgresql"):
            return None

        def end(backend: int) -> None:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 1000)", (backend,))

        return end

    # The course of events -----------------------------------------------------------------------

    def simulate(self) -> Report:
        """Runs the scenario and checks everything."""
        with self._virtual():
            try:
                url = self.new_run(RUN)
                SimulatedNameserver(self)
                self.start_master(url)
                for number in range(self.scenario.workers):
                    self.start_worker(number)
                for fault in self.scenario.faults:
                    self.world.at(fault.at, lambda fault=fault: self._strike(fault))
                over_at = max((fault.at + fault.lasts_s for fault in self.scenario.faults), default=0.0)
                self.world.at(over_at + 0.01, self._calm)
                self.world.after(LOOK_EVERY_S, self._look)
                self.last_sign = 0.0
                bound = over_at + self._bound_s()
                if not self.world.run(bound, self._done) and not self.world.violations:
                    self.world.found(f"the run has not ended {bound - over_at:.0f} s after the last fault")
                if not self.world.violations:
                    for url in self._runs:
                        self._check(url)
                    for token in self.acknowledged:
                        if token not in self._seen:
                            self.world.found(f"an acknowledged outcome is lost: no attempt has the token {token}")
            except Exception as error:  # noqa: BLE001 (a finding, too)
                self.world.found(f"{type(error).__name__}: {error}", error)
            finally:
                self.world.close()
                for master in self.masters:
                    master.database.close()
        return Report(
            self.scenario, self.world.violations, self.world.now, self.faults, self.world.trace, self.world.cause
        )

    def _bound_s(self) -> float:
        """How long the rest of the run may take once nothing goes wrong any more, as its settings imply."""
        evaluations, attempts, slack = 25, 3, 2
        slowness = SLOW if any(fault.kind == "slow worker" for fault in self.scenario.faults) else 1.0
        computing_s = evaluations * attempts * slack * slowness * (self.scenario.mean_s + self.scenario.least_s + 1.0)
        # What faults leave behind: leases of attempts and of masters run out, entries and answers time out.
        hanging_s = sum(fault.kind == "hang worker" for fault in self.scenario.faults) * (
            self.scenario.timeout_s or 0.0
        )
        return computing_s + hanging_s + 300.0 + 20 * (self.scenario.lease_s + 10.0)

    def new_run(self, name: str) -> str:
        """A new database with a run in it; returns its URL."""
        if self.scenario.postgresql and self.server is not None and not self._runs:
            url = f"postgresql://das_hpo@/simulation?host={self.server}"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("TRUNCATE runs, workers RESTART IDENTITY CASCADE")
        else:
            path = self.folder / f"{name}{len(self._runs)}.db"
            shutil.copy(template(), path)
            url = f"sqlite:///{path}"
        with open_database(url) as database, database.begin() as session:
            if self.scenario.optimizer == "campaign":
                new = campaign(self.scenario).new_run()
            else:
                new = new_run(settings(name=RUN, optimizer=self.scenario.optimizer, **self.scenario.settings()))
            writes.create_run(session, new)
        self._runs[url] = False
        return url

    def start_master(self, url: str) -> SimulatedMaster:
        """A process that serves the run of a database."""
        master = SimulatedMaster(self, f"master{len(self.masters) + 1}", RUN, url)
        self.masters.append(master)
        return master

    def start_worker(self, number: int) -> None:
        """A worker in the place of an earlier one; some keep its name, as containers do."""
        slowness = 1.0
        generation = sum(process.name.startswith(f"worker{number}") for process in self.world.processes)
        name = f"worker{number}" if number % 2 else f"worker{number}.{generation}"
        self.workers[number] = SimulatedWorker(self, number, name, slowness)

    def living_master(self, url: str) -> SimulatedMaster | None:
        """The latest master of a run that is alive."""
        return next((m for m in reversed(self.masters) if m.url == url and m.process.alive), None)

    def _done(self) -> bool:
        return self.calm_since is not None and all(self._runs.values())

    def _look(self) -> None:
        """The operator starts again what has ended, and whoever waits in silence is found."""
        now = self.world.now
        for url, completed in self._runs.items():
            if not completed and self.living_master(url) is None and now >= self._down_until.get(url, 0.0):
                if self._is_completed(url):
                    self._runs[url] = True
                else:
                    self.last_sign = now
                    self.start_master(url)
                    self._down_until[url] = now + 5.0
        for number, worker in enumerate(self.workers):
            if (worker is None or not worker.process.alive) and now >= self._down_until.get(f"worker{number}", 0.0):
                self.start_worker(number)
                self.last_sign = now
        nameserver = next((p for p in reversed(self.world.processes) if p.name == "nameserver"), None)
        if (nameserver is None or not nameserver.alive) and now >= self._down_until.get("nameserver", 0.0):
            SimulatedNameserver(self)
        frozen = any(process.frozen and process.alive for process in self.world.processes)
        if self.computing or frozen or self.network.cut or self.calm_since is None or all(self._runs.values()):
            self.last_sign = now
        elif now - self.last_sign > SILENCE_S:
            self.world.found(f"nobody has computed or said anything for {now - self.last_sign:.0f} s")
        self.world.after(LOOK_EVERY_S, self._look)

    def _is_completed(self, url: str) -> bool:
        with open_database(url) as database:
            return queries.run(database, RUN).status == "completed"

    def _calm(self) -> None:
        """Faults cease: all that stands still goes on, all that is down may be started, no message is lost."""
        self.world.say("faults cease")
        self.calm_since = self.last_sign = self.world.now
        self.network.calm()
        self.network.cut.clear()
        self._down_until.clear()
        for process in self.world.processes:
            process.thaw()
        for master in self.masters:
            master.database.ambush.full = False
            master.database.ambush.fail = master.database.ambush.forget = 0
            master.database.ambush.statement = 0

    # Faults -------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        self.world.say(f"fault: {fault}")
        self.faults[fault.kind] += 1
        self.last_sign = self.world.now
        words = fault.kind.split()
        what = words[-1]
        end = self.world.now + fault.lasts_s
        if what == "worker":
            worker = self.workers[fault.number % self.scenario.workers]
            if worker is not None and worker.process.alive:
                self._strike_worker(words[0], worker, end)
        elif what == "nameserver":
            nameserver = [process for process in self.world.processes if process.name == "nameserver"][-1]
            self._strike_process(words[0], nameserver, "nameserver", end)
        elif fault.kind.endswith("messages"):
            self._spoil_messages(words[0], fault)
        elif fault.kind == "run of the same name":
            # Two runs of one name meet while the first stands still.
            master = self.living_master(next(iter(self._runs)))
            if len(self._runs) == 1 and master is not None:
                self._strike_process("freeze", master.process, "", end)
                self.world.after(1.0, lambda: self.start_master(self.new_run("other")))
        else:
            master = self.living_master(next(iter(self._runs)))
            if master is not None:
                self._strike_master(fault, master, end)

    def _strike_worker(self, how: str, worker: SimulatedWorker, end: float) -> None:
        if how == "terminate":
            worker.terminate()
        elif how == "slow":
            worker.slowness = SLOW
        elif how == "hang":
            worker.hangs = True
        else:
            self._strike_process(how, worker.process, f"worker{worker.number}", end)

    def _strike_process(self, how: str, process: Process, key: str, end: float) -> None:
        if how == "kill":
            self._down_until[key] = end
            process.kill()
        elif how == "freeze":
            process.freeze()
            self.world.at(end, process.thaw)
        else:
            self.network.cut.add(process.name)
            self.world.at(end, lambda: self.network.cut.discard(process.name))

    def _strike_master(self, fault: Fault, master: SimulatedMaster, end: float) -> None:
        ambush, process, key = master.database.ambush, master.process, master.url
        if "freeze" in fault.kind and fault.lasts_s > ownership.LEASE_S:
            # Whoever looks after it thinks that it is dead, and starts another, on another machine.
            self.world.at(end - 2.0, lambda: self.start_master(master.url))
        if fault.kind in ("kill master", "freeze master", "part master"):
            self._strike_process(fault.kind.split()[0], process, key, end)
        elif fault.kind == "stop master":
            master.stop.set()
        elif fault.kind == "kill master in transaction":
            ambush.statement, ambush.act = fault.number, process.kill
            self._down_until[key] = end
        elif fault.kind == "freeze master in transaction":

            def freeze() -> None:
                self.world.after(fault.lasts_s, process.thaw)
                self.world.stand_still()

            ambush.statement, ambush.act = fault.number, freeze
        elif fault.kind == "fail commits":
            ambush.fail += fault.number
        elif fault.kind == "forget commits":
            ambush.forget += min(fault.number, 3)
        elif fault.kind == "block commit":
            ambush.block_s = fault.lasts_s
        elif fault.kind == "fill disk":
            ambush.full = True
            self.world.at(end, lambda: setattr(ambush, "full", False))
        elif fault.kind == "jump clock":
            # Its database is on the same machine.
            self.database_offset_s += (fault.number - 4) * 3600.0
            process.wall_offset_s += (fault.number - 4) * 3600.0
        elif fault.kind == "second master":
            self.start_master(master.url)
        else:
            raise ValueError(f"no such fault: {fault.kind}")

    def _spoil_messages(self, how: str, fault: Fault) -> None:
        network = self.network
        if how == "lose":
            network.loss = 0.1 + fault.number / 20
        elif how == "double":
            network.doubling = 0.2 + fault.number / 20
        else:
            network.delay_s = fault.number / 2
        self.world.after(fault.lasts_s, network.calm)

    # What must hold -----------------------------------------------------------------------------

    def _check(self, url: str) -> None:
        """Safety: every evaluation once, nothing acknowledged lost, the optimiser's order that of a resume."""
        with open_database(url) as database:
            found = queries.results(database, RUN)
            for row in found:
                if row.status not in ("completed", "diverged", "failed"):
                    self.world.found(f"an evaluation of a completed run is {row.status}")
                if row.status == "completed" and not self._is_right(row):
                    self.world.found(f"evaluation of seed {row.seed} has another one's outcome")
            with database.read() as session:
                for sentence, sql in INVARIANTS.items():
                    if session.exec_driver_sql(sql).first() is not None:
                        self.world.found(f"not so: {sentence}")
                attempts = session.exec_driver_sql(
                    "SELECT a.token, a.status, e.status, e.id, a.message FROM attempts a JOIN evaluations e "
                    "ON e.id = a.evaluation_id"
                ).all()
                self._check_calm(session)
            self._check_attempts(attempts)
            self._check_order(database, url, found)

    def _check_calm(self, session: Any) -> None:
        """Once faults have ceased, and what they have left behind has run out, no worker loses an attempt any more."""
        kinds = {fault.kind for fault in self.scenario.faults}
        if self.calm_since is None or kinds & {"jump clock", "hang worker"}:
            return
        if len(self._runs) > 1 and kinds != {"run of the same name"}:
            return  # a run that waits for the other of its name takes up late what it had left
        late = EPOCH + timedelta(seconds=self.calm_since + self.scenario.lease_s + CALM_S)
        lost = select(ATTEMPTS.c.id).where(ATTEMPTS.c.status == "lost", ATTEMPTS.c.finished_at > late)
        if session.execute(lost).first() is not None:
            self.world.found(f"an attempt was lost more than {CALM_S:.0f} s after faults had ceased")

    def _check_attempts(self, attempts: Any) -> None:
        """An evaluation fails after three attempts that were lost or raised, which takes a reason."""
        ended: dict[int, int] = Counter()
        failed: set[int] = set()
        found = {token: status for token, status, *_ in attempts}
        self._seen.update(found)
        kept = ("completed", "superseded", "error" if self.scenario.poison == "outcome" else "")
        for _, status, of_evaluation, number, message in attempts:
            if "not confirmed" in (message or "") and status != "handed-back":
                self.world.found(f"an attempt that no worker was told of counts as {status}")
            ended[number] += status in ("lost", "error")
            if of_evaluation == "failed":
                failed.add(number)
            if status in ("lost", "error", "handed-back") and not self.scenario.faults and not self.scenario.poison:
                self.world.found(f"an attempt is {status}, and nothing has gone wrong")
        for number in failed:
            if ended[number] < 3:
                self.world.found(f"an evaluation has failed though only {ended[number]} attempts were lost or raised")
        for token in self.acknowledged:
            if token in found and found[token] not in kept:
                self.world.found(f"an acknowledged outcome is lost: its attempt is {found[token]}")

    def _check_order(self, database: Any, url: str, found: Any) -> None:
        last = next((m for m in reversed(self.masters) if m.url == url and m.summary is not None), None)
        if self.scenario.optimizer == "campaign":
            if len(found) != campaign(self.scenario).trials:
                self.world.found(f"{len(found)} trials are there of {campaign(self.scenario).trials}")
            return
        replay = queries.replay(database, queries.run(database, RUN).id)
        replayed, _ = self.make(replay, Recorder(database, replay.run.id), None)
        if len(found) != replayed.expected:
            self.world.found(f"{len(found)} evaluations are there of {replayed.expected}")
        if last is not None and last.summary.status == "completed" and state(replayed) != state(last.queue):
            self.world.found("a resume would tell the optimiser something else")
        if self.scenario.parallel == 1 and not any(row.status == "failed" for row in found):
            wanted = calm_rows(self.scenario.optimizer, self.scenario.seed)
            if not self.scenario.poison and rows(database, RUN) != wanted:
                self.world.found("the results are not those of a calm run")

    def _is_right(self, row: Any) -> bool:
        return row.one_shot_psnr is not None and (self.scenario.poison == "outcome" or row.one_shot_psnr == _psnr(row))

    # The virtual machine ------------------------------------------------------------------------

    @contextmanager
    def _virtual(self) -> Iterator[None]:
        """Everything that is the machine's is the world's."""
        world = self.world

        def lives(owner: str) -> bool | None:
            name = owner.split(":")[0]
            process = next((p for p in world.processes if p.name == name), None)
            # Masters on another machine are not seen from here: every second one is.
            if process is None or int(name.removeprefix("master")) % 2:
                return None
            return process.alive

        def take(self_: Any, *held: Any, original: Any = ownership.Ownership._try_to_take, **forsaken: Any) -> bool:
            (master,) = [master for master in self.masters if master.process is world.process]
            master.takes = True
            try:
                taken: bool = original(self_, *held, **forsaken)
            finally:
                master.takes = False
            if taken:
                self.owner[master.url] = master.process
            return taken

        def put(self_: Any, spooled: Any, original: Any = spool.Spool.put) -> Path:
            world._here()  # the dead keep nothing
            if any(m.process is world.process and m.database.ambush.full for m in self.masters):
                raise spool.DatabaseBusyError("the disk is full")
            kept: Path = original(self_, spooled)
            return kept

        def database_now(_: Any) -> datetime:
            return EPOCH + timedelta(seconds=world.now + self.database_offset_s)

        handler = Signs(self)
        logger = logging.getLogger()
        before = logger.level
        random.seed(self.scenario.seed)
        with contextlib.ExitStack() as stack:
            stack.enter_context(clock.replaced(VirtualClock(world)))
            for target, name, value in (
                (allocation, "new_token", self.word),
                (ownership, "lives", lives),
                (ownership, "process_identity", lambda: f"{world.process.name if world.process else None}:1"),
                (ownership.Ownership, "_try_to_take", take),
                (spool.Spool, "put", put),
                (spool.Spool, "reserve", lambda *_: None),
                (writes.run_leases, "database_now", database_now),
                (writes.runs, "database_now", database_now),
                (queries, "database_now", database_now),
                (running, "_TICK_S", 1.0),
            ):
                stack.enter_context(mock.patch.object(target, name, value))
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
            logger.setLevel(logging.INFO if world._tracing else logging.WARNING)
            stack.callback(logger.setLevel, before)
            yield


def _psnr(row: Any) -> float:
    from tests.das_hpo.trials import psnr

    return psnr(row)


def campaign(scenario: Scenario) -> CampaignSettings:
    """A campaign's fixed trials."""
    return CampaignSettings(name=RUN, label="H1", hyperparameters=PRESETS["H1"].to_dict(), trials=12, budget=1.0)


@cache
def template() -> Path:
    """A SQLite file with the tables, to be copied."""
    path = Path(tempfile.mkdtemp(prefix="das-hpo-simulation-", dir=MEMORY)) / "template.db"
    open_database(f"sqlite:///{path}", create=True).close()
    import atexit

    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return path


@cache
def calm_rows(optimizer: str, seed: int) -> Any:
    """The results of a run in which nothing goes wrong, one evaluation at a time."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "calm.db"
        shutil.copy(template(), path)
        with open_database(f"sqlite:///{path}") as database:
            iterations = 3 if optimizer == "random" else 1
            asked = settings(name=RUN, optimizer=optimizer, iterations=iterations, seed=seed, parallel=1)
            with database.begin() as session:
                run_id = writes.create_run(session, new_run(asked))
            replay = queries.replay(database, run_id)
            queue, _ = make_optimisation(replay, Recorder(database, run_id), None)
            Driver(queue).run()
            return rows(database, RUN)


def simulate(scenario: Scenario, server: Path | None = None, *, trace: bool = False) -> Report:
    """Simulates a scenario."""
    with tempfile.TemporaryDirectory(prefix="das-hpo-simulation-", dir=MEMORY) as folder:
        return Lab(scenario, Path(folder), server, trace).simulate()
