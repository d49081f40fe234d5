"""What a peer that holds the key may send: nothing is answered "again" for ever, nothing stops a run or its successors.

Over the real wire, with a real SQLite file and a real PostgreSQL server.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from das_hpo import __version__
from das_hpo.execution import execute
from das_hpo.launching.cluster import Service
from das_hpo.optimisers.queue import make_queue
from das_hpo.running import RunOutcome
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer
from das_hpo.service.recorder import Recorder
from spaces.errors import ClusterError
from spaces.trial import TrialOutcome, TrialSpec
from storage import queries, writes
from storage.engine import Database, open_database
from storage.entries import NewOutcome
from storage.spool import Spool
from tests.das_hpo.queues import new_run, settings
from tests.das_hpo.trials import outcome
from workers.transport.directory import locate
from workers.transport.keys import KeyFile
from workers.transport.messages import AGAIN, WORK, Answer, Caller
from workers.transport.wire import Remote
from workers.worker.computation import Compute
from workers.worker.worker import Worker, WorkerSettings

#: Texts that PostgreSQL, SQLite or UTF-8 refuse.
BAD_TEXTS = ["x\0y", "caf\udce9", "\ud800", "\0"]

#: Numbers that no column holds, or that do not survive arithmetic.
BAD_NUMBERS = [10**400, -(10**4000), 2**63, 2**31, -1, float("nan"), float("inf"), -float("inf"), True]


def shown(value: object) -> str:
    """A value in a few ASCII characters; Python writes no integer of ten thousand digits."""
    return hex(value)[:20] if type(value) is int else ascii(value)[:20]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a new database, of either kind; its spool is in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/runs.db"
    found: str = request.getfixturevalue("postgresql_url")
    return found


@dataclass
class Evil:
    """A worker's side of the wire, by hand: signed, and with whatever it likes in its messages."""

    remote: Remote
    caller: dict[str, Any]

    def claim(self, *holding: str) -> str:
        """Claims an evaluation and returns its token."""
        until = time.monotonic() + 30
        caller = {**self.caller, "holding": holding}
        while (answer := Answer.from_mapping(self.remote.call("claim", caller, 1))).status != WORK:
            assert time.monotonic() < until, answer
            time.sleep(0.05)
        return answer.work[0].token

    def send(self, method: str, *arguments: Any) -> str:
        """What became of what was sent, as a worker would read it: its report is kept if that is "again"."""
        try:
            answer = self.remote.call(method, *arguments)
            return "" if method == "beat" else Answer.from_mapping(answer).report
        except ClusterError as error:
            return f"not answered: {error}"


class Run:
    """A dispatcher with a real optimiser and database, which is closed by its fixture."""

    def __init__(self, database: Database, nameserver: NameServer, keys: KeyFile) -> None:
        asked = settings(iterations=30)
        with database.begin() as session:
            run_id = writes.create_run(session, new_run(asked))
        self.database = database
        self.recorder = Recorder(database, run_id)
        self.queue = make_queue(asked, self.recorder)
        self.dispatcher = Dispatcher(
            self.queue, "run", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(lease_s=600.0)
        )
        self.dispatcher.start()
        with locate(nameserver.address, keys) as directory:
            remote = Remote(directory.dispatchers()[0]["run"], keys)
        self.evil = Evil(remote, Caller("evil", "host", 1, "cpu", __version__, "s1").to_dict())

    def close(self) -> None:
        """Ends it."""
        self.evil.remote.close()
        self.dispatcher.close()

    def attempt(self, token: str) -> tuple[str, str | None]:
        """How an attempt stands in the database, and its message."""
        with self.database.read() as session:
            found = session.exec_driver_sql(f"select status, message from attempts where token = '{token}'").one()
        return found[0], found[1]


@pytest.fixture
def run(url: str, nameserver: NameServer, keys: KeyFile) -> Iterator[Run]:
    """A run that is served."""
    with open_database(url, create=True) as database:
        made = Run(database, nameserver, keys)
        yield made
        made.close()


