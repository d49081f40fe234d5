"""``das-hpo worker``: what it refuses before it asks anybody for work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ("--nameserver",)),
        (("--nameserver", "host"), ("HOST:PORT", "'host'")),
        (("--nameserver", "127.0.0.1:1", "--task", "nothing"), ("unknown task 'nothing'", "inverse-1d")),
        (("--nameserver", "127.0.0.1:1", "--device", "cpu,cpu"), ("a worker has one device",)),
        (("--nameserver", "127.0.0.1:1", "--capacity", "0"), ("--capacity", "1 or more", "'0'")),
        (("--nameserver", "10.0.0.1:1", "--insecure"), ("loopback",)),
        (("--nameserver", "127.0.0.1:1", "--idle-timeout", "0"), ("--idle-timeout", "1s to 365d")),
    ],
    ids=lambda value: " ".join(value[2:]) if value and value[0].startswith("--") else "",
)
def test_what_a_worker_cannot_do_is_refused(words: Sequence[str], said: Sequence[str], tmp_path: Path) -> None:
    """Exit 2, in one line."""
    process = das_hpo("worker", *words, environment={"DAS_HPO_KEY_FILE": str(tmp_path / "key")})
    assert_one_line_error(process, 2, *said)


def test_a_worker_without_a_nameserver_ends(tmp_path: Path) -> None:
    """Exit 1; ``--wait`` would have it wait."""
    process = das_hpo("worker", "--nameserver", "127.0.0.1:1", environment={"DAS_HPO_KEY_FILE": str(tmp_path / "key")})
    assert process.returncode == 1
    assert "no nameserver answers at 127.0.0.1:1" in process.stderr
