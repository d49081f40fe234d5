"""Running the real command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: A run that is right, to which the tests add what is wrong.
GOOD = (
    "run",
    "--objective",
    "one-shot",
    "--iterations",
    "1",
    "--min-budget",
    "1",
    "--max-budget",
    "1",
    "--workers",
    "1",
)


def das_hpo(
    *arguments: str, cwd: Path | None = None, environment: dict[str, str] | None = None, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs the real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "das_hpo", *arguments],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def assert_one_line_error(process: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """Exit status, nothing on stdout, one line on stderr that holds the words."""
    assert process.returncode == status, process.stderr
    assert process.stdout == ""
    lines = process.stderr.splitlines()
    assert len(lines) == 1, process.stderr
    assert lines[0].startswith("das-hpo: error: ")
    for word in words:
        assert word in lines[0]
