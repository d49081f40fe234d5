"""Every optimiser, ours and a user's own, against the reference suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

from das_hpo import optimizer_registry
from das_hpo.decisions import Decisions
from das_hpo.optimisers.protocol import Problem
from das_hpo.optimizer_registry import OPTIMIZERS, check_decisions, find_optimizer, register_optimizer
from spaces.errors import InvalidValueError, UsageError
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
    decisions = Decisions(**decided)

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


def test_an_own_optimiser_may_have_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registered, it is found by its name; the name is refused to another one, and so is what is no place."""
    monkeypatch.setattr(optimizer_registry, "OPTIMIZERS", dict(OPTIMIZERS))
    register_optimizer("climber", OWN)
    register_optimizer("climber", OWN)
    assert find_optimizer("climber") is find_optimizer(OWN)
    for name, place, message in (
        ("climber", "a:b", "registered already"),
        ("bohb", OWN, "registered already"),
        ("My Own", OWN, "lower-case"),
        ("mine", "no place", "package.module:function"),
    ):
        with pytest.raises(InvalidValueError, match=message):
            register_optimizer(name, place)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smac", "bohb, hyperband, random, tpe, cma-es, package.module:function"),
        ("a" * 60 + ":make", "at most 64"),
        ("no_such_module:make", "ModuleNotFoundError"),
        ("examples.own_optimizer:none", "has no function 'none'"),
        ("tests.das_hpo.optimisers.broken:make", "ZeroDivisionError"),
    ],
)
def test_an_optimiser_that_cannot_be_had_is_refused(name: str, message: str) -> None:
    """The message says what is valid, or why it cannot be imported."""
    with pytest.raises(UsageError, match=message):
        find_optimizer(name)


def test_decisions_that_an_optimiser_does_not_have_are_refused() -> None:
    """Nothing is accepted and ignored."""
    check_decisions("bohb", Decisions(num_samples=3))
    check_decisions("tpe", Decisions(parallel="liar"))
    for name in ("hyperband", "random", "tpe", "cma-es"):
        with pytest.raises(InvalidValueError, match=f"{name} does not decide num_samples"):
            check_decisions(name, Decisions(num_samples=3))
