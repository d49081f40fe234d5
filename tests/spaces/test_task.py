"""What every task has, and what it is refused for."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.task import PSNR, Labels, Metric, Task
from spaces.trial import TrialOutcome, TrialSpec

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


@dataclass(frozen=True)
class Small(Task):
    """A task with two settings and one hyperparameter."""

    depth: int = 3
    smooth: bool = False

    name = "small"
    metric = Metric("perplexity", larger_is_better=False)
    labels = Labels("space", "operations", "data", "method")

    def configuration_space(self) -> ConfigurationSpace:
        """One learning rate."""
        from ConfigSpace import ConfigurationSpace

        return ConfigurationSpace({"rate": (0.1, 1.0)})

    def run_trials(self, specs: Sequence[TrialSpec], device: str) -> Sequence[TrialOutcome]:
        """A score that is the depth."""
        return [TrialOutcome(one_shot_score=float(self.depth)) for _ in specs]


def test_settings_are_the_fields_and_are_read_as_their_types() -> None:
    """Text becomes the type of the default; other settings stay."""
    task = Small().configured({"depth": "5"})
    assert task == Small(depth=5)
    assert task.settings == {"depth": 5, "smooth": False}
    assert dataclasses.replace(task, smooth=True).configured({}) == Small(5, True)
    with pytest.raises(UnknownNameError, match="unknown setting of small 'width': valid are depth, smooth"):
        task.configured({"width": 1})
    with pytest.raises(InvalidValueError, match="depth takes a whole number, got 'deep'"):
        task.configured({"depth": "deep"})


def test_what_a_task_need_not_define_is_nothing() -> None:
    """Without presets, baselines and plug-ins; hyperparameters pass through as they are."""
    task = Small()
    assert (task.presets, task.baselines, task.plugins, task.version, task.sources) == ({}, (), "", "", ())
    assert task.hyperparameters({"rate": 0.5}) == task.configuration({"rate": 0.5}) == {"rate": 0.5}
    assert task.completed({"rate": 0.5}) == {"rate": 0.5}
    with pytest.raises(InvalidValueError, match="the task small has no baseline 'random'"):
        task.baseline_architecture("random", random.Random(0))
    with pytest.raises(InvalidValueError, match="hyperparameters missing: rate"):
        task.check_hyperparameters({})
    task.check_hyperparameters({"rate": 0.5, "own": 1})


def test_metrics_are_written_for_people() -> None:
    """A dB has two decimals, other scores four digits; no score is a dash."""
    assert (str(PSNR), PSNR.text(12.3456), PSNR.of_unit) == ("PSNR (dB)", "12.35", " dB")
    assert (str(Metric("accuracy")), Metric("accuracy").text(0.98761), Metric("accuracy").of_unit) == (
        "accuracy",
        "0.9876",
        "",
    )
    assert PSNR.text(None) == PSNR.text(float("nan")) == "-"
    assert PSNR.text(1.0, "+") == "+1.00"


@pytest.mark.parametrize("text", ["", " padded", "x" * 65, None, 3])
def test_names_and_labels_are_text_that_a_column_holds(text: str) -> None:
    """Anything else is refused when the object is made."""
    with pytest.raises(InvalidValueError, match="a metric's name is text of 1 to 64 letters, got"):
        Metric(text)
    with pytest.raises(InvalidValueError, match="a label 'data' is text of 1 to 64 letters, got"):
        Labels("space", "operations", text, "method")
