"""The hyperparameter space of a run: the task's, narrowed, fixed, or from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, EqualsCondition, UniformIntegerHyperparameter

from das_hpo.hyperparameter_space import HyperparameterSpace, native, read_space_file
from spaces.errors import InvalidValueError, UsageError
from spaces.hyperparameters import HYPERPARAMETERS, PRESETS, RANGES
from workers.inverse_1d import TASK


def sampled(space: HyperparameterSpace) -> list[dict[str, Any]]:
    """What trials are given for a hundred random points."""
    space.space.seed(1)
    return [space.hyperparameters(point) for point in space.space.sample_configuration(100)]


def test_the_tasks_space_is_searched_by_default() -> None:
    """All of it; a point that a trial is given reads back as the point that was searched."""
    space = HyperparameterSpace(TASK)
    assert set(space.space) == set(HYPERPARAMETERS)
    for values in sampled(space):
        TASK.check_hyperparameters(values)
        assert space.hyperparameters(space.configuration(values)) == values


def test_a_range_narrows_or_widens() -> None:
    """What is proposed lies within, and a default that does not is moved."""
    name = "alpha_learning_rate"
    narrow = HyperparameterSpace(TASK, {name: (0.05, 0.07)})
    assert all(0.05 <= values[name] <= 0.07 for values in sampled(narrow))
    assert 0.05 <= narrow.space[name].default_value <= 0.07
    low, high = RANGES[name]
    wide = HyperparameterSpace(TASK, {name: (low / 100, high)})
    assert min(values[name] for values in sampled(wide)) < low


def test_what_is_fixed_is_given_to_every_trial() -> None:
    """As its own type, whether it came as text or not, and is not searched."""
    space = HyperparameterSpace(TASK, fixed={"parameter_warm_up": "true", "alpha_weight_decay": "1e-3"})
    assert not {"parameter_warm_up", "alpha_weight_decay"} & set(space.space)
    assert {(v["parameter_warm_up"], v["alpha_weight_decay"]) for v in sampled(space)} == {(True, 1e-3)}
    assert "parameter_warm_up" not in space.configuration(PRESETS["H1"].to_dict())


@pytest.mark.parametrize(
    ("ranges", "fixed", "message"),
    [
        ({"gamma": (0, 1)}, {}, "unknown hyperparameter 'gamma': valid are "),
        ({"alpha_optimizer": (0, 1)}, {}, "alpha_optimizer has no range: fix it with --fix alpha_optimizer=VALUE"),
        ({"alpha_learning_rate": (0.0, 1.0)}, {}, "logarithmic scale: its range must be above 0, got 0:1"),
        (
            {"alpha_learning_rate": (0.1, 1.0)},
            {"alpha_learning_rate": 0.1},
            "either a range or a fixed value, not both",
        ),
        ({}, {"gamma": 1}, "unknown hyperparameter 'gamma'"),
        ({}, {"alpha_optimizer": "sgd"}, "'sgd'"),
        ({}, {"alpha_learning_rate": "fast"}, "alpha_learning_rate takes a number"),
        ({}, {"alpha_learning_rate": "inf"}, "takes a finite number, got 'inf'"),
        ({}, PRESETS["H1"].to_dict(), "every hyperparameter is fixed: nothing is left to search"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(ranges: dict[str, Any], fixed: dict[str, Any], message: str) -> None:
    """With what is valid."""
    with pytest.raises(UsageError, match=message):
        HyperparameterSpace(TASK, ranges, fixed)


def test_whole_numbers_stay_whole() -> None:
    """A range of an integer has whole ends."""
    space = ConfigurationSpace()
    space.add(UniformIntegerHyperparameter("layers", 1, 9))
    with pytest.raises(InvalidValueError, match=r"layers takes whole numbers, got 1.5:3"):
        HyperparameterSpace(TASK, {"layers": (1.5, 3.0)}, document=space.to_serialized_dict())


def test_what_others_depend_on_cannot_be_fixed() -> None:
    """A file can say what is meant."""
    space = ConfigurationSpace()
    kind, layers = CategoricalHyperparameter("kind", ["a", "b"]), UniformIntegerHyperparameter("layers", 1, 9)
    space.add(kind, layers)
    space.add(EqualsCondition(layers, kind, "a"))

    class Free(type(TASK)):  # type: ignore[misc]
        """Takes whatever it is given."""

        def check_hyperparameters(self, values: Any) -> None:
            """Takes it."""

        def hyperparameters(self, configuration: Any) -> dict[str, Any]:
            """As they are."""
            return dict(configuration)

    with pytest.raises(InvalidValueError, match="kind: other hyperparameters depend on it; write the space you want"):
        HyperparameterSpace(Free(), fixed={"kind": "a"}, document=space.to_serialized_dict())


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_a_file_of_configspace_is_read(ending: str, tmp_path: Path) -> None:
    """As builtin types that can be stored, and make the same space again."""
    path = tmp_path / f"space.{ending}"
    written = TASK.configuration_space()
    getattr(written, f"to_{ending}")(path)
    document = read_space_file(str(path))
    json.dumps(document)
    assert HyperparameterSpace(TASK, document=document).space == written


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.json", None, "none.json cannot be read: FileNotFoundError"),
        ("bad.json", "{", "cannot be read: JSONDecodeError"),
        ("list.json", "[]", "must hold what ConfigurationSpace.to_json or to_yaml writes"),
        ("other.json", '{"hyperparameters": 3}', "this is no hyperparameter space of ConfigSpace"),
    ],
)
def test_another_file_is_refused_in_one_line(name: str, content: str | None, message: str, tmp_path: Path) -> None:
    """With its name and why."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InvalidValueError, match=message) as refused:
        read_space_file(str(tmp_path / name))
    assert "\n" not in str(refused.value)


def test_numpys_numbers_become_builtin_ones() -> None:
    """ConfigSpace gives numpy's, which JSON does not take."""
    configuration = TASK.configuration_space().sample_configuration()
    assert all(type(value) in (int, float, str, bool) for value in native(configuration).values())