GOOD = {
    "status": "completed",
    "one_shot_score": 20.0,
    "architecture_score": None,
    "architecture": None,
    "parameters": None,
    "epochs": (),
    "kernel": "torch",
    "device": "cpu",
    "search_s": 0.0,
    "retrain_s": 0.0,
    "message": None,
}


def shown_outcome(values: dict[str, Any]) -> list[tuple[str, str]]:
    """What of an outcome is not as in a good one."""
    return [(name, shown(value)) for name, value in values.items() if name not in GOOD or value is not GOOD[name]]


EPOCH = {"phase": "search", "epoch": 1, "training_loss": 1.0, "training_score": 1.0, "alpha": ((1.0,),)}


def bad_outcomes() -> Iterator[dict[str, Any]]:
    """Outcomes with one field that no database, or no arithmetic, can take."""
    for name, values in {
        **dict.fromkeys(("message", "architecture", "kernel", "device", "status"), BAD_TEXTS),
        **dict.fromkeys(("one_shot_score", "parameters", "search_s"), BAD_NUMBERS),
    }.items():
        for value in values:
            if (name, value) != ("search_s", 2**31):
                yield {**GOOD, name: value}
    yield from ({**GOOD, "kernel": "x" * 100}, {**GOOD, "x\0y": 1}, {"status": "completed"})
    for change in (
        {"phase": "x\0"},
        {"phase": "\udce9"},
        {"phase": "x" * 100},
        {"epoch": 10**400},
        {"training_loss": 10**400},
        {"alpha": ((10**400,),)},
        {"alpha": (("x",),)},
        {"alpha": 5},
        {"x\0": 1},
    ):
        yield {**GOOD, "epochs": ({**EPOCH, **change},)}
    yield {**GOOD, "epochs": (EPOCH, EPOCH)}
    yield {**GOOD, "epochs": {"__class__": "float", "value": "nan"}}


def test_an_outcome_that_cannot_be_stored_ends_its_attempt(run: Run) -> None:
    """Whatever field it is in: never "again", never left running, and nothing is kept that could not be written."""
    for bad in bad_outcomes():
        token = run.evil.claim()
        became = run.evil.send("report", {**run.evil.caller, "holding": (token,)}, token, bad, 1.0, 0)
        assert became == "recorded", (became, shown_outcome(bad))
        assert run.attempt(token)[0] == "error", shown_outcome(bad)
    assert not run.recorder.unsaved_outcomes
    assert run.recorder.failing_since is None


@pytest.mark.parametrize("duration_s", [*BAD_NUMBERS, "x\0", None], ids=shown)
def test_a_report_of_another_form_ends_its_attempt(run: Run, duration_s: Any) -> None:
    """A duration that is none: the outcome is not recorded with it."""
    if duration_s in (2**63, 2**31) and duration_s is not True:
        pytest.skip("long, but a duration")
    token = run.evil.claim()
    assert run.evil.send("report", run.evil.caller, token, GOOD, duration_s, 0) == "recorded"
    assert run.attempt(token)[0] == "error"


@pytest.mark.parametrize("reason", [*BAD_TEXTS, *BAD_NUMBERS, None, ["x\0"], "\udce9" * 20_000], ids=shown)
def test_a_hand_back_is_taken_whatever_its_reason(run: Run, reason: Any) -> None:
    """The evaluation is free at once, and the reason can be stored."""
    token = run.evil.claim()
    assert run.evil.send("hand_back", run.evil.caller, (token,), "error", reason) == "recorded"
    status, message = run.attempt(token)
    assert status == "error"
    assert message is not None
    assert len(message) <= 8000


