"""Options that say where workers go."""

from __future__ import annotations

import argparse
from pathlib import Path

from das_hpo.commands.placing import add_placement, placement
from das_hpo.launching.engine import Placement


def parsed(*words: str) -> Placement | None:
    """What the options say."""
    parser = argparse.ArgumentParser()
    add_placement(parser)
    return placement(parser.parse_args(words))


def test_without_an_engine_workers_are_processes_of_this_machine() -> None:
    """Whatever else is said."""
    assert parsed() is None
    assert parsed("--engine", "local", "--gpus-per-worker", "0.5") is None


def test_every_option_is_taken() -> None:
    """With the defaults of a placement where nothing is said."""
    assert parsed("--engine", "slurm") == Placement("slurm")
    words = "--engine slurm --job-name g --gpus-per-worker 0.25 --cpus-per-worker 2 --walltime 4h --ray-address a:1"
    assert parsed(*words.split(), "--engine-option=-p", "--engine-option=gpu", "--engine-folder", "logs") == Placement(
        "slurm", "g", 0.25, 2, Path("logs"), 14400.0, ("-p", "gpu"), "a:1"
    )
