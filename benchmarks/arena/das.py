"""Real DAS runs: the paper's problem, searched with few epochs, incumbents judged on trials with fresh seeds.

Every trial that was ever computed is kept in a file and never computed again: a run that was cut goes on where it was,
and runs of equal seeds share the trials of configurations that they share.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace

from benchmarks.arena.contests import Budgets
from das_hpo.files import write_file
from das_hpo.settings import RunSettings
from spaces.seeds import derive_seed
from spaces.trial import OBJECTIVES, WORST_LOSS, to_loss
from workers.inverse_1d import TASK

#: Trials with fresh seeds, the same for all configurations, that score an incumbent.
FRESH_TRIALS = 5

#: Epochs that a run may spend: 12 and 24 searches of 50 epochs.
LIMITS = (600.0, 1200.0)

FIELDS = ("problem", "configuration", "budget", "seed", "loss", "seconds")

#: Of one problem: the digest of a configuration, the budget and the seed.
Key = tuple[str, str, float, int]


class TrialFile:
    """All trials that were computed, in a compressed file of comma-separated values.

    Args:
        path: The file; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[Key, tuple[float, float]] = {}
        self._unsaved = 0
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
                for row in csv.DictReader(lines):
                    key = (row["problem"], row["configuration"], float(row["budget"]), int(row["seed"]))
                    self._rows[key] = (float(row["loss"]), float(row["seconds"]))

    @property
    def seconds(self) -> float:
        """Processor time of all trials."""
        return sum(seconds for _, seconds in self._rows.values())

    def get(self, key: Key) -> float | None:
        """The loss of a trial that was computed."""
        found = self._rows.get(key)
        return None if found is None else found[0]

    def put(self, key: Key, loss: float, seconds: float) -> None:
        """Keeps a trial, in the file after every 20."""
        self._rows[key] = (loss, round(seconds, 3))
        self._unsaved += 1
        if self._unsaved >= 20:
            self.save()

    def save(self) -> None:
        """Writes the file, completely or not at all; equal trials make equal files."""
        if self._unsaved:
            text = io.StringIO()
            rows = csv.writer(text, lineterminator="\n")
            rows.writerow(FIELDS)
            rows.writerows((*key, *values) for key, values in sorted(self._rows.items()))
            write_file(self._path, lambda path: path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0)))
            self._unsaved = 0


@dataclass(frozen=True)
class DasProblem:
    """One objective on one set of candidate operations, with blur data in the sequential space.

    Attributes:
        objective: ``one-shot`` or ``architecture``.
        operations: ``good`` or ``all``.
        trials: Where trials are kept.
        budgets: In epochs.
    """

    objective: str
    operations: str
    trials: TrialFile
    budgets: Budgets

    suite = "das"

    @property
    def searched(self) -> str:
        """Such as ``one-shot-good-blur``: problems that differ in their limit alone share trials."""
        return f"{self.objective}-{self.operations}-blur"

    @property
    def name(self) -> str:
        """Such as ``one-shot-good-blur-600``, with the epochs that a run may spend."""
        return f"{self.searched}-{self.budgets.limit:g}"

    @property
    def settings(self) -> RunSettings:
        """Those of a run of das-hpo."""
        return RunSettings(name="arena", objective=self.objective, settings={"operations": self.operations})

    def space(self) -> ConfigurationSpace:
        """The eight hyperparameters of the paper."""
        return self.settings.hyperparameter_space().space

    def instance(self, seed: int) -> DasInstance:
        """All runs are about the same."""
        return DasInstance(self)


class DasInstance:
    """Trials of a problem, from the file or computed.

    Args:
        problem: The problem.
    """

    def __init__(self, problem: DasProblem) -> None:
        self._problem = problem
        self._settings = problem.settings
        self._task = replace(TASK, kernel="fused")

    def loss(self, configuration: Mapping[str, Any], budget: float, seed: int) -> float:
        """The loss of the trial of that seed."""
        problem = self._problem
        hyperparameters = self._settings.hyperparameter_space().hyperparameters(configuration)
        key = (problem.searched, digest(hyperparameters), budget, seed)
        loss = problem.trials.get(key)
        if loss is None:
            began = time.process_time()
            (outcome,) = self._task.run_trials([self._settings.spec(hyperparameters, budget, seed)], "cpu")
            found = to_loss(outcome.score(problem.objective), larger_is_better=True)
            loss = WORST_LOSS if found is None else found
            problem.trials.put(key, loss, time.process_time() - began)
        return loss

    def score(self, configuration: Mapping[str, Any]) -> float:
        """Median loss of :data:`FRESH_TRIALS` trials with seeds that no run ever saw; a diverged one is the worst."""
        seeds = [derive_seed(0, "arena", "fresh", number) for number in range(FRESH_TRIALS)]
        score = statistics.median(self.loss(configuration, self._problem.budgets.most, seed) for seed in seeds)
        self._problem.trials.save()
        return score


def problems(trials: TrialFile) -> list[DasProblem]:
    """Both objectives, with each limit."""
    return [
        DasProblem(objective, "good", trials, Budgets(5.0, 50.0, limit, (limit,)))
        for objective in OBJECTIVES
        for limit in LIMITS
    ]


def digest(hyperparameters: Mapping[str, Any]) -> str:
    """A short name of a configuration."""
    return hashlib.sha256(json.dumps(dict(hyperparameters), sort_keys=True).encode()).hexdigest()[:12]
