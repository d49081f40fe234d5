"""The database that the verbs read."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.hyperparameters import preset
from spaces.identity import ConfigurationId
from spaces.trial import TrialSpec
from storage import writes
from storage.engine import open_database
from storage.entries import NewConfiguration, NewEvaluation, NewOutcome
from tests.das_hpo.commands.lab import ROWS, WORKER, new_run, outcome


def fill(made: Path) -> None:
    """Makes das-hpo.db in a folder: the run `lab` with an end, the run `new` with nothing yet."""
    with open_database(f"sqlite:///{made}/das-hpo.db", create=True) as database:
        with database.begin() as session:
            run = writes.create_run(session, new_run("lab"))
            for number, name in enumerate(("H1", "H2", "BOHB-Blur", "BOHB-one-shot-DS")):
                configuration = NewConfiguration(
                    ConfigurationId(0, 0, number), "model" if number == 1 else "random", {}, preset(name).to_dict()
                )
                writes.add_configuration(session, run, configuration)
            for index, (number, budget, one_shot, architecture) in enumerate(ROWS):
                evaluation = writes.queue_evaluation(
                    session,
                    run,
                    NewEvaluation(ConfigurationId(0, 0, number), 0, TrialSpec("inverse-1d", {}, budget, index)),
                )
                writes.start_attempt(session, evaluation, f"token-{index}", WORKER)
                if isinstance(one_shot, str):
                    writes.end_attempt(session, f"token-{index}", "error", "no memory", final=True)
                else:
                    loss = None if one_shot is None else -one_shot
                    found = outcome(one_shot, architecture)
                    writes.record_outcome(session, NewOutcome(f"token-{index}", found, loss, 1.5))
            writes.set_run_status(session, run, "completed")
        with database.begin() as session:
            writes.create_run(session, new_run("new"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with das-hpo.db in it: the run `lab` with an end, the run `new` with nothing yet."""
    made = tmp_path_factory.mktemp("reading")
    fill(made)
    return made
