"""The optimisers that das-hpo ships, each put together from brackets and a sampler.

    bohb         Falkner et al. 2018       hpbandster's brackets and model
    hyperband    Li et al. 2018            hpbandster's brackets, random configurations
    random                                 random configurations, all at max_budget
    screening                              many random configurations at the least budget, the best few at max_budget
    tpe          Bergstra et al. 2011      hpbandster's brackets, Optuna's multivariate TPE
    cma-es       Hamano et al. 2022        hpbandster's brackets, CMA-ES with margin of Optuna's authors

Libraries that are slow to import are imported by the one that needs them.
"""

from __future__ import annotations

from das_hpo.optimisers.bracketed import BracketOptimizer
from das_hpo.optimisers.protocol import Problem
from das_hpo.optimisers.sampler import SeededBohb, SeededRandom
from das_hpo.optimisers.shapes import full_budget, screened


def bohb(problem: Problem) -> BracketOptimizer:
    """Hyperband's brackets with a model of good and bad configurations."""
    return BracketOptimizer(problem, SeededBohb(problem.space, problem.seed, problem.decisions))


def hyperband(problem: Problem) -> BracketOptimizer:
    """Hyperband's brackets with random configurations."""
    return BracketOptimizer(problem, SeededRandom(problem.space, problem.seed))


def random_search(problem: Problem) -> BracketOptimizer:
    """Every configuration at max_budget; an iteration costs about as much as one of Hyperband's."""
    return BracketOptimizer(problem, SeededRandom(problem.space, problem.seed), full_budget)


def screening(problem: Problem) -> BracketOptimizer:
    """Many configurations at the smallest budget, and the best few at max_budget: what a model has to beat."""
    return BracketOptimizer(problem, SeededRandom(problem.space, problem.seed), screened)


def tpe(problem: Problem) -> BracketOptimizer:
    """Hyperband's brackets with a tree-structured Parzen estimator."""
    from das_hpo.optimisers.tpe import TpeSampler

    return BracketOptimizer(problem, TpeSampler(problem.space, problem.seed, problem.decisions))


def cma_es(problem: Problem) -> BracketOptimizer:
    """Hyperband's brackets with covariance matrix adaptation."""
    from das_hpo.optimisers.cma_es import CmaEsSampler

    return BracketOptimizer(problem, CmaEsSampler(problem.space, problem.seed))
