"""The shapes of brackets: how many configurations an iteration has at which budgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from das_hpo.optimisers.brackets import bracket_sizes
from das_hpo.optimisers.protocol import Problem

#: Sizes and budgets of a bracket's rungs, the lowest first, from the problem, the budgets of all rungs and the number
#: of the iteration. Brackets repeat after as many iterations as there are budgets.
Shape = Callable[[Problem, Sequence[float], int], tuple[list[int], list[float]]]


def halving(problem: Problem, budgets: Sequence[float], index: int) -> tuple[list[int], list[float]]:
    """Hyperband's brackets: the first begins on the lowest rung, each further one a rung higher."""
    rungs = len(budgets) - index % len(budgets)
    sizes = bracket_sizes(rungs, len(budgets), problem.eta, problem.decisions.brackets)
    return sizes, list(budgets[-rungs:])


def full_budget(problem: Problem, budgets: Sequence[float], index: int) -> tuple[list[int], list[float]]:
    """Every configuration at max_budget alone, as many in an iteration as Hyperband has rungs."""
    return [len(budgets)], [problem.max_budget]


def screened(problem: Problem, budgets: Sequence[float], index: int) -> tuple[list[int], list[float]]:
    """Many configurations on the lowest rung, and the best of them at max_budget at once.

    As many reach max_budget as Hyperband has rungs, and eta^(rungs - 1) times as many begin, so that both rungs cost
    about the same: 27 configurations at 5.6 epochs, the best 3 of them at 50.
    """
    full = len(budgets)
    if full == 1:
        return full_budget(problem, budgets, index)
    return [int(full * problem.eta ** (full - 1) + 1e-9), full], [budgets[0], budgets[-1]]
