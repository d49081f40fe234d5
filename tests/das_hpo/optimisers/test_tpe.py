"""Proposals of Optuna's TPE: when there is a model, and whose."""

from __future__ import annotations

import numpy as np
import pytest

from das_hpo.optimisers.protocol import Proposal
from das_hpo.optimisers.tpe import STARTUP, TpeSampler
from das_hpo.optimizer_settings import OptimizerSettings
from spaces.hyperparameters import configuration_space
from spaces.identity import ConfigurationId


def told(sampler: TpeSampler, count: int, budget: float, best: float) -> None:
    """Tells so many random configurations, of which those near a learning rate of ``best`` are the good ones."""
    for number in range(count):
        identifier = ConfigurationId(50, 0, number)
        configuration, info = TpeSampler(configuration_space(), 7).propose(budget, identifier)
        distance = abs(np.log10(configuration["alpha_learning_rate"]) - np.log10(best))
        sampler.observe(Proposal(identifier, budget, configuration, "random", info), float(distance))


def test_a_model_begins_with_enough_results() -> None:
    """Before that, every proposal is random."""
    sampler = TpeSampler(configuration_space(), 0, OptimizerSettings(random_fraction=0.0))
    told(sampler, STARTUP - 1, 3.0, 1e-3)
    assert sampler.propose(3.0, ConfigurationId(0, 0, 0))[1] == {"model_based_pick": False}
    told(sampler, STARTUP, 3.0, 1e-3)
    assert sampler.propose(3.0, ConfigurationId(0, 0, 0))[1] == {"model_based_pick": True, "model_budget": 3.0}


def test_the_largest_budget_with_enough_results_proposes() -> None:
    """Whatever the proposal's own budget: proposals lie near the good ones of that budget."""
    sampler = TpeSampler(configuration_space(), 0, OptimizerSettings(random_fraction=0.0))
    told(sampler, 40, 3.0, 1e-4)
    told(sampler, 40, 9.0, 1e-1)
    told(sampler, STARTUP - 1, 27.0, 1e-4)
    found = [sampler.propose(3.0, ConfigurationId(0, 0, number)) for number in range(20)]
    assert {info["model_budget"] for _, info in found} == {9.0}
    assert np.median([configuration["alpha_learning_rate"] for configuration, _ in found]) > 1e-2


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_random_fraction_is_kept(fraction: float) -> None:
    """None or all of the proposals are random."""
    sampler = TpeSampler(configuration_space(), 0, OptimizerSettings(random_fraction=fraction))
    told(sampler, 2 * STARTUP, 3.0, 1e-3)
    picks = {sampler.propose(3.0, ConfigurationId(0, 0, number))[1]["model_based_pick"] for number in range(10)}
    assert picks == {fraction == 0.0}


def test_a_proposal_follows_from_its_id_alone() -> None:
    """Asked again, or after others, it is the same; so a resumed run proposes what the interrupted one would have."""
    samplers = [TpeSampler(configuration_space(), 3, OptimizerSettings(random_fraction=0.0)) for _ in range(2)]
    for sampler in samplers:
        told(sampler, 2 * STARTUP, 3.0, 1e-3)
    first = samplers[0].propose(3.0, ConfigurationId(1, 0, 4))
    for number in range(4):
        samplers[1].propose(3.0, ConfigurationId(1, 0, number))
    assert (
        samplers[1].propose(3.0, ConfigurationId(1, 0, 4))
        == first
        == samplers[0].propose(3.0, ConfigurationId(1, 0, 4))
    )
