"""``python -m das_hpo``: what it does before anything else is imported."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.das_hpo.command import assert_one_line_error, das_hpo

#: Interrupts itself while the command line is being imported, as Ctrl-C does in its first tenth of a second.
INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "das_hpo.commands":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["das-hpo", "presets"]
from {module} import {function}
sys.exit({function}())
"""


def test_ctrl_c_at_the_very_start_is_one_line() -> None:
    """The installed command enters by a function that expects it before anything else is imported."""
    entry = tomllib.loads(Path("pyproject.toml").read_text())["project"]["scripts"]["das-hpo"]
    module, function = entry.split(":")
    script = INTERRUPTED.format(module=module, function=function)
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.stderr == "das-hpo: interrupted\n"
    assert process.returncode in (130, -signal.SIGINT)  # CPython ends by the signal if it came within an exec()
    assert process.stdout == ""


@pytest.mark.parametrize("name", ["storage", "spaces", "workers"])
def test_a_foreign_module_in_the_current_folder_is_named(name: str, tmp_path: Path) -> None:
    """Python finds it first: the command and the function say which file it is, and what to do."""
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('not of das-hpo')\n")
    process = das_hpo("runs", cwd=tmp_path)
    assert_one_line_error(process, 2, str(tmp_path / f"{name}.py"), "rename it", "another folder")
    code = "import das_hpo\ntry:\n    das_hpo.load_results('sqlite:///x.db')\n"
    code += "except ImportError as error:\n    print(error)"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert f"{name}.py" in said
    assert "rename it" in said


@pytest.mark.parametrize("name", ["das_hpo", "storage"])
def test_a_foreign_module_that_workers_would_import_is_named(name: str, tmp_path: Path) -> None:
    """A started script does not look into the current folder; ``python -m``, by which it starts workers, does."""
    (tmp_path / f"{name}.py").write_text("raise RuntimeError('not of das-hpo')\n")
    code = "import sys\nfrom das_hpo.__main__ import main\nsys.exit(main())"
    arguments = ["run", "--objective", "one-shot", "--workers", "1", "--quiet"]
    process = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert_one_line_error(process, 2, str(tmp_path / f"{name}.py"), "rename it")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.py"]


def test_a_folder_of_the_name_is_no_module(tmp_path: Path) -> None:
    """A folder called workers or storage, of whatever it is, is in nobody's way."""
    for name in ("storage", "workers"):
        (tmp_path / name).mkdir()
    process = das_hpo("presets", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
