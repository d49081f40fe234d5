# ruff: noqa: D102
"""What the dispatcher answers: each message once and twice, lost on the way, forged, malformed, too old."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from das_hpo import __version__
from das_hpo.service import dispatcher as dispatcher_module
from das_hpo.service import nameserver as nameserver_module
from das_hpo.service.dispatcher import Dispatcher, DispatcherSettings
from das_hpo.service.nameserver import NameServer
from das_hpo.service.registration import DEAD, Registration
from spaces.errors import AuthenticationError, RunExistsError, VersionError, WireError
from spaces.trial import COMPLETED, TrialOutcome
from workers.transport.directory import locate
from workers.transport.keys import KeyFile
from workers.transport.messages import Answer, Caller
from workers.transport.wire import Remote
from workers.worker.worker import Worker, WorkerSettings

pytestmark = pytest.mark.usefixtures("no_threads_left")

OUTCOME = TrialOutcome(COMPLETED, 21.0, None, None, None)


class Client:
    """A worker's side of the wire, by hand."""

    def __init__(self, where: str, keys: KeyFile, name: str = "hand.1", session: str = "s1") -> None:
        self.remote = Remote(where, keys)
        self.caller = Caller(name, "hand", 1, "cpu", __version__, session)

    def ask(self, method: str, *arguments: Any, holding: tuple[str, ...] = ()) -> Answer:
        caller = replace(self.caller, holding=holding).to_dict()
        return Answer.from_mapping(self.remote.call(method, caller, *arguments))

    def claim(self, capacity: int = 1, holding: tuple[str, ...] = ()) -> Answer:
        return self.ask("claim", capacity, holding=holding)

    def report(self, token: str, outcome: Any = OUTCOME, capacity: int = 0, holding: tuple[str, ...] = ()) -> Answer:
        values = outcome.to_dict() if isinstance(outcome, TrialOutcome) else outcome
        return self.ask("report", token, values, 1.0, capacity, holding=holding)

    def beat(self, *tokens: str) -> list[str]:
        return list(self.remote.call("beat", self.caller.name, self.caller.session, tokens)["stop"])


@pytest.fixture
def serve(nameserver, keys, queue):
    """Starts dispatchers, and clients of them."""
    made: list[Any] = []

    def start(count: int) -> tuple[Any, Client, Dispatcher]:
        work = queue(count)
        dispatcher = Dispatcher(work, "a", nameserver=nameserver.address, keys=keys)
        dispatcher.start()
        with locate(nameserver.address, keys) as directory:
            client = Client(directory.dispatchers()[0]["a"], keys)
        made.extend([client.remote, dispatcher])
        return work, client, dispatcher

    yield start
    for thing in made:
        thing.close()


def test_an_acknowledgement_carries_the_next_work(serve):
    """One call an evaluation: the outcome goes, the next evaluation comes."""
    work, client, _ = serve(2)
    first = client.claim()
    assert [item.spec.seed for item in first.work] == [0]
    answer = client.report(first.work[0].token, capacity=1, holding=(first.work[0].token,))
    assert answer.report == "recorded"
    assert [item.spec.seed for item in answer.work] == [1]
    last = client.report(answer.work[0].token, capacity=1, holding=(answer.work[0].token,))
    assert (last.report, last.status, work.done) == ("recorded", "done", True)


def test_a_duplicate_report_changes_nothing(serve):
    """The second report of a token is told so; the outcome stays the first."""
    work, client, _ = serve(1)
    token = client.claim().work[0].token
    assert client.report(token).report == "recorded"
    assert client.report(token, replace(OUTCOME, one_shot_score=99.0)).report == "duplicate"
    assert work.outcomes[0].one_shot_score == 21.0
    assert not work.twice


def test_a_forged_token_is_refused(serve):
    """A report with a token that was never given out is told so, and nothing is recorded."""
    work, client, _ = serve(1)
    client.claim()
    assert client.report("forged").report == "unknown"
    assert not work.outcomes


def test_an_answer_that_was_lost_is_sent_again(serve):
    """A worker that claims again without the token it was given gets the same attempt, not another."""
    work, client, _ = serve(3)
    first = client.claim()
    assert client.claim() == first
    assert client.report(first.work[0].token, capacity=1, holding=(first.work[0].token,)).work[0].spec.seed == 1
    again = client.report(first.work[0].token, capacity=1, holding=(first.work[0].token,))
    assert again.report == "duplicate"
    assert [item.spec.seed for item in again.work] == [1]
    assert len(work.attempts) == 2


