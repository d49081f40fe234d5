"""What verbs that speak over the network have in common: kernels, keys, and waiting."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.das_hpo.command import GOOD, assert_one_line_error, das_hpo


@pytest.mark.parametrize(
    "verb",
    [
        GOOD,
        ("resume", "nobody"),
        ("worker", "--nameserver", "127.0.0.1:1"),
        ("evaluate", "H1"),
        ("baseline", "random"),
        ("reproduce", "findings"),
    ],
    ids=lambda verb: verb[0],
)
@pytest.mark.parametrize("device", ["cuda", "cuda:0,cuda:1"])
def test_fused_kernels_on_a_gpu_are_refused_at_the_start(verb: Sequence[str], device: str, tmp_path: Path) -> None:
    """By every verb that computes, on any machine; not even a key is made."""
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / ".key")}
    process = das_hpo(*verb, "--kernel", "fused", "--device", device, cwd=tmp_path, environment=environment)
    assert_one_line_error(process, 2, "fused", "CPUs alone", device.split(",")[0], "--device cpu", "--kernel auto")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def nameserver(tmp_path: Path) -> Iterator[str]:
    """The address of a nameserver with a key of its own."""
    (tmp_path / "theirs").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "das_hpo", "nameserver", "--port", "0"],
        env={**os.environ, "DAS_HPO_KEY_FILE": str(tmp_path / "theirs" / "key")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    yield process.stderr.readline().partition(" at ")[2].partition(",")[0]
    process.terminate()
    process.communicate(timeout=30)


@pytest.mark.parametrize("verb", [GOOD, ("worker", "--device", "cpu"), ("nameserver",)], ids=lambda verb: verb[0])
def test_a_wrong_key_is_said(verb: Sequence[str], nameserver: str, tmp_path: Path) -> None:
    """By whoever asks the nameserver; the file that has to be copied is named."""
    ours = {"DAS_HPO_KEY_FILE": str(tmp_path / "ours.key")}
    option = "--ping" if verb[0] == "nameserver" else "--nameserver"
    process = das_hpo(*verb, option, nameserver, cwd=tmp_path, environment=ours)
    assert_one_line_error(process, 1, "another key", "ours.key")
    assert not (tmp_path / "das-hpo.db").exists()


def test_a_key_file_open_to_others_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 4 + "\n")
    key.chmod(0o644)
    process = das_hpo(*GOOD, cwd=tmp_path, environment={"DAS_HPO_KEY_FILE": str(key)})
    assert_one_line_error(process, 1, "chmod 600")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("silent", [False, True], ids=["nobody there", "silent"])
def test_waiting_for_a_nameserver_is_ended_by_a_signal(tmp_path: Path, number: signal.Signals, silent: bool) -> None:
    """Exit 130 and nothing written, whether nobody listens or somebody never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        if not silent:
            listening.close()
        asked = ["--nameserver", address, "--wait", "9m", "--insecure", "--db", f"sqlite:///{tmp_path / 'none.db'}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "das_hpo", "run", "--objective", "one-shot", *asked, "-v"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(3.0)
        assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert list(tmp_path.iterdir()) == []
