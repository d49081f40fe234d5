"""``das-hpo workers``: what it refuses, and local workers, which end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from das_hpo.launching.demand import demand_at
from das_hpo.service.nameserver import NameServer
from tests.das_hpo.command import assert_one_line_error, das_hpo
from tests.das_hpo.launching.test_local import wait_for
from workers.transport.keys import KeyFile


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ("--engine local end with the command that started them", "--count")),
        (("--engine", "slurm", "--count", "0"), ("--count", "1 or more")),
        (("--engine", "slurm", "--count", "1"), ("--nameserver HOST:PORT is required", "DAS_HPO_NAMESERVER")),
        (("--engine", "slurm", "--count", "1", "--stop"), ("not allowed with",)),
        (("--engine", "slurm", "--gpus-per-worker", "3"), ("from 0 to 1",)),
        (("--engine", "lsf"), ("invalid choice: 'lsf'",)),
    ],
)
def test_what_cannot_be_done_is_refused(words: Sequence[str], said: Sequence[str], tmp_path: Path) -> None:
    """Exit 2, in one line."""
    process = das_hpo("workers", *words, environment={"DAS_HPO_KEY_FILE": str(tmp_path / "key")})
    assert_one_line_error(process, 2, *said)


def test_without_slurm_it_fails(tmp_path: Path) -> None:
    """Exit 1: the command was valid, elsewhere."""
    process = das_hpo("workers", "--engine", "slurm", environment={"PATH": str(tmp_path)})
    assert_one_line_error(process, 1, "there is no squeue on this machine")


def test_local_workers_serve_until_the_command_ends(tmp_path: Path) -> None:
    """As many as were asked for, which end with it."""
    keys = KeyFile(tmp_path / "key")
    environment = {**os.environ, "DAS_HPO_KEY_FILE": str(keys.path), "OMP_NUM_THREADS": "1"}
    with NameServer(keys=keys) as nameserver:
        command = [sys.executable, "-m", "das_hpo", "workers", "--count", "2", "--device", "cpu"]
        with subprocess.Popen([*command, "--nameserver", nameserver.address], env=environment) as process:
            wait_for(lambda: demand_at(nameserver.address, keys).workers == 2, 120.0)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