def test_capacity_claims_what_fits_together(serve, queue):
    """A batch holds evaluations of one shape; the others wait for the next claim."""
    work, client, dispatcher = serve(6)
    plain = work.evaluation
    work.evaluation = lambda number: replace(plain(number), spec=replace(plain(number).spec, budget=1.0 + number % 2))
    first = client.claim(capacity=4)
    assert [item.spec.seed for item in first.work] == [0, 2]
    assert dispatcher.queued == 2
    second = client.claim(capacity=4, holding=tuple(item.token for item in first.work))
    assert [item.spec.seed for item in second.work] == [1, 3, 5]
    assert [item.spec.seed for item in client.claim(4, tuple(w.token for w in first.work + second.work)).work] == [4]


def test_a_beat_says_what_is_not_wanted(serve):
    """Tokens that are over, or were never given out, are not worth computing on."""
    _, client, _ = serve(2)
    token = client.claim().work[0].token
    assert client.beat(token) == []
    assert client.beat(token, "forged") == ["forged"]
    client.report(token)
    assert client.beat(token) == [token]


def test_twins_do_not_disturb_each_other(serve):
    """Two workers of one name (containers may share host name and process id) are told apart by their sessions."""
    work, client, _ = serve(3)
    twin = replace(client.caller, session="s2")
    first = client.claim().work[0]
    client.caller, twin = twin, client.caller
    second = client.claim().work[0]
    assert (first.spec.seed, second.spec.seed) == (0, 1)
    client.ask("leave", holding=(second.token,))
    client.caller = twin
    assert client.beat(first.token) == []
    assert client.report(first.token, holding=(first.token,)).report == "recorded"
    assert [(number, result) for number, result, _, _ in work.losses] == [(1, "handed-back")]


def test_a_name_is_served_once(serve, queue, nameserver, keys):
    """Two runs of one name, from two databases, at one nameserver: the second is refused, until the first has ended."""
    _, client, dispatcher = serve(1)
    second = Dispatcher(queue(1), "a", nameserver=nameserver.address, keys=keys)
    with pytest.raises(RunExistsError, match=f"a run named a is being served at {client.remote.address} already"):
        second.start()
    dispatcher.close()
    with Dispatcher(queue(1), "a", nameserver=nameserver.address, keys=keys):
        pass


def test_an_entry_of_a_killed_master_is_taken_over(queue, nameserver, keys):
    """Nobody answers there."""
    with locate(nameserver.address, keys) as directory:
        directory.enter("a", "PYRO:das-hpo.dispatcher.a@127.0.0.1:9")
        with Dispatcher(queue(1), "a", nameserver=nameserver.address, keys=keys):
            assert not directory.dispatchers()[0]["a"].endswith(":9")


def test_a_live_entry_of_another_address_is_not_overwritten(nameserver, keys):
    """Neither by das-hpo nor by a plain Pyro4 client; its own address and one that is known to have ended may be."""
    with locate(nameserver.address, keys) as directory:
        first, second = (f"PYRO:das-hpo.dispatcher.a@127.0.0.1:{port}" for port in (9, 10))
        assert directory.enter("a", first) == first
        assert directory.enter("a", second) == first
        assert directory.enter("a", first) == first
        with pytest.raises(WireError, match="which was renewed less than"):
            directory._remote.call("register", "das-hpo.dispatcher.a", second)
        assert directory.enter("a", second, first) == second
        assert directory.dispatchers()[0] == {"a": second}


def test_a_run_that_stood_still_is_neither_overwritten_nor_goes_on_beside_another(
    queue, nameserver, keys, monkeypatch, caplog
):
    """One that does not answer is waited for until its entry has been forgotten; then it ends when it wakes."""
    monkeypatch.setattr(nameserver_module, "EXPIRY_S", 2.0)
    monkeypatch.setattr(dispatcher_module, "REACH_S", 0.3)
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections as the kernel of a stopped process does
    with closing(silent), locate(nameserver.address, keys) as directory:
        where = f"PYRO:das-hpo.dispatcher.a@127.0.0.1:{silent.getsockname()[1]}"
        stopped = Registration("a", lambda _: DEAD, threading.Event())
        stopped.begin(directory, where)
        with Dispatcher(queue(1), "a", nameserver=nameserver.address, keys=keys):
            assert "waiting up to" in caplog.text
            now = directory.dispatchers()[0]["a"]
            assert now != where
            assert stopped.renew(directory) is None
            assert stopped.displaced_by == now.rpartition("@")[2]
            assert directory.dispatchers()[0]["a"] == now


