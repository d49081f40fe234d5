"""One optimiser on one problem until the cost is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter

from benchmarks.arena.contests import OPTIMIZERS, Budgets, run_contest
from benchmarks.arena.results import ResultFile
from benchmarks.arena.runs import run_all
from spaces.trial import WORST_LOSS

BUDGETS = Budgets(1.0, 9.0, 150.0, (60.0, 150.0))


@dataclass
class Bowl:
    """A sphere whose losses are noisy at small budgets; a quarter of it diverges. Remembers what it was asked."""

    budgets: Budgets = BUDGETS
    asked: list[tuple[float, float, Mapping[str, Any]]] = field(default_factory=list)

    suite = "bowls"
    name = "bowl"

    def space(self) -> ConfigurationSpace:
        """Two numbers."""
        space = ConfigurationSpace()
        space.add(UniformFloatHyperparameter("x", -1.0, 1.0), UniformFloatHyperparameter("y", -1.0, 1.0))
        return space

    def instance(self, seed: int) -> Bowl:
        """Itself."""
        return self

    def loss(self, configuration: Mapping[str, Any], budget: float, seed: int) -> float:
        """The distance from the middle, with noise that falls with the budget."""
        found = WORST_LOSS if configuration["x"] < -0.5 else self.score(configuration) + seed % 997 / 997 / budget
        self.asked.append((budget, found, configuration))
        return found

    def score(self, configuration: Mapping[str, Any]) -> float:
        """The distance from the middle."""
        return float(configuration["x"] ** 2 + configuration["y"] ** 2)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_everything_that_is_evaluated_is_paid_for(optimizer: str) -> None:
    """The cost is that of all evaluations, small ones included, and less than one full evaluation is left over."""
    bowl = Bowl()
    course = run_contest(bowl, bowl, optimizer, 0)
    assert course.spent == pytest.approx(sum(budget for budget, _, _ in bowl.asked))
    assert bowl.budgets.limit - bowl.budgets.most < course.spent <= bowl.budgets.limit * (1 + 1e-9)
    assert course.evaluations == len(bowl.asked)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_incumbent_is_the_best_at_the_largest_budget(optimizer: str) -> None:
    """At every cost, found anew from all evaluations up to it; what diverged never is."""
    bowl = Bowl()
    course = run_contest(bowl, bowl, optimizer, 1)
    for count in range(1, len(bowl.asked) + 1):
        begun = [each for each in bowl.asked[:count] if each[1] < WORST_LOSS]
        largest = max((budget for budget, _, _ in begun), default=0.0)
        best = min((each for each in begun if each[0] == largest), key=lambda each: each[1], default=None)
        found = course.incumbent(sum(budget for budget, _, _ in bowl.asked[:count]) + 1e-6)
        assert (None if found is None else (found.budget, found.loss, found.configuration)) == best


def test_runs_that_are_kept_are_not_run_again(tmp_path: Any) -> None:
    """After a cut the rest is run, and the whole is what an uninterrupted run gives, the times apart."""
    whole, cut = ResultFile(tmp_path / "whole.csv.gz"), ResultFile(tmp_path / "cut.csv.gz")
    run_all([Bowl()], ["random", "tpe"], range(3), whole)
    run_all([Bowl()], ["random", "tpe"], range(1), cut)
    bowl = Bowl()
    run_all([bowl], ["random", "tpe"], range(3), ResultFile(tmp_path / "cut.csv.gz"))
    again = ResultFile(tmp_path / "cut.csv.gz").frame
    assert again.drop(columns="deciding_s").equals(whole.frame.drop(columns="deciding_s"))
    assert len(again) == 2 * 3 * 2
    asked = len(bowl.asked)
    run_all([bowl], ["random", "tpe"], range(3), ResultFile(tmp_path / "cut.csv.gz"))
    assert len(bowl.asked) == asked
