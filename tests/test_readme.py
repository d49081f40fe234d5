"""Every command in the README runs, in the README's order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from das_hpo.cli import COMMANDS, build_parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```", README, re.DOTALL)

#: The README's name of the machine that coordinates.
HEAD = re.compile(r"\bhead\b")

#: Put behind the README's commands, so that they take seconds (the last of two equal options counts).
TINY = {
    "run": ("--iterations", "1", "--min-budget", "0.1", "--max-budget", "0.3"),
    "evaluate": ("--epochs", "0.3", "--trials", "6"),
}


def commands() -> list[tuple[str, str]]:
    """The language and the text of each command, without comments."""
    found = []
    for language, block in BLOCKS:
        if language == "python":
            found.append((language, block))
        else:
            lines = (line.partition("  #")[0].strip() for line in block.splitlines())
            found += [("sh", line) for line in lines if line]
    return found


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Terminal:
    """Runs commands as a user would, those that serve in the background."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.serving: list[subprocess.Popen[str]] = []
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DAS_HPO_KEY_FILE": str(folder / "key"),
            "OMP_NUM_THREADS": "1",
        }
        self.environment.pop("DAS_HPO_DB", None)

    def run(self, *words: str) -> None:
        """One command in the foreground; it must succeed."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"

    def serve(self, *words: str) -> None:
        """One command in the background; it must say that it is ready."""
        process = subprocess.Popen(words, cwd=self.folder, env=self.environment, stderr=subprocess.PIPE, text=True)
        self.serving.append(process)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "nameserver at" in line or "serves the nameserver" in line, line

    def close(self) -> None:
        """Stops what serves, the last first."""
        for process in reversed(self.serving):
            process.terminate()
        for process in self.serving:
            process.communicate(timeout=30)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in an empty folder."""
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


def test_the_readme_begins_with_the_two_commands() -> None:
    """Nothing but the title comes before them."""
    assert [command for _, command in commands()[:2]] == ["make run", "make test"]
    assert len(README.partition("```sh")[0].splitlines()) <= 3


def test_the_readme_names_every_verb() -> None:
    """The table of commands has them all."""
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    assert [verb for verb in COMMANDS if f"`{verb}`" not in table] == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^):#]+)\)", README))))
def test_the_files_that_the_readme_links_are_there(path: str) -> None:
    """No dead link inside the repository."""
    assert (ROOT / path).exists()


@pytest.mark.timeout(900)
def test_every_command_of_the_readme_runs(terminal: Terminal) -> None:
    """One after the other, as a new user would type them; searches are made short."""
    for language, command in commands():
        if language == "python":
            terminal.run(sys.executable, "-c", command)
            continue
        words = shlex.split(HEAD.sub("127.0.0.1", command.replace("9090", str(terminal.port))))
        if words[0] == "make":
            check_make(words[1])
        elif words[0] == "docker":
            assert (ROOT / "docker-compose.yml").exists()  # tests/test_containers.py reads it
        elif words[0] == "sqlite3" and shutil.which("sqlite3") is None:
            with sqlite3.connect(terminal.folder / words[1]) as connection:
                connection.execute(words[2]).fetchall()
            connection.close()
        elif words[:2] in (["das-hpo", "nameserver"], ["das-hpo", "worker"]):
            terminal.serve(*words)
        else:
            terminal.run(*words, *TINY.get(words[1], ()))
    assert (terminal.folder / "first.parquet").exists()
    with sqlite3.connect(terminal.folder / "das-hpo.db") as connection:
        rows = connection.execute("select run, count(*) from results group by run").fetchall()
    connection.close()
    evaluated = {f"{name}-sequential-good-blur": 6 for name in ("first", "second", "H1")}
    assert dict(rows) == {"first": 4, "second": 4, "third": 4, **evaluated}


def check_make(target: str) -> None:
    """The Makefile has the target, and the command lines in it are valid."""
    plan = subprocess.run(
        ["make", "-n", target],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in plan.splitlines():
        words = shlex.split(line)
        if words and words[0].endswith("/das-hpo"):
            build_parser().parse_args(words[1:])


def test_make_has_a_line_of_help_for_each_target() -> None:
    """`make` alone lists what there is."""
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "check", "bench"):
        assert re.search(rf"^{target}\s+\S", listed, re.MULTILINE)