def test_a_process_that_was_seen_to_end_has_lost_its_work(serve):
    """Whoever starts local workers tells the dispatcher of their end."""
    work, client, dispatcher = serve(1)
    client.claim()
    dispatcher.worker_exited("hand.1")
    assert [result for _, result, _, _ in work.losses] == ["lost"]
    assert dispatcher.number_of_workers() == 0


def test_an_outcome_that_is_none_counts_as_an_error(serve):
    """A worker's mistake is the worker's: the evaluation is offered again."""
    work, client, _ = serve(1)
    token = client.claim().work[0].token
    client.report(token, {"status": "completed", "one_shot_score": float("nan")})
    assert [(result, final) for _, result, _, final in work.losses] == [("error", False)]
    assert not work.outcomes


@pytest.mark.parametrize("where", ["finished", "commit"])
def test_an_outcome_that_cannot_be_recorded_is_asked_for_again(serve, where):
    """Disk full, database locked: the worker keeps its outcome, and nothing was changed."""
    work, client, _ = serve(2)
    token = client.claim().work[0].token

    def full(place: str) -> None:
        if place == where:
            raise OSError("disk full")

    work.raises = full
    assert client.report(token, capacity=1, holding=(token,)).report == "again"
    work.raises = lambda place: None
    work.outcomes.clear()
    answer = client.report(token, capacity=1, holding=(token,))
    assert answer.report == "recorded"
    assert [item.spec.seed for item in answer.work] == [1]


@pytest.mark.parametrize("where", ["next", "started", "commit"])
def test_work_that_cannot_be_given_out_is_not_lost(serve, where):
    """The worker is told to wait, and gets it later."""
    work, client, _ = serve(2)

    def broken(place: str) -> None:
        if place == where:
            raise RuntimeError("no")

    work.raises = broken
    assert client.claim().status == "wait"
    work.raises = lambda place: None
    until = time.monotonic() + 10.0
    while not (answer := client.claim()).work:
        assert time.monotonic() < until
        time.sleep(answer.wait_s)
    assert [item.spec.seed for item in answer.work] == [0]


def test_a_proposal_that_raises_does_not_undo_an_outcome(serve):
    """The outcome and the next work share a transaction; the outcome is the one that matters."""
    work, client, _ = serve(2)
    token = client.claim().work[0].token

    def broken(place: str) -> None:
        if place == "next":
            raise RuntimeError("no proposal")

    work.raises = broken
    answer = client.report(token, capacity=1, holding=(token,))
    assert (answer.report, answer.status) == ("recorded", "wait")
    assert 0 in work.outcomes


def test_a_desk_without_work_is_not_asked_again_and_again(serve):
    """Many workers wait at the end of a rung; as soon as an outcome comes, the evaluation queue is asked again."""
    work, client, _ = serve(1)
    asked: list[str] = []
    token = client.claim().work[0].token
    work.raises = asked.append
    for _ in range(5):
        assert client.claim(holding=(token,)).status == "wait"
    assert asked.count("next") == 1
    work.count += 1
    assert client.report(token, capacity=0, holding=(token,)).report == "recorded"
    assert client.claim().status == "work"


def test_paused_gives_nothing_out_and_takes_outcomes_in(serve):
    """What the first Ctrl-C does."""
    work, client, dispatcher = serve(2)
    token = client.claim().work[0].token
    dispatcher.paused = True
    answer = client.report(token, capacity=1, holding=(token,))
    assert (answer.report, answer.status) == ("recorded", "wait")
    assert dispatcher.running == 0
    assert len(work.outcomes) == 1


def test_leaving_hands_back(serve):
    """A worker that ends: its evaluation is offered again, without counting as a failure."""
    work, client, dispatcher = serve(1)
    client.claim()
    client.ask("leave")
    assert work.losses == [(0, "handed-back", "the worker was stopped", False)]
    assert dispatcher.workers() == []


def test_a_worker_of_another_version_is_refused(serve):
    """With both versions named."""
    _, client, _ = serve(1)
    client.caller = replace(client.caller, version="0.0.1")
    answer = client.claim()
    assert answer.status == "refused"
    assert __version__ in answer.message
    assert "0.0.1" in answer.message


