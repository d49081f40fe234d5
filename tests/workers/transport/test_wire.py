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
from workers.transport.wire import (
    MAX_DEPTH,
    Remote,
    checked,
    finite,
    format_address,
    native,
    object_uri,
    parse_address,
    text,
    uri,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20)


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


@pytest.mark.parametrize(
    "value",
    [10**400, 1 << 40_000, 2**63, -(2**63) - 1, math.nan, math.inf, -math.inf],
    ids=["400 digits", "10,000 hexadecimal digits", "2**63", "-2**63-1", "nan", "inf", "-inf"],
)
def test_numbers_that_no_database_holds_do_not_cross(value):
    """Neither out nor in, and the error can be written, however long the number is."""
    for refuse in (native, checked):
        with pytest.raises(WireError, match=r"an integer must fit into 64 bits|a number must be finite"):
            refuse({"a": [value]})
    with pytest.raises(WireError):
        finite(value, "duration")


@given(st.text(st.characters(codec=None) | st.sampled_from("\0\ud800\udcff"), min_size=1, max_size=20))
def test_texts_that_no_database_holds_do_not_cross(value):
    """native() writes out what cannot be stored, and nothing else; what comes in unclean is refused."""
    out = native(value)
    assert checked(out) is out
    assert out.encode().decode() == out
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        assert out != value
        for refuse in (lambda: checked({"a": value}), lambda: text(value, "a name")):
            with pytest.raises(WireError):
                refuse()
    else:
        assert out == value
        assert text(value, "a name") == value


@pytest.mark.parametrize(
    "value", ["", "x", "PYRONAME:x", "PYRO:x", "PYRO:@h:1", "PYRO:x@h:0", "PYRO:x@./u:socket", "PYRO:x\0@h:1", 5]
)
def test_what_is_no_address_of_an_object(value):
    """Pyro knows other forms, which would look for a nameserver, or open a file."""
    with pytest.raises(WireError):
        object_uri(value)
    assert object_uri("PYRO:das-hpo.dispatcher.a@[::1]:9090") == "PYRO:das-hpo.dispatcher.a@[::1]:9090"


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
    ("address", "expected"),
    [("127.0.0.1:9090", ("127.0.0.1", 9090)), ("host:1", ("host", 1)), ("[::1]:9090", ("::1", 9090))],
)
def test_addresses(address, expected):
    """HOST:PORT, and back."""
    assert parse_address(address) == expected
    assert format_address(*expected) == address


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
    with pytest.raises(WireError, match=r"duration must be a number|a number must be finite"):
        finite(value, "duration")


tokens = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=64)
names = tokens
specs = st.builds(
    TrialSpec,
    task=names,
    hyperparameters=st.sampled_from([values.to_dict() for values in PRESETS.values()]),
    settings=st.dictionaries(names, st.integers(-(2**63), 2**63 - 1) | st.booleans() | names, max_size=3),
    budget=st.floats(0.01, 1000),
    seed=st.integers(0, 2**63 - 1),
)
works = st.builds(Work, token=tokens, spec=specs, lease_s=st.floats(0.1, 1000))
answers = st.builds(
    Answer,
    status=st.sampled_from(["work", "wait", "done", "refused"]),
    work=st.lists(works, max_size=3).map(tuple),
    wait_s=st.floats(0, 3600),
    message=TEXTS,
    report=st.sampled_from(["", "recorded", "again"]),
)


@given(answers)
def test_answers_round_trip(answer):
    """Through serpent."""
    assert Answer.from_mapping(serpent.loads(serpent.dumps(answer.to_dict()))) == answer


callers = st.builds(
    Caller,
    names,
    names,
    st.integers(0, 2**22),
    names,
    names,
    names,
    st.lists(names, max_size=5).map(tuple),
    st.dictionaries(names, names, max_size=3),
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
