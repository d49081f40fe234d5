"""``das-hpo nameserver``: what it listens on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.launching.test_local import wait_for


def test_an_empty_host_is_not_taken_for_all_networks() -> None:
    """As of an unset variable."""
    assert_one_line_error(das_hpo("nameserver", "--host", "", "--port", "0"), 2, "--host takes an address")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_its_address_is_in_a_file_while_it_serves(tmp_path: Path, host: str) -> None:
    """As other machines reach it; the environment names the file to who asks."""
    path = tmp_path / "shared" / "nameserver"
    environment = {"DAS_HPO_KEY_FILE": str(tmp_path / "key"), "DAS_HPO_NAMESERVER": f"file:{path}"}
    command = [
        sys.executable,
        "-m",
        "das_hpo",
        "nameserver",
        "--host",
        host,
        "--port",
        "0",
        "--address-file",
        str(path),
    ]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True) as process:
        wait_for(path.exists, 60.0)
        pinged = das_hpo("nameserver", "--ping", f"file:{path}", environment=environment)
        asked = das_hpo("demand", "--check", environment=environment)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert (pinged.returncode, asked.returncode) == (0, 1), pinged.stderr + asked.stderr
    assert "all" in asked.stdout
    assert ("which this machine alone reaches" in said) == (host == "127.0.0.1")
    assert process.returncode == 0
    assert list(path.parent.iterdir()) == []
