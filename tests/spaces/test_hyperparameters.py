"""Hyperparameters against the paper's tables, and to ConfigSpace and back."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.errors import InvalidValueError, UnknownNameError
from spaces.hyperparameters import (
    CATEGORIES,
    HYPERPARAMETERS,
    PRESETS,
    RANGES,
    Hyperparameters,
    check_methods,
    configuration_space,
    from_configuration,
    preset,
    searched,
    to_configuration,
)
from spaces.inverse_1d.registries import METHODS, OwnHyperparameter
from tests.plugins.isolation import registries_as_they_are

TABLES = json.loads(
    (Path(__file__).parents[2] / "das_hpo" / "analysis" / "reproduction" / "data" / "paper_tables.json").read_text(
        encoding="utf-8"
    )
)


def hyperparameters() -> st.SearchStrategy[Hyperparameters]:
    """Any point of the space."""
    ranges = {name: st.floats(low, high) for name, (low, high) in RANGES.items()}
    return st.builds(
        Hyperparameters, **ranges, **{name: st.sampled_from(values) for name, values in CATEGORIES.items()}
    )


def test_presets_are_the_papers() -> None:
    """All eight presets have the numbers of Tables 6 to 8."""
    assert {name: point.to_dict() for name, point in PRESETS.items()} == TABLES["presets"]
    assert len(PRESETS) == 8
    assert list(PRESETS["H1"].to_dict()) == list(TABLES["presets"]["H1"])


def test_ranges_are_the_papers() -> None:
    """Ranges and categories are those of Table 7."""
    ours = {name: list(values) for name, values in {**RANGES, **CATEGORIES}.items()}
    assert ours == TABLES["hyperparameter_ranges"]


def test_presets_lie_in_the_space() -> None:
    """Every preset is a point of the configuration space (which rounds to some thirteen digits)."""
    space = configuration_space()
    from ConfigSpace import Configuration

    for point in PRESETS.values():
        read = from_configuration(Configuration(space, values=to_configuration(point)))
        for name, value in point.to_dict().items():
            assert getattr(read, name) == (pytest.approx(value, rel=1e-9) if name in RANGES else value)


@given(hyperparameters())
def test_round_trips(point: Hyperparameters) -> None:
    """A point is read back from builtin types and from its configuration."""
    assert Hyperparameters.from_mapping(point.to_dict()) == point
    assert from_configuration(to_configuration(point)) == point


@pytest.mark.parametrize("method", METHODS)
def test_sampled_configurations_are_points(method: str) -> None:
    """What ConfigSpace samples is read as hyperparameters within the ranges, of builtin types."""
    space = configuration_space(method)
    space.seed(0)
    assert sorted(space) == sorted(searched(method))
    for configuration in space.sample_configuration(50):
        point = from_configuration(configuration, method)
        for name, (low, high) in RANGES.items():
            assert low <= getattr(point, name) <= high
        assert all(type(value) in (int, float, bool, str) for value in point.to_dict().values())
        assert to_configuration(point, method) == dict(configuration)


def test_rates_are_sampled_log_uniformly() -> None:
    """Half the learning rates lie below the geometric middle of their range."""
    space = configuration_space()
    space.seed(1)
    rates = [float(one["parameter_learning_rate"]) for one in space.sample_configuration(2000)]
    assert abs(sum(rate < 10**-2.5 for rate in rates) / 2000 - 0.5) < 0.06


def test_das_single_searches_alphas_five() -> None:
    """DAS-single keeps the parameter settings of BOHB-one-shot-Blur and searches the other five."""
    names = searched("das-single")
    assert len(names) == 5
    assert all(name.startswith("alpha_") for name in names)
    point = from_configuration(to_configuration(preset("H1"), "das-single"), "das-single")
    assert point.parameter_learning_rate == preset("BOHB-one-shot-Blur").parameter_learning_rate
    assert point.alpha_learning_rate == preset("H1").alpha_learning_rate
    assert from_configuration(to_configuration(preset("BOHB-DAS-single"), "das-single"), "das-single") == preset(
        "BOHB-DAS-single"
    )


def changed(**values: Any) -> dict[str, Any]:
    """H1 with other values."""
    return {**preset("H1").to_dict(), **values}


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        (changed(alpha_learning_rate=-1.0), InvalidValueError, "alpha_learning_rate must be a finite number of 0 or"),
        (changed(alpha_learning_rate=float("nan")), InvalidValueError, "must be a finite number"),
        (changed(parameter_weight_decay=True), InvalidValueError, "must be a finite number"),
        (changed(parameter_learning_rate="fast"), InvalidValueError, "got 'fast'"),
        (changed(alpha_optimizer="sgd"), UnknownNameError, "valid are adam, gradient-descent"),
        (changed(alpha_warm_up="true"), UnknownNameError, "unknown alpha_warm_up 'true': valid are True, False"),
        (changed(alpha_warm_up=1), UnknownNameError, "unknown alpha_warm_up 1"),
        (changed(momentum=0.9), UnknownNameError, "unknown hyperparameter 'momentum'"),
        ({"alpha_warm_up": True}, InvalidValueError, "hyperparameters missing: parameter_learning_rate"),
    ],
    ids=["negative", "nan", "bool", "text", "optimizer", "text bool", "int bool", "name", "missing"],
)
def test_invalid(values: dict[str, Any], error: type[Exception], match: str) -> None:
    """What is no point of the space says what is valid."""
    with pytest.raises(error, match=match):
        Hyperparameters.from_mapping(values)


def test_unknown_names() -> None:
    """Unknown presets and methods list the valid ones."""
    with pytest.raises(UnknownNameError, match="unknown preset 'H3': valid are H1, H2, BOHB-one-shot-Blur"):
        preset("H3")
    with pytest.raises(UnknownNameError, match=f"unknown method 'unheard-of': valid are {', '.join(METHODS)}"):
        searched("unheard-of")
    assert set(HYPERPARAMETERS) == set(TABLES["hyperparameter_ranges"])


OWN = {
    "temperature": OwnHyperparameter(1.0, low=0.1, high=10.0, log=True),
    "samples": OwnHyperparameter(2, low=1, high=5),
    "kind": OwnHyperparameter("soft", values=("soft", "hard")),
    "annealed": OwnHyperparameter(False, values=(True, False)),
}


@pytest.fixture
def own_method() -> Iterator[str]:
    """A method with a hyperparameter of each type beside the eight."""
    with registries_as_they_are():
        METHODS["own"] = dataclasses.replace(METHODS["das"], hyperparameters=OWN)
        check_methods()
        yield "own"


def test_hyperparameters_of_a_method_join_the_space(own_method: str) -> None:
    """They are sampled within their ranges, read as their own types, and written back."""
    space = configuration_space(own_method)
    space.seed(3)
    points = [from_configuration(configuration, own_method) for configuration in space.sample_configuration(200)]
    assert sorted(space) == sorted([*HYPERPARAMETERS, *OWN])
    for point in points:
        assert [type(value) for value in point.own.values()] == [float, int, str, bool]
        assert 0.1 <= float(point.own["temperature"]) <= 10
        assert Hyperparameters.from_mapping(point.to_dict(), own_method) == point
        assert from_configuration(to_configuration(point, own_method), own_method) == point
    assert {point.own["samples"] for point in points} == {1, 2, 3, 4, 5}
    assert {(point.own["kind"], point.own["annealed"]) for point in points} == {
        (kind, annealed) for kind in ("soft", "hard") for annealed in (True, False)
    }
    assert abs(sum(float(point.own["temperature"]) < 1 for point in points) / 200 - 0.5) < 0.12


def test_presets_have_the_defaults_of_a_method(own_method: str) -> None:
    """A preset of the paper says nothing of what a method adds; other methods have none of it."""
    assert preset("H1", own_method).own == {name: own.default for name, own in OWN.items()}
    assert preset("H1").own == {}
    with pytest.raises(UnknownNameError, match="unknown hyperparameter 'temperature': valid are parameter_learning"):
        Hyperparameters.from_mapping(preset("H1", own_method).to_dict(), "das")
    with pytest.raises(InvalidValueError, match="hyperparameters missing: temperature, samples, kind, annealed"):
        Hyperparameters.from_mapping(preset("H1").to_dict(), own_method)
    with pytest.raises(UnknownNameError, match="unknown kind 'sharp': valid are soft, hard"):
        from_configuration({**to_configuration(preset("H1", own_method), own_method), "kind": "sharp"}, own_method)
