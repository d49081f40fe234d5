"""A task whose trials take no time: normal numbers around a known mean, some of which diverge."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter, UniformIntegerHyperparameter

from spaces.task import PSNR, Labels, Metric, Task
from spaces.trial import TrialOutcome, TrialSpec

#: As ``--task`` takes it.
DOOR = "tests.das_hpo.commands.noise:TASK"


@dataclass(frozen=True)
class Noise(Task):
    """Trials around ``mean`` with a deviation of ``spread``; ``stream`` tells configurations apart that are alike."""

    spread: float = 1.0
    wait_s: float = 0.0

    name = "noise"
    metric: Metric = PSNR
    labels = Labels("none", "none", "none", "none")

    @property
    def settings(self) -> dict[str, Any]:
        """Those that may be changed."""
        return {"spread": self.spread, "wait_s": self.wait_s}

    @property
    def presets(self) -> Mapping[str, Mapping[str, Any]]:
        """Two that are alike, one that is 2 dB better, one that is much worse, and one that always diverges."""
        return {
            "first": {"mean": 20.0, "stream": 0},
            "alike": {"mean": 20.0, "stream": 1},
            "better": {"mean": 22.0, "stream": 2},
            "poor": {"mean": 10.0, "stream": 3},
            "diverging": {"mean": 0.0, "stream": 4},
        }

    def configuration_space(self) -> ConfigurationSpace:
        """The mean, and the stream."""
        space = ConfigurationSpace()
        space.add(UniformFloatHyperparameter("mean", 0.0, 30.0), UniformIntegerHyperparameter("stream", 0, 9))
        return space

    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> Sequence[TrialOutcome]:
        """A number for each."""
        return [self._outcome(spec) for spec in specs]

    def _outcome(self, spec: TrialSpec) -> TrialOutcome:
        time.sleep(self.wait_s)
        mean = spec.hyperparameters["mean"]
        if mean == 0:
            return TrialOutcome("diverged", message="always")
        score = random.Random(f"{spec.seed} {spec.hyperparameters['stream']}").gauss(mean, self.spread)
        return TrialOutcome(one_shot_score=score, architecture_score=score, architecture="none")


TASK = Noise()
