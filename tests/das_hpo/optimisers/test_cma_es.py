"""Proposals of CMA-ES: generations, whose members they learn from, and convergence."""

from __future__ import annotations

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter

from das_hpo.optimisers.cma_es import CmaEsSampler, Evolution
from das_hpo.optimisers.protocol import Proposal
from spaces.errors import InvalidValueError
from spaces.hyperparameters import configuration_space
from spaces.identity import ConfigurationId


def test_an_evolution_finds_a_minimum() -> None:
    """Of a sphere in the unit cube, one of its dimensions with five levels."""
    evolution = Evolution(np.array([0.0, 0.0, 5.0]))
    target = np.array([0.2, 0.7, 0.75])
    for seed in range(600):
        evaluated, drawn = evolution.member(seed)
        evolution.tell(drawn, float(((evaluated - target) ** 2).sum()))
    last = [evolution.member(seed)[0] for seed in range(1000, 1020)]
    assert evolution.generation > 20
    assert np.abs(np.mean(last, axis=0) - target).max() < 0.15
    assert {float(member[2]) for member in last} <= {0.0, 0.25, 0.5, 0.75, 1.0}


def test_a_member_follows_from_its_seed() -> None:
    """Within a generation, however many were drawn before."""
    one, other = Evolution(np.zeros(2)), Evolution(np.zeros(2))
    for seed in range(3):
        other.member(seed)
    assert np.array_equal(one.member(9)[0], other.member(9)[0])


def propose(sampler: CmaEsSampler, number: int, budget: float = 3.0) -> Proposal:
    """A proposal of the first bracket."""
    identifier = ConfigurationId(0, 0, number)
    configuration, info = sampler.propose(budget, identifier)
    return Proposal(identifier, budget, configuration, "random", info)


def test_a_generation_learns_from_its_own_members_alone() -> None:
    """Results of another budget, of an earlier generation, and given configurations are left out."""
    sampler = CmaEsSampler(configuration_space(), 0)
    first = propose(sampler, 0)
    for proposal in (
        Proposal(first.configuration_id, 9.0, first.configuration, "random", first.info),
        Proposal(first.configuration_id, 3.0, first.configuration, "random", {"given": "H1"}),
    ):
        for _ in range(100):
            sampler.observe(proposal, 0.0)
    assert propose(sampler, 0) == first
    number = 0
    while propose(sampler, number).info["generation"] == 0:
        sampler.observe(propose(sampler, number), float(number))
        number += 1
    assert 4 <= number <= 30
    second = propose(sampler, 0)
    assert second.info["model_based_pick"]
    assert second.configuration != first.configuration
    for _ in range(100):
        sampler.observe(first, 0.0)  # its generation is over
    assert propose(sampler, 0) == second


def test_one_hyperparameter_is_too_few() -> None:
    """It is said before a run is made."""
    space = ConfigurationSpace()
    space.add(UniformFloatHyperparameter("x", 0.0, 1.0))
    with pytest.raises(InvalidValueError, match="two hyperparameters or more that vary, got 1"):
        CmaEsSampler(space, 0)
