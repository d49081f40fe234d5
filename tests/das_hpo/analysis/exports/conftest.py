"""A run and a campaign to be exported, with every way in which an evaluation can end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from das_hpo.analysis.exports.source import ExportedRun, read_run
from spaces.hyperparameters import PRESETS
from spaces.trial import Epoch
from storage.engine import open_database
from tests.das_hpo.databases import Run, Trial, store, trials

CURVE = (
    Epoch("search", 1, 0.5, 10.0, 0.6, 9.5, ((0.25, 0.75),)),
    Epoch("search", 2, 0.25, 12.5),
    Epoch("retrain", 1, 0.125),
)
H1, H2, BLUR = (PRESETS[name] for name in ("H1", "H2", "BOHB-Blur"))

#: Configuration 1 is the best at 9 epochs; 2 diverged, 3 failed, 4 waits; 1 has a score at each rung.
RUN = Run(
    "lab",
    [
        Trial(14.0, 15.0, 0, 1.0, epochs=CURVE, hyperparameters=H1),
        Trial(16.0, 17.0, 1, 1.0, hyperparameters=H2),
        Trial(None, None, 2, 1.0, hyperparameters=BLUR),
        Trial(None, None, 3, 1.0, status="failed"),
        Trial(18.0, 19.5, 1, 3.0, seed=7, hyperparameters=H2),
        Trial(21.0, 20.25, 1, 9.0, seed=8, hyperparameters=H2, epochs=CURVE),
        Trial(20.0, 20.5, 0, 9.0, hyperparameters=H1),
        Trial(None, None, 4, 1.0, status="queued"),
    ],
    kind="run",
)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with both."""
    found = f"sqlite:///{tmp_path_factory.mktemp('exports')}/runs.db"
    store(found, RUN, Run("trials", trials([20.0, 21.0, None, 19.0])))
    return found


@pytest.fixture(scope="session")
def exported(url: str) -> Callable[[str], ExportedRun]:
    """Reads one of them."""

    def read(name: str) -> ExportedRun:
        with open_database(url) as database:
            return read_run(database, name)

    return read


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where nothing is yet."""
    return tmp_path / "out"
