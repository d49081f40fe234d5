"""Every optimiser, ours and a user's own, against the reference suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

from das_hpo.optimisers.protocol import Problem
from das_hpo.optimizer_registry import OPTIMIZERS, find_optimizer
from das_hpo.optimizer_settings import OptimizerSettings
from tests.das_hpo.optimisers import reference

OWN = "examples.own_optimizer:climb"


#: Optimisers with decisions under which more depends on the history.
DECIDED = {
    "bohb-decided": ("bohb", {"brackets": "ceiling", "model_budget": "supported", "parallel": "liar"}),
    "tpe-liar": ("tpe", {"brackets": "ceiling", "parallel": "liar"}),
}


CASES = {**{name: (name, {}) for name in (*OPTIMIZERS, OWN)}, **DECIDED}


@pytest.mark.parametrize("check", reference.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("case", CASES)
def test_every_optimiser_keeps_the_contract(case: str, check: Callable[[Any], None]) -> None:
    """What the check says holds for the optimiser."""
    name, decided = CASES[case]
    decisions = OptimizerSettings(**decided)

    def make(problem: Problem) -> Any:
        return find_optimizer(name)(replace(problem, decisions=decisions))

    check(make)


@pytest.mark.parametrize("name", ["bohb", "tpe", "cma-es", OWN])
def test_the_suite_sees_the_model(name: str) -> None:
    """Optimisers that learn propose from what they learned, so that a wrong restore would show in the suite."""
    proposals = reference.Run(find_optimizer(name)(reference.problem())).finish()
    assert sum(proposal.origin == "model" for proposal in proposals) >= 5


@pytest.mark.parametrize("name", ["bohb", "tpe", "cma-es", OWN])
def test_what_a_model_proposes_is_better_than_chance(name: str) -> None:
    """At one budget, proposals of a model have smaller losses than random ones."""
    losses: dict[str, list[float]] = {"model": [], "random": []}
    for each in (name, "hyperband"):
        for seed in range(4):
            run = reference.Run(find_optimizer(each)(reference.problem(seed=seed, iterations=30)))
            for proposal in {each.configuration_id: each for each in run.finish()}.values():
                if proposal.origin == "model" or each == "hyperband":
                    losses[proposal.origin].append(reference.loss(replace(proposal, budget=9.0)))
    assert len(losses["model"]) > 40
    assert stats.mannwhitneyu(losses["model"], losses["random"], alternative="less").pvalue < 1e-3
