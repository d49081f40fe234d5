"""The paper's problem behind the protocol of tasks."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

import pytest

from spaces.errors import InvalidValueError, PluginError, UnknownNameError, UnknownPartError
from spaces.hyperparameters import PRESETS
from spaces.inverse_1d.choices import Choices
from spaces.inverse_1d.registries import METHODS, OwnHyperparameter
from spaces.trial import TrialSpec
from tests.plugins.isolation import registries_as_they_are
from workers.inverse_1d import TASK, Inverse1D, with_kernel


@pytest.fixture
def own_method() -> Iterator[str]:
    """A method with a hyperparameter of its own."""
    with registries_as_they_are():
        METHODS["own"] = dataclasses.replace(
            METHODS["das"], hyperparameters={"temperature": OwnHyperparameter(1.0, low=0.1, high=10.0)}
        )
        yield "own"


def test_settings_go_there_and_back() -> None:
    """Names and choices are one mapping, of which text is read; what is not given stays."""
    task = TASK.configured({"space": "cell", "tau": "0.05"})
    assert task == Inverse1D(space="cell", choices=Choices(tau=0.05))
    assert TASK.configured(task.settings) == task
    assert task.configured({"data": "downsampling"}).choices.tau == 0.05
    assert task.labels.to_dict() == {"space": "cell", "operations": "good", "data": "blur", "method": "das"}
    with pytest.raises(UnknownNameError, match="unknown setting 'depth': valid are space, operations"):
        task.configured({"depth": 3})
    with pytest.raises(UnknownPartError, match=f"unknown method 'own': valid are {', '.join(METHODS)}; others are"):
        task.configured({"method": "own"})
    with pytest.raises(InvalidValueError, match="das-single needs the sequential space, got cell"):
        task.configured({"method": "das-single"})


def test_hyperparameters_of_a_method_come_with_the_task(own_method: str) -> None:
    """Space, presets and checks have them; points of other methods are completed by the default."""
    task = TASK.configured({"method": own_method})
    assert "temperature" in task.configuration_space()
    assert task.presets["H1"] == {**PRESETS["H1"].to_dict(), "temperature": 1.0}
    assert task.completed(TASK.presets["H2"]) == task.presets["H2"]
    assert task.configuration(TASK.presets["H2"])["temperature"] == 1.0
    assert task.hyperparameters(task.configuration(task.presets["H2"])) == task.presets["H2"]
    task.check_hyperparameters(task.presets["H1"])
    with pytest.raises(InvalidValueError, match="hyperparameters missing: temperature"):
        task.check_hyperparameters(TASK.presets["H1"])
    with pytest.raises(UnknownNameError, match="unknown hyperparameter 'temperature'"):
        TASK.check_hyperparameters(task.presets["H1"])


def test_baselines_train_one_operation_or_draw_each() -> None:
    """One operation everywhere, or those of a generator; another name lists the valid ones."""
    assert TASK.baseline_architecture("net-only", random.Random(0)) == "sequential:" + ",".join(["net"] * 10)
    drawn = TASK.baseline_architecture("random", random.Random(3))
    assert drawn == TASK.baseline_architecture("random", random.Random(3))
    assert set(drawn.partition(":")[2].split(",")) == {"net", "learnable-gradient"}
    with pytest.raises(InvalidValueError, match="unknown baseline 'best': valid are learnable-gradient-only, net-only"):
        TASK.baseline_architecture("best", random.Random(0))


def test_a_trial_of_other_plugins_is_refused() -> None:
    """A trial says by which code of plug-ins it is to be computed; none is needed for the parts that are there."""
    spec = TrialSpec("inverse-1d", PRESETS["H1"].to_dict(), 1.0, 0, settings=TASK.settings)
    TASK.check_trial(spec)
    with pytest.raises(PluginError, match=r"other code \(none\) than those of the run \(0123456789abcdef\): use the"):
        TASK.check_trial(dataclasses.replace(spec, plugins="0123456789abcdef"))


def test_a_kernel_is_no_setting() -> None:
    """It is asked for apart, as it changes the last digits only."""
    fused = with_kernel(TASK, "fused")
    assert isinstance(fused, Inverse1D)
    assert fused.kernel == "fused"
    assert fused.settings == TASK.settings
