"""A database that was filled through storage's own writes, for the verbs that read."""

from __future__ import annotations

from pathlib import Path

from spaces.inverse_1d.architecture import Architecture
from spaces.trial import Epoch, TrialOutcome
from storage.entries import NewRun, WorkerInfo
from tests.das_hpo.command import das_hpo

WORKER = WorkerInfo("host-1", "host", 1, "cpu", "0.1.0")


NET = str(Architecture.uniform("sequential", "net"))


#: (number, budget, one-shot PSNR, architecture PSNR); None is a diverged evaluation, "failed" one.
ROWS: list[tuple[int, float, float | str | None, float | None]] = [
    (0, 1.0, 15.25, 14.0),
    (1, 1.0, 18.5, 17.0),
    (2, 1.0, None, None),
    (1, 3.0, 20.123456789, 19.0),
    (0, 3.0, 19.5, 21.5),
    (3, 1.0, "failed", None),
]


def outcome(one_shot: float | None, architecture: float | None) -> TrialOutcome:
    """An outcome with those PSNRs."""
    curve = (Epoch("search", 1, 0.1, 10.0),)
    if one_shot is None:
        return TrialOutcome("diverged", None, None, None, None, curve, message="loss became NaN")
    return TrialOutcome("completed", one_shot, architecture, NET, 1010, curve)


def new_run(name: str) -> NewRun:
    """A run of that name."""
    settings = {"name": name, "aggregate": "mean", "iterations": 1, "choices": {"tau": 0.1}, "decisions": {}}
    return NewRun(name, "run", "one-shot", "sequential", "good", "blur", "das", "bohb", 7, settings)


def printed(folder: Path, *arguments: str) -> str:
    """What a command that succeeds prints, and that it says nothing else."""
    process = das_hpo(*arguments, cwd=folder)
    assert process.returncode == 0, process.stderr
    assert process.stderr == ""
    return process.stdout
