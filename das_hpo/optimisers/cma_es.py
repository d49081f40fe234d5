"""Proposals of CMA-ES with margin (Hamano et al. 2022), by the package of Optuna's CMA-ES.

A generation learns from the ranks of its own members, so they must have been evaluated at one budget: each budget
at which brackets begin has an evolution of its own, and results of higher rungs only decide which configurations
advance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cmaes import CMAwM
from ConfigSpace import ConfigurationSpace

from das_hpo.optimisers.points import Floats, blank_point, from_point, levels
from das_hpo.optimisers.protocol import Proposal
from spaces.errors import InvalidValueError
from spaces.identity import ConfigurationId
from spaces.seeds import proposal_seed

#: Standard deviation of the first generation, in a unit cube.
SIGMA = 0.3


class Evolution:
    """One evolution in the unit cube: a distribution, and the members of its generation that were told.

    Args:
        levels: Number of choices of each dimension, 2 or more; 0 where it is continuous.
    """

    def __init__(self, levels: Floats) -> None:
        self._levels = levels
        self._told: list[tuple[Floats, float]] = []
        self._search = self._begun()
        self.generation = 0
        """How many generations are complete, over all restarts."""

    def member(self, seed: int) -> tuple[Floats, Floats]:
        """The member of the present generation with that seed: as it is evaluated, and as the distribution drew it."""
        self._search.reseed_rng(seed % 2**32)
        evaluated, drawn = self._search.ask()
        return evaluated, drawn

    def tell(self, drawn: Floats, loss: float) -> None:
        """Takes in a member of the present generation; the generation is complete with its population."""
        self._told.append((drawn, loss))
        if len(self._told) == self._search.population_size:
            self._search.tell(self._told)
            self._told = []
            self.generation += 1
            if self._search.should_stop():  # it has converged: begin anew, from everywhere
                self._search = self._begun()

    def _begun(self) -> CMAwM:
        dimensions = len(self._levels)
        steps = np.where(self._levels > 0, 1 / np.maximum(self._levels - 1, 1), 0.0)
        bounds = np.tile([0.0, 1.0], (dimensions, 1))
        # Every member has its own seed; the one given here is never drawn from.
        return CMAwM(mean=np.full(dimensions, 0.5), sigma=SIGMA, bounds=bounds, steps=steps, seed=0)


class CmaEsSampler:
    """One evolution for each budget at which configurations begin.

    Args:
        space: What is searched.
        seed: The run's seed.

    Raises:
        InvalidValueError: If fewer than two hyperparameters have a choice.
    """

    def __init__(self, space: ConfigurationSpace, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._counts = np.array(levels(space))
        self._varied = np.flatnonzero(self._counts != 1)
        if len(self._varied) < 2:
            raise InvalidValueError(
                f"cma-es needs two hyperparameters or more that vary, got {len(self._varied)}: choose another optimizer"
            )
        self._evolutions: dict[float, Evolution] = {}

    def propose(
        self, budget: float, configuration_id: ConfigurationId, pending: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The proposal for that configuration; see :class:`das_hpo.optimisers.bracketed.Sampler`."""
        seed = proposal_seed(self._seed, configuration_id)
        evolution = self._evolution(budget)
        evaluated, _ = evolution.member(seed)
        counts = self._counts[self._varied]
        point = blank_point(self._space)
        point[self._varied] = np.where(counts > 0, np.round(evaluated * np.maximum(counts - 1, 1)), evaluated)
        info = {
            "model_based_pick": evolution.generation > 0,
            "model_budget": budget,
            "generation": evolution.generation,
        }
        return from_point(self._space, point, seed), info

    def observe(self, proposal: Proposal, loss: float) -> None:
        """Tells the present generation the loss of one of its members; results of other configurations are ignored."""
        evolution = self._evolution(proposal.budget)
        info = proposal.info
        if info.get("generation") == evolution.generation and info.get("model_budget") == proposal.budget:
            _, drawn = evolution.member(proposal_seed(self._seed, proposal.configuration_id))
            evolution.tell(drawn, loss)

    def _evolution(self, budget: float) -> Evolution:
        if budget not in self._evolutions:
            self._evolutions[budget] = Evolution(self._counts[self._varied].astype(float))
        return self._evolutions[budget]
