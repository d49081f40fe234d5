"""What an engine is told: numbers that cannot be are refused before anything is started."""

from __future__ import annotations

from typing import Any

import pytest

from das_hpo.launching.engine import Placement
from spaces.errors import InvalidValueError


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gpus_per_worker": 2.0}, "--gpus-per-worker is from 0 to 1, .* got 2"),
        ({"gpus_per_worker": -0.5}, "--gpus-per-worker is from 0 to 1"),
        ({"cpus_per_worker": 0}, "--cpus-per-worker is 1 or more, got 0"),
        ({"group": "a b"}, "--job-name is a word of letters"),
        ({"group": ""}, "--job-name is a word of letters"),
        ({"walltime_s": 5.0}, "walltime is a time of 1m to 365d"),
    ],
)
def test_what_cannot_be_placed_is_refused(values: dict[str, Any], words: str) -> None:
    """With the option's name and what is valid."""
    with pytest.raises(InvalidValueError, match=words):
        Placement("slurm", **values)


@pytest.mark.parametrize(("share", "workers"), [(0.0, 1), (1.0, 1), (0.5, 2), (0.25, 4), (0.3, 3), (0.1, 10)])
def test_workers_share_a_gpu_in_whole_numbers(share: float, workers: int) -> None:
    """As many as it has room for."""
    assert Placement("slurm", gpus_per_worker=share).per_gpu == workers
