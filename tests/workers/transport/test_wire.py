"""The wire: builtin types, addresses, and errors that say what happened."""

from __future__ import annotations

import math
import socket
import threading
from pathlib import Path

import numpy as np
import Pyro4.core
import pytest
import serpent
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnreachableError, WireError
from spaces.hyperparameters import PRESETS
from spaces.trial import Epoch, TrialOutcome, TrialSpec
from workers.transport.keys import KeyFile
from workers.transport.messages import Answer, Caller, Work
from workers.transport.wire import MAX_DEPTH, Remote, checked, finite, format_address, native, parse_address, uri

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_builtin_values_cross_unchanged(value):
    """native() leaves them alone, and serpent brings them back."""
    assert native(value) == value
    assert serpent.loads(serpent.dumps(native(value))) == value
    assert checked(value) is value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("adam"), "adam"),
        (np.arange(3), [0, 1, 2]),
        ({np.str_("a"): (np.float64(1.0), [np.int32(2)])}, {"a": (1.0, [2])}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numpy_becomes_builtin(value, expected):
    """What hpbandster and ConfigSpace hand over, serpent could not read back."""
    found = native(value)
    assert found == expected
    assert type(found) is type(expected)
    assert serpent.loads(serpent.dumps(found)) == expected


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 1j, range(3), Path("x")], ids=lambda v: type(v).__name__)
def test_other_types_do_not_cross(value):
    """Neither out nor in, however deep they are."""
    for refuse in (native, checked):
        with pytest.raises(WireError, match=type(value).__name__):
            refuse({"a": [value]})


def test_hostile_objects_are_not_touched():
    """A proxy that a message smuggles in would connect somewhere as soon as it is asked for an attribute."""
    proxy = Pyro4.core.Proxy("PYRO:x@127.0.0.1:1")
    with pytest.raises(WireError, match="Proxy"):
        checked({"a": proxy})


def test_depth_is_bounded():
    """A value that is nested too deeply is refused, before the interpreter's stack is at its end."""
    value: list[object] = []
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    for refuse in (native, checked):
        with pytest.raises(WireError):
            refuse(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:9090", ("127.0.0.1", 9090)), ("host:1", ("host", 1)), ("[::1]:9090", ("::1", 9090))],
)
def test_addresses(text, expected):
    """HOST:PORT, and back."""
    assert parse_address(text) == expected
    assert format_address(*expected) == text


@pytest.mark.parametrize("text", ["", "host", ":1", "host:", "host:x", "host:0", "host:65536", "host:-1"])
def test_what_is_no_address(text):
    """With an example of one."""
    with pytest.raises(InvalidValueError, match=r"an address is HOST:PORT, for example 127\.0\.0\.1:9090"):
        parse_address(text)


def test_nobody_there_is_said(tmp_path: Path):
    """The address and the reason, in one line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    remote = Remote(uri("x", f"127.0.0.1:{port}"), KeyFile(tmp_path / "key"))
    with pytest.raises(UnreachableError, match=rf"^nobody answers at 127\.0\.0\.1:{port} \(Connection refused\)$"):
        remote.call("ping")


def test_silence_ends_in_time(tmp_path: Path):
    """A host that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        remote = Remote(uri("x", f"127.0.0.1:{port}"), KeyFile(tmp_path / "key"), timeout_s=0.3)
        with pytest.raises(UnreachableError):
            remote.call("ping")


def test_another_server_is_said(tmp_path: Path):
    """Something answers, but not in our language."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        remote = Remote(uri("x", f"127.0.0.1:{server.getsockname()[1]}"), KeyFile(tmp_path / "key"))
        with pytest.raises(WireError, match="does not answer as das-hpo does"):
            remote.call("ping")
        thread.join()


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, True, [1]])
def test_numbers_are_checked(value):
    """Finite, and no text or boolean."""
    with pytest.raises(WireError, match="duration must be a number"):
        finite(value, "duration")


specs = st.builds(
    TrialSpec,
    hyperparameters=st.sampled_from(list(PRESETS.values())),
    budget=st.floats(0.01, 1000),
    seed=st.integers(0, 2**63 - 1),
)
works = st.builds(Work, token=st.text(min_size=1, max_size=64), spec=specs, lease_s=st.floats(0.1, 1000))
answers = st.builds(
    Answer,
    status=st.sampled_from(["work", "wait", "done", "refused"]),
    work=st.lists(works, max_size=3).map(tuple),
    wait_s=st.floats(0, 3600),
    message=st.text(),
    report=st.sampled_from(["", "recorded", "again"]),
)


@given(answers)
def test_answers_round_trip(answer):
    """Through serpent."""
    assert Answer.from_mapping(serpent.loads(serpent.dumps(answer.to_dict()))) == answer


names = st.text(min_size=1, max_size=64)
callers = st.builds(
    Caller, names, names, st.integers(0, 2**22), names, names, names, st.lists(names, max_size=5).map(tuple)
)


@given(callers)
def test_callers_round_trip(caller):
    """Through serpent."""
    assert Caller.from_mapping(serpent.loads(serpent.dumps(caller.to_dict()))) == caller


@given(VALUES)
def test_what_is_no_message_is_said(value):
    """Whatever comes in its place: a WireError, and nothing else."""
    for kind in (Answer, Caller):
        with pytest.raises(WireError):
            kind.from_mapping(value)


def test_outcomes_cross_as_they_are():
    """The numbers to the last bit."""
    epoch = Epoch("search", 1, 0.1, 1 / 3, None, 2e-308, ((0.1, 0.2), (1e300, -0.0)))
    outcome = TrialOutcome("completed", 20.123456789012345, None, "sequential:" + ",".join(["net"] * 10), 970, (epoch,))
    back = TrialOutcome.from_mapping(serpent.loads(serpent.dumps(native(outcome.to_dict()))))
    assert back == outcome
