"""Every command in the README runs, in the README's order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import subprocess
from pathlib import Path

import pytest

from das_hpo.cli import COMMANDS, build_parser
from tests.docs.blocks import Terminal, blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "README.md"
README = PAGE.read_text()

#: The README's name of the machine that coordinates.
HEAD = re.compile(r"\bhead\b")


def test_the_readme_begins_with_the_two_commands() -> None:
    """Nothing but the title comes before them."""
    assert [command for _, command in blocks(PAGE)[:2]] == ["make run", "make test"]
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
    for language, text in blocks(PAGE):
        command = HEAD.sub("127.0.0.1", text.replace("9090", str(terminal.port))) if language == "sh" else text
        words = shlex.split(command) if language == "sh" else []
        if words[:1] == ["make"]:
            check_make(words[1])
        elif words[:1] == ["docker"]:
            assert (ROOT / "docker-compose.yml").exists()  # tests/test_containers.py reads it
        elif words[:2] in (["das-hpo", "nameserver"], ["das-hpo", "worker"]):
            terminal.serve(*words)
        else:
            terminal.type(language, command)
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
