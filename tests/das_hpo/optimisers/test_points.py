"""Configurations as vectors, and the samplers that work on them, in spaces of every kind."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from ConfigSpace import (
    CategoricalHyperparameter,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    OrdinalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)

from das_hpo.optimisers.cma_es import CmaEsSampler
from das_hpo.optimisers.points import from_point, levels, random_configuration, to_point
from das_hpo.optimisers.protocol import Proposal
from das_hpo.optimisers.tpe import TpeSampler
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId


def space() -> ConfigurationSpace:
    """Numbers, choices, an order, a constant, a condition and something forbidden."""
    made = ConfigurationSpace()
    kind = CategoricalHyperparameter("kind", ["plain", "momentum", "adam"])
    momentum = UniformFloatHyperparameter("momentum", 0.5, 0.99)
    made.add(
        [
            kind,
            momentum,
            UniformIntegerHyperparameter("layers", 1, 64, log=True),
            UniformFloatHyperparameter("rate", 1e-5, 1.0, log=True),
            OrdinalHyperparameter("size", ["small", "middle", "large"]),
            Constant("version", "two"),
        ]
    )
    made.add(EqualsCondition(momentum, kind, "momentum"))
    made.add(ForbiddenAndConjunction(ForbiddenEqualsClause(kind, "adam"), ForbiddenEqualsClause(made["size"], "large")))
    return made


@pytest.fixture(autouse=True)
def unwarned() -> Any:
    """Building a space warns of what newer ConfigSpace calls otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_a_configuration_survives_the_vector() -> None:
    """There and back, but for the rounding of numbers; what is inactive stays out."""
    here = space()
    for seed in range(60):
        configuration = random_configuration(here, seed)
        point = to_point(here, configuration)
        back = from_point(here, np.nan_to_num(point, nan=0.3), seed)
        assert back.keys() == configuration.keys()
        for name, value in configuration.items():
            assert back[name] == (pytest.approx(value, rel=1e-6) if type(value) is float else value)
        assert json.loads(json.dumps(back)) == back


def test_levels_count_the_choices() -> None:
    """Of categories and orders; one for a constant, none for numbers."""
    here = space()
    assert dict(zip(here, levels(here), strict=True)) == {
        "kind": 3, "layers": 0, "rate": 0, "size": 3, "version": 1, "momentum": 0,
    }  # fmt: skip


@pytest.mark.parametrize("sampler", [TpeSampler, CmaEsSampler])
def test_samplers_propose_legal_configurations(sampler: Any) -> None:
    """In a space with conditions, orders, constants and forbidden points, with and without a model; and they learn."""
    here = space()
    drawn = sampler(here, 1)
    layers: list[list[int]] = [[], []]
    for number in range(160):
        identifier = ConfigurationId(0, 0, number)
        configuration, info = drawn.propose(3.0, identifier)
        Configuration(here, values=configuration).check_valid_configuration()
        assert ("momentum" in configuration) == (configuration["kind"] == "momentum")
        assert not (configuration["kind"] == "adam" and configuration["size"] == "large")
        assert type(configuration["layers"]) is int
        layers[number >= 100].append(configuration["layers"])
        origin = "model" if info["model_based_pick"] else "random"
        proposal = Proposal(identifier, 3.0, configuration, origin, info)
        drawn.observe(proposal, float(configuration["layers"]))
    assert np.median(layers[1]) < np.median(layers[0])


def test_cma_es_needs_two_that_vary() -> None:
    """A space with one free hyperparameter is refused in one line."""
    here = ConfigurationSpace()
    here.add([UniformFloatHyperparameter("rate", 0.0, 1.0), Constant("version", 1)])
    with pytest.raises(InvalidValueError, match="needs two hyperparameters or more that vary, got 1"):
        CmaEsSampler(here, 0)
