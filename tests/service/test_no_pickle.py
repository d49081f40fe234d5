"""Nothing is ever unpickled: not from the wire, not from a file, and no module imports what could."""

from __future__ import annotations

import ast
import pickle
import socket
from pathlib import Path

import pytest
from Pyro4 import message
from Pyro4.util import MarshalSerializer, PickleSerializer, SerpentSerializer

from das_hpo.service.dispatcher import Dispatcher
from tests.service.conftest import ROOT
from workers.transport.directory import locate
from workers.transport.wire import NAMESERVER_ID, parse_address

UNPICKLERS = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
PACKAGES = ("spaces", "workers", "storage", "das_hpo")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_could(path: Path):
    """Neither an import of an unpickler, nor a loader that has one inside."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert not UNPICKLERS & {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in UNPICKLERS
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in {
                ("torch", "load"),
                ("pd", "read_pickle"),
                ("pandas", "read_pickle"),
                ("worker", "load_nameserver_credentials"),
            }
        elif isinstance(node, ast.keyword):
            assert not (node.arg == "allow_pickle" and getattr(node.value, "value", None) is True)


class Planted:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("serializer", [PickleSerializer, MarshalSerializer], ids=["pickle", "marshal"])
def test_no_message_is(nameserver, keys, tmp_path: Path, serializer: type):
    """A message in another serialisation is refused by its header, even if it is signed with the key."""
    key = keys.current()[0]
    greeting, _ = SerpentSerializer().serializeData({"handshake": "hello", "object": NAMESERVER_ID}, False)
    hello = message.Message(message.MSG_CONNECT, greeting, 1, message.FLAGS_META_ON_CONNECT, 0, hmac_key=key)
    bomb = pickle.dumps(Planted(tmp_path / "planted"))
    for kind, first in ((message.MSG_CONNECT, b""), (message.MSG_INVOKE, hello.to_bytes())):
        evil = message.Message(kind, bomb, serializer.serializer_id, 0, 1, hmac_key=key)
        with socket.create_connection(parse_address(nameserver.address), timeout=5) as sock:
            if first:
                sock.sendall(first)
                assert sock.recv(65536)
            sock.sendall(evil.to_bytes())
            assert sock.recv(65536) == b""
    assert not (tmp_path / "planted").exists()
    locate(nameserver.address, keys).close()


def test_no_file_is(nameserver, keys, queue, workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """hpbandster's credentials file, planted where a run might look for it, stays unread."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "stock", "0"):
        Path(f"HPB_run_{name}_pyro.pkl").write_bytes(pickle.dumps(Planted(tmp_path / "planted")))
    work = queue(2)
    with Dispatcher(work, "a", nameserver=nameserver.address, keys=keys):
        workers.start("pass", run="a")
        work.wait_for(lambda: work.done)
    assert not (tmp_path / "planted").exists()
