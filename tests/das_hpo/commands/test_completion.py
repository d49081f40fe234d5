"""``das-hpo completion``: a real bash completes verbs, options and names of runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.das_hpo.command import das_hpo


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("das-hpo cance", ["cancel"]),
        ("das-hpo show la", ["lab"]),
        ("das-hpo runs --ta", ["--tag"]),
        ("das-hpo export --to opt", ["optuna"]),
    ],
    ids=["verb", "run", "option", "value"],
)
def test_bash_completes(line: str, expected: list[str], folder: Path, tmp_path: Path) -> None:
    """The printed code, asked as bash asks it."""
    command = tmp_path / "das-hpo"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m das_hpo "$@"\n')
    command.chmod(0o755)
    code = das_hpo("completion", "bash").stdout
    words = " ".join(line.split())
    script = (
        f"PATH={tmp_path}:$PATH\n{code}\n"
        f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}\n"
        f"_python_argcomplete das-hpo '{words.split()[-1]}' '{words.split()[-2]}'\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    found = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120, check=True)
    assert [word.strip() for word in found.stdout.split()] == expected, found.stderr


def test_every_shell_has_its_code() -> None:
    """An unknown one is refused with those that are known."""
    from das_hpo.commands.completion import SHELLS

    for shell in SHELLS[1:3]:
        assert "das-hpo" in das_hpo("completion", shell).stdout
    refused = das_hpo("completion", "fsh")
    assert refused.returncode == 2
    assert "did you mean 'fish'?" in refused.stderr