@pytest.mark.parametrize("field", ["name", "host", "device", "version", "session", "pid", "holding"])
def test_a_caller_that_cannot_be_stored_is_refused(run: Run, field: str) -> None:
    """Before anything of it is written, and without an effect on others."""
    values = [*BAD_TEXTS, *BAD_NUMBERS, None]
    if field == "holding":
        values = [[value] for value in values]
    for value in values:
        caller = {**run.evil.caller, field: value}
        if field == "pid" and value == 2**31:
            continue
        answer = Answer.from_mapping(run.evil.remote.call("claim", caller, 1))
        assert (answer.status, answer.work) == ("refused", ()), shown(value)
        for method, arguments in {
            "report": ("t", GOOD, 1.0, 0),
            "hand_back": (("t",), "error", ""),
            "leave": (),
        }.items():
            assert run.evil.send(method, caller, *arguments) == "", (method, shown(value))
    assert run.recorder.failing_since is None
    with run.database.read() as session:
        assert session.exec_driver_sql("select count(*) from workers").scalar() == 0


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers().map(lambda value: value * 10**400)
    | st.floats()
    | st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udce9"), max_size=20)
)
ARGUMENTS = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
ODD_EPOCHS = st.lists(st.builds(dict, st.just(EPOCH), **dict.fromkeys(EPOCH, ODD)) | ARGUMENTS, max_size=2)


def test_nothing_that_is_sent_is_answered_again_for_ever(run: Run) -> None:
    """Messages of the right form with odd values, at random: none is told "again", no attempt stays without an end."""
    odd_outcome = st.dictionaries(st.sampled_from(sorted(GOOD)), ODD, max_size=2)

    @given(st.data())
    @hypothesis_settings(max_examples=150, database=None)
    def attack(data: st.DataObject) -> None:
        token = run.evil.claim()
        good = {**run.evil.caller, "holding": (token,)}
        caller = {**good, **data.draw(st.dictionaries(st.sampled_from(sorted(good)), ODD, max_size=1))}
        method = data.draw(st.sampled_from(["report", "hand_back", "beat", "claim", "leave"]))
        arguments: dict[str, tuple[Any, ...]] = {
            "report": (
                token,
                {**GOOD, **data.draw(odd_outcome), "epochs": data.draw(ODD_EPOCHS)},
                data.draw(st.just(1.0) | ODD),
                data.draw(st.just(0) | ODD),
            ),
            "hand_back": (data.draw(st.just((token,)) | ARGUMENTS), "error", data.draw(ARGUMENTS)),
            "claim": (data.draw(ODD),),
            "leave": (),
        }
        if method == "beat":
            became = run.evil.send("beat", data.draw(ODD), data.draw(ODD), data.draw(ARGUMENTS))
        else:
            became = run.evil.send(method, caller, *arguments[method])
        assert became != AGAIN
        assert not became.startswith("not answered"), became
        if run.attempt(token)[0] == "running":  # refused, or about something else: it can still be ended
            assert run.evil.send("hand_back", run.evil.caller, (token,), "handed-back", "enough") == "recorded"
        assert run.attempt(token)[0] != "running"

    attack()
    assert not run.recorder.unsaved_outcomes
    assert run.recorder.failing_since is None


