"""Arguments that name runs: completed to the names in the database that the line names."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from das_hpo.cli import COMMANDS
from das_hpo.commands.completing import add_run, add_runs, complete_runs, run_names


def test_names_come_from_the_database_that_the_line_names(folder: Path, tmp_path: Path) -> None:
    """Where it cannot be read there are none, and no error spoils the shell's line."""
    asked = argparse.Namespace(db=f"sqlite:///{folder}/das-hpo.db")
    assert [run_names(prefix, asked) for prefix in ("", "l", "x")] == [["lab", "new"], ["lab"], []]
    for url in (f"sqlite:///{tmp_path}/none.db", "nonsense"):
        assert run_names("", argparse.Namespace(db=url)) == []


@pytest.mark.parametrize("verb", ["show", "resume", "cancel", "delete", "compare", "evaluate", "export", "report"])
def test_verbs_that_take_runs_are_completed(verb: str) -> None:
    """Whoever wrote the verb."""
    parser = argparse.ArgumentParser()
    COMMANDS[verb].configure(parser)
    complete_runs(parser)
    assert run_names in [getattr(action, "completer", None) for action in parser._actions]


def test_one_run_or_several() -> None:
    """As ``run`` or ``runs``."""
    parser = argparse.ArgumentParser()
    add_run(parser)
    add_runs(parser)
    assert parser.parse_args(["a", "b", "c"]) == argparse.Namespace(run="a", runs=["b", "c"])
