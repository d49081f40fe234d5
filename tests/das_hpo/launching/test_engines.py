"""The engines that there are."""

from __future__ import annotations

import pytest

from das_hpo.launching.engine import Placement
from das_hpo.launching.engines import engine_of
from das_hpo.launching.slurm import SlurmWorkers
from spaces.errors import InvalidValueError


def test_an_engine_has_a_name() -> None:
    """One that is unknown is refused, with the names that there are."""
    assert isinstance(engine_of(Placement("slurm")), SlurmWorkers)
    with pytest.raises(InvalidValueError, match="an engine is local, slurm or ray, got 'lsf'"):
        engine_of(Placement("lsf"))
