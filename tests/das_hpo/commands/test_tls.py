"""``das-hpo tls init``, and the commands that use what it makes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.das_hpo.command import assert_one_line_error, das_hpo


def exported(text: str) -> dict[str, str]:
    """The environment that was printed."""
    return dict(line.removeprefix("export ").split("=", 1) for line in text.splitlines())


def test_nameserver_and_ping_over_tls(tmp_path: Path):
    """What init prints is all that is needed; without it the nameserver is closed."""
    plain = {"DAS_HPO_KEY_FILE": str(tmp_path / "key")}
    made = das_hpo("tls", "init", "--directory", str(tmp_path / "tls"), environment=plain)
    assert made.returncode == 0, made.stderr
    tls = {**plain, **exported(made.stdout)}
    server = subprocess.Popen(
        [sys.executable, "-m", "das_hpo", "nameserver", "--port", "0"],
        env={**os.environ, **tls},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        address = server.stderr.readline().split("nameserver at ")[1].split(",")[0]
        assert das_hpo("nameserver", "--ping", address, environment=tls).returncode == 0
        assert_one_line_error(
            das_hpo("nameserver", "--ping", address, environment=plain), 1, "uses TLS, which this process does not"
        )
    finally:
        server.terminate()
        assert server.wait(20) == 0
        server.stderr.close()


def test_a_part_of_the_options_is_refused(tmp_path: Path):
    """All three, or none."""
    assert_one_line_error(
        das_hpo("worker", "--nameserver", "127.0.0.1:1", "--tls-cert", "x", cwd=tmp_path),
        2,
        "TLS needs all of --tls-cert, --tls-key, --tls-ca: give --tls-key and --tls-ca as well",
    )


def test_names_are_files_names(tmp_path: Path):
    """No path, and not the authority's own."""
    for name in ("../up", "ca", "a/b"):
        process = das_hpo("tls", "init", "--directory", str(tmp_path / "tls"), "--name", name)
        assert_one_line_error(process, 2, "--name is the name of a file other than ca")
    assert not (tmp_path / "tls").exists()


def test_the_command_imports_no_cryptography():
    """Only making certificates does."""
    script = "import sys; from das_hpo.commands import tls; print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"