def test_a_worker_says_that_it_is_refused(serve, nameserver, keys):
    """A worker of one run ends with the reason."""
    serve(1)
    worker = Worker(nameserver.address, keys, WorkerSettings(run="a"), version="0.0.1", compute=lambda specs: [])
    with pytest.raises(VersionError, match=rf"run a is of das-hpo {__version__}, worker .* of 0\.0\.1"):
        worker.run()


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("claim", (None, 1)),
        ("claim", ({}, 1)),
        ("claim", ({"name": "x" * 1000}, 1)),
        ("report", ({}, "t", {}, 1.0, 0)),
        ("hand_back", ({}, [], "lost", "")),
        ("leave", ([],)),
    ],
)
def test_malformed_messages_are_refused(serve, method, arguments):
    """Nothing is raised on either side, and the dispatcher goes on."""
    _, client, _ = serve(1)
    answer = Answer.from_mapping(client.remote.call(method, *arguments))
    assert answer.status == "refused"
    assert client.claim().status == "work"


@pytest.mark.parametrize("capacity", [-1, 1.5, "1", 10**9, None])
def test_odd_capacities_are_refused(serve, capacity):
    """A capacity is a whole number within bounds."""
    _, client, _ = serve(1)
    assert client.claim(capacity).status == "refused"


def test_what_is_not_exposed_cannot_be_called(serve):
    """Five methods, and no attribute of anything else."""
    _, client, _ = serve(1)
    for name in ("_dispatcher", "close", "submit_job", "register_result", "__init__", "shutdown"):
        with pytest.raises(WireError):
            client.remote.call(name)


def test_another_key_is_refused_by_name(serve, nameserver, tmp_path, keys):
    """Whoever holds another key learns which file to copy, and is not answered."""
    _, client, _ = serve(1)
    other = KeyFile(tmp_path / "other")
    for wrong, words in ((other, "other"), (None, "which has none")):
        with pytest.raises(AuthenticationError, match=words):
            locate(nameserver.address, wrong)
        where = str(client.remote._uri)
        with (
            pytest.raises(AuthenticationError, match="holds another key than this process"),
            Remote(where, wrong) as remote,
        ):
            remote.call("claim", client.caller.to_dict(), 1)


def test_a_late_outcome_is_not_asked_for_again(serve):
    """Its evaluation waits to be computed again when the first worker reports after all: it waits no longer."""
    work, client, dispatcher = serve(2)
    token = client.claim().work[0].token
    dispatcher.worker_exited("hand.1")
    assert dispatcher.queued == 1
    answer = client.report(token, capacity=1, holding=(token,))
    assert answer.report == "recorded"
    assert [item.spec.seed for item in answer.work] == [1]
    assert dispatcher.queued == 0
    assert len(work.attempts) == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "localhost"])
def test_addresses_to_listen_on(queue, keys, host):
    """Everywhere (then the address that leads to the nameserver is named), IPv6, and by name."""
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6")
    at = "127.0.0.1" if host == "0.0.0.0" else host
    with (
        NameServer(at, keys=keys) as nameserver,
        Dispatcher(queue(1), "a", nameserver=nameserver.address, keys=keys, settings=DispatcherSettings(host=host)),
        locate(nameserver.address, keys) as directory,
    ):
        client = Client(directory.dispatchers()[0]["a"], keys)
        assert client.claim().status == "work"
        assert "0.0.0.0" not in client.remote.address
        client.remote.close()


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def test_a_friend_gone_mad_does_no_harm(serve):
    """Signed nonsense in any argument of any method: answered, logged, and nothing recorded."""
    work, client, dispatcher = serve(1)
    token = client.claim().work[0].token
    good = client.caller.to_dict()

    @given(st.data())
    @settings(max_examples=300, database=None)
    def go_mad(data: st.DataObject) -> None:
        method, count = data.draw(
            st.sampled_from([("claim", 2), ("report", 5), ("beat", 3), ("hand_back", 4), ("leave", 1)])
        )
        arguments = data.draw(st.lists(ARGUMENTS, min_size=count, max_size=count))
        if method != "leave" and data.draw(st.booleans()):
            arguments[0] = {**good, **data.draw(st.dictionaries(st.sampled_from(list(good)), ARGUMENTS, max_size=2))}
        with contextlib.suppress(WireError):
            client.remote.call(method, *arguments)

    go_mad()
    assert not work.outcomes
    assert dispatcher.running == 1
    assert client.report(token).report == "recorded"
