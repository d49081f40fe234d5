"""A task whose trials only take time: its evaluations can be preempted."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ConfigSpace import ConfigurationSpace

from spaces.task import Labels, Metric, Task
from spaces.trial import TrialOutcome, TrialSpec


class SleepyTask(Task):
    """A second for each epoch."""

    name = "sleepy"
    metric = Metric("error", larger_is_better=False)
    labels = Labels("none", "none", "none", "none")

    def configuration_space(self) -> ConfigurationSpace:
        """One number."""
        return ConfigurationSpace({"x": (0.0, 1.0)})

    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> list[TrialOutcome]:
        """Its square, after a while."""
        time.sleep(sum(spec.budget for spec in specs))
        return [TrialOutcome(one_shot_score=spec.hyperparameters["x"] ** 2) for spec in specs]


TASK = SleepyTask()
