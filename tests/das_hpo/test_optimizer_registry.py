"""Which optimisers there are: names, places and settings."""

from __future__ import annotations

import pytest

from das_hpo import optimizer_registry
from das_hpo.optimizer_registry import OPTIMIZERS, check_optimizer_settings, find_optimizer, register_optimizer
from das_hpo.optimizer_settings import OptimizerSettings
from spaces.errors import InvalidValueError, UsageError

OWN = "examples.own_optimizer:climb"


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
        ("smac", "bohb, hyperband, random, screening, tpe, cma-es, package.module:function"),
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


def test_settings_that_an_optimiser_does_not_have_are_refused() -> None:
    """Nothing is accepted and ignored."""
    check_optimizer_settings("bohb", OptimizerSettings(num_samples=3))
    check_optimizer_settings("tpe", OptimizerSettings(parallel="liar"))
    for name in ("hyperband", "random", "tpe", "cma-es"):
        with pytest.raises(InvalidValueError, match=f"{name} has no setting num_samples"):
            check_optimizer_settings(name, OptimizerSettings(num_samples=3))