def outcomes(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
    """What a worker without a fault computes."""
    return [outcome(spec) for spec in specs]


@contextmanager
def serving(
    nameserver: NameServer, keys: KeyFile, compute: Compute = outcomes, name: str | None = None
) -> Iterator[threading.Thread]:
    """A worker on a thread of its own."""
    worker = Worker(nameserver.address, keys, WorkerSettings(name=name), version=__version__, compute=compute)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield thread
    finally:
        worker.stop()
        thread.join(30)


def executed(url: str, name: str, nameserver: NameServer, keys: KeyFile, **changes: Any) -> RunOutcome:
    """A small run of a nameserver's workers, from its begin to its end."""
    service = Service(keys=keys, nameserver=nameserver.address, failing_s=8.0)
    stop = threading.Event()
    timer = threading.Timer(40, stop.set)
    timer.start()
    try:
        return execute(settings(name=name, iterations=1, **changes), url, service, stop=stop)
    finally:
        timer.cancel()


@pytest.mark.parametrize(
    "text", ["bad header: magic \x00\x01", b"/data/caf\xe9/x.npy".decode("utf-8", "surrogateescape")], ids=ascii
)
@pytest.mark.parametrize("where", ["exception", "outcome"])
def test_a_run_whose_worker_meets_odd_texts_ends(
    url: str, nameserver: NameServer, keys: KeyFile, text: str, where: str
) -> None:
    """An exception with the name of a file in Latin-1, or a message with it: recorded, escaped, and the run goes on."""
    raised: set[int] = set()

    def compute(specs: Sequence[TrialSpec]) -> list[TrialOutcome]:
        for spec in specs:
            if where == "exception" and spec.seed not in raised:
                raised.add(spec.seed)
                raise ValueError(f"cannot read {text}")
        if where == "outcome":
            return [TrialOutcome("diverged", None, None, None, None, message=text) for _ in specs]
        return outcomes(specs)

    with serving(nameserver, keys, compute, f"w {text}"):
        summary = executed(url, "run", nameserver, keys)
    assert (summary.status, summary.snapshot.failed) == ("completed", 0)
    with open_database(url) as database:
        assert Spool(database.location.spool).pending() == []
        found = queries.results(database, "run")
        assert all(row.status in ("completed", "diverged") for row in found)
        with database.read() as session:
            messages = session.exec_driver_sql("select message from attempts where status = 'error'").scalars().all()
        assert len(messages) == len(raised)
        escaped = "\\x00" if "\0" in text else "\\udce9"
        assert all(escaped in str(message) for message in messages)
        if where == "outcome":
            assert all(escaped in str(row.message) for row in found)


def test_a_database_with_a_poisoned_spool_starts_its_runs(
    url: str, nameserver: NameServer, keys: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    """What an older das-hpo kept and nobody can write is set aside, and the log says where."""
    with open_database(url, create=True) as database:
        made = Run(database, nameserver, keys)
        spool = Spool(database.location.spool)
        tokens: list[str] = []
        for text in BAD_TEXTS:
            tokens.append(made.evil.claim(*tokens))
            bad = replace(TrialOutcome.from_mapping(GOOD), message=text)
            spool.put(NewOutcome(tokens[-1], bad, -20.0, 1.0))
        made.close()
    with serving(nameserver, keys):
        assert executed(url, "next", nameserver, keys).status == "completed"
    assert spool.pending() == []
    refused = sorted(spool.directory.glob("*.refused"))
    assert len(refused) == len(BAD_TEXTS)
    assert all(str(path) in caplog.text for path in refused)


BAD_ENTRIES = [
    ("das-hpo.dispatcher.", "PYRO:x@127.0.0.1:1"),
    ("das-hpo.dispatcher.x\0", "PYRO:x@127.0.0.1:1"),
    ("das-hpo.dispatcher.\udce9", "PYRO:x@127.0.0.1:1"),
    ("das-hpo.dispatcher." + "x" * 400, "PYRO:x@127.0.0.1:1"),
    ("das-hpo.dispatcher.a", "PYRO:x\0@127.0.0.1:1"),
    ("das-hpo.dispatcher.b", "PYRO:x@127.0.0.1:99999999"),
    ("das-hpo.dispatcher.c", "PYRONAME:x"),
    ("das-hpo.dispatcher.d", "PYROMETA:x"),
    ("das-hpo.dispatcher.e", "PYRO:x@./u:/tmp/socket"),
    ("das-hpo.dispatcher.f", "PYRO:\udce9@\udce9:1"),
    ("das-hpo.dispatcher.g", "PYRO:x@" + "h" * 300 + ":1"),
    ("das-hpo.dispatcher.h", "PYRO:x@h..x:1"),
    (10**400, "PYRO:x@127.0.0.1:1"),
    ("das-hpo.dispatcher.i", 10**400),
]


def test_entries_in_the_nameserver_do_not_keep_workers_from_runs(
    tmp_path: Path, nameserver: NameServer, keys: KeyFile
) -> None:
    """A name or an address that is none: refused, and whoever looks for dispatchers finds the others."""
    with Remote(f"PYRO:Pyro.NameServer@{nameserver.address}", keys) as remote:
        for name, where in BAD_ENTRIES:
            for metadata in (None, ["\0"], 10**400):
                try:
                    remote.call("register", name, where, False, metadata)
                except ClusterError:
                    continue
        for worker in (*BAD_TEXTS, *BAD_NUMBERS, {}):
            try:
                remote.call("dispatchers", worker)
            except ClusterError:
                continue
    with serving(nameserver, keys) as worker:
        assert executed(f"sqlite:///{tmp_path}/runs.db", "run", nameserver, keys).status == "completed"
        assert worker.is_alive()
